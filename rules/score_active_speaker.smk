# B5: in how much of a clip is its speaker on the screen? One score a clip.
#
# needs  transcripts, clips, earlier scores (for the gate), the videos themselves, the receipts of
#        Light-ASD and of a face detector
# makes  {results}/{track}/scores/score_active_speaker


rule score_active_speaker:
    input:
        transcripts=f"{RESULTS}/{{track}}/transcripts/{{shard}}.jsonl.zst",
        clips=f"{RESULTS}/{{track}}/clips/{{shard}}.parquet",
        scores=earlier_scores("score_active_speaker"),
        receipt=receipt("score_active_speaker"),
        detector=receipt("score_active_speaker:detector"),
    output:
        scores=f"{RESULTS}/{{track}}/scores/score_active_speaker/{{shard}}.parquet",
        stats=f"{RESULTS}/{{track}}/stats/score_active_speaker/{{shard}}.json",
    log:
        f"{RESULTS}/logs/{{track}}/score_active_speaker/{{shard}}.log",
    conda:
        "../envs/asd.yaml"
    threads: threads_for("score_active_speaker")
    resources:
        **resources_for("score_active_speaker"),
    params:
        **score_params("score_active_speaker"),
        detector_model=model_param("score_active_speaker:detector"),
    message:
        "Looking for active speakers: {wildcards.track}/{wildcards.shard}"
    shell:
        score_shell("score_active_speaker", "asd")
