# Transcripts that the input brings along ("content"), where transcribe is switched off.
#
# needs  the input shards of the SFT track, records
# makes  {results}/sft/transcripts


rule import_transcripts:
    input:
        shard=lambda wildcards: SHARDS["sft"][wildcards.shard],
        records=f"{RESULTS}/sft/records/{{shard}}.parquet",
    output:
        transcripts=f"{RESULTS}/sft/transcripts/{{shard}}.jsonl.zst",
        stats=f"{RESULTS}/sft/stats/import_transcripts/{{shard}}.json",
    log:
        f"{RESULTS}/logs/sft/import_transcripts/{{shard}}.log",
    conda:
        "../envs/workflow.yaml"
    threads: threads_for("clip_transcripts")
    resources:
        **resources_for("clip_transcripts"),
    params:
        mode=config["mode"],
        version=VERSIONS["import_transcripts"],
    message:
        "Taking transcripts from the input: {wildcards.shard}"
    shell:
        f"{script('import_transcripts')}"
        " {input.shard:q} --shard={wildcards.shard:q} --mode {params.mode}"
        " --records {input.records:q} --transcripts {output.transcripts:q}"
        " --stats {output.stats:q} > {log:q} 2>&1"
