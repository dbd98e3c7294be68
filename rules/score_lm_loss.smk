# A2: loss of a language model on each clip's text.
#
# needs  transcripts, clips, earlier scores (for the gate), the model's receipt
# makes  {results}/{track}/scores/score_lm_loss


rule score_lm_loss:
    input:
        transcripts=f"{RESULTS}/{{track}}/transcripts/{{shard}}.jsonl.zst",
        clips=f"{RESULTS}/{{track}}/clips/{{shard}}.parquet",
        scores=earlier_scores("score_lm_loss"),
        receipt=receipt("score_lm_loss"),
    output:
        scores=f"{RESULTS}/{{track}}/scores/score_lm_loss/{{shard}}.parquet",
        stats=f"{RESULTS}/{{track}}/stats/score_lm_loss/{{shard}}.json",
    log:
        f"{RESULTS}/logs/{{track}}/score_lm_loss/{{shard}}.log",
    conda:
        "../envs/lm.yaml"
    threads: threads_for("score_lm_loss")
    resources:
        **resources_for("score_lm_loss"),
    params:
        **score_params("score_lm_loss"),
    message:
        "Scoring language-model loss: {wildcards.track}/{wildcards.shard}"
    shell:
        score_shell("score_lm_loss", "lm")
