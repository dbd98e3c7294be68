# B2: what is said in each video, word by word, with times.
#
# needs  records of the SFT track, the videos themselves, the models' receipts
# makes  {results}/sft/transcripts


rule transcribe:
    input:
        records=f"{RESULTS}/sft/records/{{shard}}.parquet",
        receipt=receipt("transcribe"),
        align=receipt("transcribe:align"),
    output:
        transcripts=f"{RESULTS}/sft/transcripts/{{shard}}.jsonl.zst",
        stats=f"{RESULTS}/sft/stats/transcribe/{{shard}}.json",
    log:
        f"{RESULTS}/logs/sft/transcribe/{{shard}}.log",
    conda:
        f"../envs/{'whisperx' if config['transcribe']['engine'] == 'whisperx' else 'asr'}.yaml"
    threads: threads_for("transcribe")
    resources:
        **resources_for("transcribe"),
    params:
        mode=config["mode"],
        engine=literal(transcribe_flags()),
        videos=config["tracks"]["sft"]["videos"],
        model=model_param("transcribe"),
        align_model=model_param("transcribe:align"),
        version=VERSIONS["transcribe"],
        receipt=receipt_flag,
        align=lambda wildcards, input: [f"--align-receipt={input.align}"] if input.align else [],
    message:
        "Transcribing: {wildcards.shard}"
    shell:
        f"{script('transcribe', 'asr')}"
        " --track sft --shard={wildcards.shard:q}"
        " --records {input.records:q} --videos {params.videos:q}"
        " {params.receipt:q} {params.align:q} --mode {params.mode} {params.engine}"
        " --threads {threads}"
        f" {speed_flags('transcribe')}"
        " --transcripts {output.transcripts:q} --stats {output.stats:q} > {log:q} 2>&1"
