# Decide by a selection's thresholds, and write the clips it keeps as samples. No model runs here.
#
# needs  transcripts, clips, all scores
# makes  {results}/{track}/{selection}/decisions (every clip: kept or not, by which rule, why),
#        samples (sorted by video and time), counts


rule select_samples:
    input:
        transcripts=f"{RESULTS}/{{track}}/transcripts/{{shard}}.jsonl.zst",
        clips=f"{RESULTS}/{{track}}/clips/{{shard}}.parquet",
        scores=all_scores,
    output:
        decisions=f"{RESULTS}/{{track}}/{{selection}}/decisions/{{shard}}.parquet",
        samples=f"{RESULTS}/{{track}}/{{selection}}/samples/{{shard}}.jsonl",
        counts=f"{RESULTS}/{{track}}/{{selection}}/counts/{{shard}}.json",
    log:
        f"{RESULTS}/logs/{{track}}/select_samples/{{selection}}/{{shard}}.log",
    conda:
        "../envs/workflow.yaml"
    threads: threads_for("select_samples")
    resources:
        **resources_for("select_samples"),
    params:
        thresholds=lambda wildcards: json.dumps(
            configuration.selections(config, wildcards.track)[wildcards.selection]
        ),
        scores=lambda wildcards, input: score_flags(input),
        version=VERSIONS["select_samples"],
    message:
        "Selecting {wildcards.selection}: {wildcards.track}/{wildcards.shard}"
    shell:
        f"{script('select_samples')}"
        " --track {wildcards.track} --shard={wildcards.shard:q}"
        " --transcripts {input.transcripts:q} --clips {input.clips:q} {params.scores:q}"
        " --thresholds {params.thresholds:q}"
        " --decisions {output.decisions:q} --samples {output.samples:q}"
        " --counts {output.counts:q} > {log:q} 2>&1"
