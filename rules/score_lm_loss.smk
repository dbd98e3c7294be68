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
        mode=config["mode"],
        model=model_param("score_lm_loss"),
        dtype=config["score_lm_loss"]["dtype"],
        context=optional_flag("--max-context-tokens", config["score_lm_loss"]["max_context_tokens"]),
        prompts=literal(json.dumps(config["score_lm_loss"]["prompts"])),
        gate=gate_param("score_lm_loss"),
        scores=lambda wildcards, input: score_flags(input),
        version=VERSIONS["score_lm_loss"],
        receipt=receipt_flag,
    message:
        "Scoring language-model loss: {wildcards.track}/{wildcards.shard}"
    shell:
        f"{script('score_lm_loss', 'lm')}"
        " --track {wildcards.track} --shard={wildcards.shard:q}"
        " --transcripts {input.transcripts:q} --clips {input.clips:q}"
        " {params.scores:q} --gate {params.gate:q} {params.receipt:q}"
        " --mode {params.mode} --dtype {params.dtype} --prompts {params.prompts:q}"
        " {params.context}"
        " --threads {threads}"
        f" {speed_flags('score_lm_loss')}"
        " --output {output.scores:q} --stats {output.stats:q} > {log:q} 2>&1"
