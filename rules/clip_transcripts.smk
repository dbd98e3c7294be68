# B3: cut transcripts into clips that begin with a sentence.
#
# needs  records and transcripts of the SFT track
# makes  {results}/sft/clips, videos (one row per input line, with what became of it)


rule clip_transcripts:
    input:
        records=f"{RESULTS}/sft/records/{{shard}}.parquet",
        transcripts=f"{RESULTS}/sft/transcripts/{{shard}}.jsonl.zst",
    output:
        clips=f"{RESULTS}/sft/clips/{{shard}}.parquet",
        videos=f"{RESULTS}/sft/videos/{{shard}}.parquet",
        stats=f"{RESULTS}/sft/stats/clip_transcripts/{{shard}}.json",
    log:
        f"{RESULTS}/logs/sft/clip_transcripts/{{shard}}.log",
    conda:
        "../envs/workflow.yaml"
    threads: threads_for("clip_transcripts")
    resources:
        **resources_for("clip_transcripts"),
    params:
        mode=config["mode"],
        min_clip=config["clip_transcripts"]["min_clip_seconds"],
        max_clip=config["clip_transcripts"]["max_clip_seconds"],
        max_silence=config["clip_transcripts"]["max_silence_seconds"],
        version=VERSIONS["clip_transcripts"],
    message:
        "Cutting transcripts into clips: {wildcards.shard}"
    shell:
        f"{script('clip_transcripts')}"
        " --shard={wildcards.shard:q} --mode {params.mode}"
        " --min-clip-seconds {params.min_clip} --max-clip-seconds {params.max_clip}"
        " --max-silence-seconds {params.max_silence}"
        " --records {input.records:q} --transcripts {input.transcripts:q}"
        " --clips {output.clips:q} --videos {output.videos:q}"
        " --stats {output.stats:q} > {log:q} 2>&1"
