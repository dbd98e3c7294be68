# Decide by a selection's thresholds, and write the clips it keeps as samples. No model runs here.
#
# needs  the list of shards, transcripts, clips, all scores
# makes  for each shard {results}/{track}/{selection}/decisions (every clip: kept or not, by which
#        rule, why), samples (sorted by video and time), counts; and packs/{pack}.json
#
# A job takes a pack of shards, because a shard is a tenth of a second of work and a job costs more
# than that to start, on a cluster much more. Snakemake knows the pack's file only, which is written
# when all files of its shards are. Packs are cut from the sorted names, so that another list of
# shards makes all of them again: a file of an earlier list says nothing of what its shards have now.


rule select_samples:
    input:
        shards=f"{RESULTS}/{{track}}/shards.txt",
        transcripts=lambda wildcards: packed(wildcards, "transcripts/{shard}.jsonl.zst"),
        clips=lambda wildcards: packed(wildcards, "clips/{shard}.parquet"),
        scores=lambda wildcards: [
            table
            for stage in STAGES[wildcards.track]
            for table in packed(wildcards, f"scores/{stage}/{{shard}}.parquet")
        ],
    output:
        f"{RESULTS}/{{track}}/{{selection}}/packs/{{pack}}.json",
    log:
        f"{RESULTS}/logs/{{track}}/select_samples/{{selection}}/{{pack}}.log",
    conda:
        "../envs/workflow.yaml"
    threads: threads_for("select_samples")
    resources:
        **{**resources_for("select_samples"), "runtime": minutes_to_copy("select_samples")},
    params:
        thresholds=lambda wildcards: commands.as_json(
            configuration.selections(config, wildcards.track)[wildcards.selection]
        ),
        gates=lambda wildcards: commands.as_json(
            configuration.explicit_gates(config, wildcards.track)
        ),
        stages=lambda wildcards: [f"--stage={stage}" for stage in STAGES[wildcards.track]],
        shards=lambda wildcards: [
            f"--shard={shard}" for shard in PACKS[wildcards.track][wildcards.pack]
        ],
        version=VERSIONS["select_samples"],
    message:
        "Selecting {wildcards.selection}: {wildcards.track}, pack {wildcards.pack}"
    shell:
        f"{script('select_samples')} --results {shlex.quote(RESULTS)}"
        " --track {wildcards.track} --selection {wildcards.selection}"
        " {params.shards:q} {params.stages:q}"
        " --thresholds {params.thresholds:q} --gates {params.gates:q}"
        " --output {output:q} > {log:q} 2>&1"
