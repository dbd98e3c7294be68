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
        **score_params("transcribe"),
        align_model=model_param("transcribe:align"),
    message:
        "Transcribing: {wildcards.shard}"
    shell:
        score_shell("transcribe", "asr", "sft", "--transcripts {output.transcripts:q}")
