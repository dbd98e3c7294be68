# B6: what a user could have asked to get a clip's commentary.
#
# needs  transcripts, clips, earlier scores (for the gate), the receipt of a local model;
#        for a service, its key in the environment
# makes  {results}/{track}/scores/make_prompts


rule make_prompts:
    input:
        transcripts=f"{RESULTS}/{{track}}/transcripts/{{shard}}.jsonl.zst",
        clips=f"{RESULTS}/{{track}}/clips/{{shard}}.parquet",
        scores=earlier_scores("make_prompts"),
        receipt=receipt("make_prompts"),
    output:
        scores=f"{RESULTS}/{{track}}/scores/make_prompts/{{shard}}.parquet",
        stats=f"{RESULTS}/{{track}}/stats/make_prompts/{{shard}}.json",
    log:
        f"{RESULTS}/logs/{{track}}/make_prompts/{{shard}}.log",
    conda:
        "../envs/lm.yaml"
    threads: threads_for("make_prompts")
    resources:
        **resources_for("make_prompts"),
        # Profiles allow one at a time: a job keeps many requests under way by itself, and its limits
        # (concurrency, requests a minute) are the service's, not a shard's.
        api=int(config["make_prompts"]["engine"] == "openai"),
    params:
        **score_params("make_prompts"),
    message:
        "Making prompts: {wildcards.track}/{wildcards.shard}"
    shell:
        score_shell("make_prompts", "lm")
