# B2: transcribe each video, with word times.
#
# needs  records of the SFT track, its input shards if there is a gate, the videos, the models'
#        receipts
# makes  {results}/sft/transcripts

TRANSCRIBE = CATALOGUE.stages["transcribe"]


rule transcribe:
    input:
        **receipts_for(TRANSCRIBE),
        **settings_of(TRANSCRIBE),
        records=ANY.records,
        lines=gate_lines(TRANSCRIBE),
    output:
        transcripts=ANY.transcripts,
        stats=ANY.stats(TRANSCRIBE.name),
    log:
        LAYOUT.log("{track}", TRANSCRIBE.name, "{shard}"),
    wildcard_constraints:
        track=tracks_of(TRANSCRIBE),
    conda:
        conda_of(TRANSCRIBE)
    threads: threads_for(TRANSCRIBE)
    resources:
        **resources_for(TRANSCRIBE),
    params:
        **score_params(TRANSCRIBE),
        replaces=stats_of_alternative(TRANSCRIBE),
    message:
        f"{TRANSCRIBE.says}: {{wildcards.track}}/{{wildcards.shard}}"
    shell:
        SCORE_SHELL + " --output {output.transcripts:q} > {log:q} 2>&1"
        " && rm -f {params.replaces:q}"
