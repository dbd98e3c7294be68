# A3: is someone's face on the screen all the time? One score a video.
#
# needs  clips, earlier scores (for the gate), the videos themselves, the model's receipt
# makes  {results}/{track}/scores/score_talking_head


rule score_talking_head:
    input:
        clips=f"{RESULTS}/{{track}}/clips/{{shard}}.parquet",
        scores=earlier_scores("score_talking_head"),
        receipt=receipt("score_talking_head"),
    output:
        scores=f"{RESULTS}/{{track}}/scores/score_talking_head/{{shard}}.parquet",
        stats=f"{RESULTS}/{{track}}/stats/score_talking_head/{{shard}}.json",
    log:
        f"{RESULTS}/logs/{{track}}/score_talking_head/{{shard}}.log",
    conda:
        "../envs/vlm.yaml"
    threads: threads_for("score_talking_head")
    resources:
        **resources_for("score_talking_head"),
    params:
        **score_params("score_talking_head"),
    message:
        "Looking for talking heads: {wildcards.track}/{wildcards.shard}"
    shell:
        score_shell("score_talking_head", "vlm")
