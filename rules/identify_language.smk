# Language of each clip's text.
#
# needs  transcripts and clips
# makes  {results}/{track}/scores/identify_language


rule identify_language:
    input:
        transcripts=f"{RESULTS}/{{track}}/transcripts/{{shard}}.jsonl.zst",
        clips=f"{RESULTS}/{{track}}/clips/{{shard}}.parquet",
        receipt=receipt("identify_language"),
    output:
        scores=f"{RESULTS}/{{track}}/scores/identify_language/{{shard}}.parquet",
        stats=f"{RESULTS}/{{track}}/stats/identify_language/{{shard}}.json",
    log:
        f"{RESULTS}/logs/{{track}}/identify_language/{{shard}}.log",
    conda:
        "../envs/lm.yaml"
    threads: threads_for("identify_language")
    resources:
        **resources_for("identify_language"),
    params:
        engine=config["identify_language"]["engine"],
        model=model_param("identify_language"),
        version=VERSIONS["identify_language"],
        receipt=receipt_flag,
    message:
        "Identifying languages: {wildcards.track}/{wildcards.shard}"
    shell:
        f"{script('identify_language', 'lm')}"
        " --track {wildcards.track} --shard={wildcards.shard:q}"
        " --transcripts {input.transcripts:q} --clips {input.clips:q}"
        " --engine {params.engine} {params.receipt:q}"
        f" {speed_flags('identify_language')}"
        " --output {output.scores:q} --stats {output.stats:q} > {log:q} 2>&1"
