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
        **score_params("identify_language"),
    message:
        "Identifying languages: {wildcards.track}/{wildcards.shard}"
    shell:
        score_shell("identify_language", "lm")
