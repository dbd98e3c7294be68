# Transcripts from the input ("content"), if the videos are not transcribed.
#
# needs  the input shards of the SFT track, records
# makes  {results}/sft/transcripts

IMPORT_TRANSCRIPTS = CATALOGUE.stages["import_transcripts"]
IMPORT_TRANSCRIPTS_PARAMS = {
    "mode": config["mode"],
    "version": IMPORT_TRANSCRIPTS.version_in(config["mode"]),
}


rule import_transcripts:
    input:
        shard=input_shard,
        records=ANY.records,
        settings=clips_made_differently(IMPORT_TRANSCRIPTS, IMPORT_TRANSCRIPTS_PARAMS),
    output:
        transcripts=ANY.transcripts,
        stats=ANY.stats(IMPORT_TRANSCRIPTS.name),
    log:
        LAYOUT.log("{track}", IMPORT_TRANSCRIPTS.name, "{shard}"),
    wildcard_constraints:
        track=tracks_of(IMPORT_TRANSCRIPTS),
    conda:
        "../envs/workflow.yaml"
    threads: threads_for(IMPORT_TRANSCRIPTS)
    resources:
        **resources_for(IMPORT_TRANSCRIPTS),
    params:
        **IMPORT_TRANSCRIPTS_PARAMS,
        made_with=clips_made_with(IMPORT_TRANSCRIPTS_PARAMS),
        replaces=stats_of_alternative(IMPORT_TRANSCRIPTS),
    message:
        f"{IMPORT_TRANSCRIPTS.says}: {{wildcards.track}}/{{wildcards.shard}}"
    shell:
        f"{script('import_transcripts')}"
        " {input.shard:q} --shard={wildcards.shard:q} --mode {params.mode}"
        " --records {input.records:q} --transcripts {output.transcripts:q}"
        " --stats {output.stats:q} --made-with={params.made_with} > {log:q} 2>&1"
        " && rm -f {params.replaces:q}"
