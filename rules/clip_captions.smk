# A1: cut caption tracks into clips.
#
# needs  the input shards of the pre-training track
# makes  {results}/pretrain/transcripts, clips, videos (one row per input line, with what was wrong)


rule clip_captions:
    input:
        lambda wildcards: SHARDS["pretrain"][wildcards.shard],
    output:
        transcripts=f"{RESULTS}/pretrain/transcripts/{{shard}}.jsonl.zst",
        clips=f"{RESULTS}/pretrain/clips/{{shard}}.parquet",
        videos=f"{RESULTS}/pretrain/videos/{{shard}}.parquet",
        stats=f"{RESULTS}/pretrain/stats/clip_captions/{{shard}}.json",
    log:
        f"{RESULTS}/logs/pretrain/clip_captions/{{shard}}.log",
    conda:
        "../envs/workflow.yaml"
    threads: threads_for("clip_captions")
    resources:
        **resources_for("clip_captions"),
    params:
        mode=config["mode"],
        min_clip=config["clip_captions"]["min_clip_seconds"],
        max_clip=config["clip_captions"]["max_clip_seconds"],
        max_gap=config["clip_captions"]["max_gap_seconds"],
        version=VERSIONS["clip_captions"],
    message:
        "Cutting captions into clips: {wildcards.shard}"
    shell:
        f"{script('clip_captions')}"
        " {input:q} --shard={wildcards.shard:q} --mode {params.mode}"
        " --min-clip-seconds {params.min_clip} --max-clip-seconds {params.max_clip}"
        " --max-gap-seconds {params.max_gap}"
        " --transcripts {output.transcripts:q} --clips {output.clips:q}"
        " --videos {output.videos:q} --stats {output.stats:q} > {log:q} 2>&1"
