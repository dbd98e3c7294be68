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
        mode=config["mode"],
        engine=literal(talking_head_flags()),
        videos=lambda wildcards: config["tracks"][wildcards.track]["videos"],
        model=model_param("score_talking_head"),
        gate=gate_param("score_talking_head"),
        scores=lambda wildcards, input: score_flags(input),
        version=VERSIONS["score_talking_head"],
        receipt=receipt_flag,
    message:
        "Looking for talking heads: {wildcards.track}/{wildcards.shard}"
    shell:
        f"{script('score_talking_head', 'vlm')}"
        " --track {wildcards.track} --shard={wildcards.shard:q}"
        " --clips {input.clips:q} --videos {params.videos:q}"
        " {params.scores:q} --gate {params.gate:q} {params.receipt:q}"
        " --mode {params.mode} {params.engine}"
        " --threads {threads}"
        f" {speed_flags('score_talking_head')}"
        " --output {output.scores:q} --stats {output.stats:q} > {log:q} 2>&1"
