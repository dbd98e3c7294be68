# Downloads and dumps, made into the input shards of tracks (`sources`).
#
# needs  files of the sources, outside the results; divided dumps; rules/sources.smk
# makes  for each source {results}/sources/{source}: lines (input lines of each shard), left_out
#        (what is not in them, with reasons), stats


rule ingest:
    input:
        splits=lambda wildcards: splits_of(wildcards.source),
        # Their dumps are compared with this shard, and decide nothing else of it.
        others=lambda wildcards: [
            ancient(split) for other in others_of(wildcards.source) for split in splits_of(other)
        ],
        settings=lambda wildcards: if_made_differently(
            DISK.source(wildcards.source).stats(wildcards.shard),
            ingested_with(wildcards.source, wildcards.shard),
        ),
    output:
        lines=ANY_SOURCE.lines("{shard}"),
        left_out=ANY_SOURCE.left_out("{shard}"),
        stats=ANY_SOURCE.stats("{shard}"),
    log:
        LAYOUT.log("{source}", INGEST.name, "{shard}"),
    wildcard_constraints:
        source="[^/]+",
    conda:
        "../envs/workflow.yaml"
    threads: threads_for(INGEST)
    resources:
        **resources_for(INGEST),
    params:
        source=lambda wildcards: as_json(config["sources"][wildcards.source]),
        # Written when the run starts, for shards that are to be made.
        list=lambda wildcards: DISK.source(wildcards.source).video_list(wildcards.shard),
        others=lambda wildcards: as_json(others_of(wildcards.source)),
        results=lambda wildcards: RESULTS,
        mode=config["mode"],
        made_with=lambda wildcards: ingested_with(wildcards.source, wildcards.shard),
    message:
        f"{INGEST.says}: {{wildcards.shard}}"
    shell:
        f"{script('ingest')}"
        " --source {params.source:q} --shard={wildcards.shard:q} --mode {params.mode}"
        " --results {params.results:q} --others {params.others:q}"
        " --list {params.list:q} --lines {output.lines:q} --left-out {output.left_out:q}"
        " --stats {output.stats:q} --made-with={params.made_with} {input.splits:q} > {log:q} 2>&1"
