# Merge all shards of a selection into the file the trainer reads.
#
# needs  the list and samples of all shards; the models' receipts, stats and score cache (manifest)
# makes  {results}/{track}/{selection}/..._with_seeks.jsonl and its manifest; the same for each split
#        that is held out (`split`)


rule merge_samples:
    input:
        shards=LAYOUT.shard_list("{track}"),
        packs=lambda wildcards: pack_files(wildcards.track, wildcards.selection),
        receipts=lambda wildcards: [ancient(path) for _, path in manifest_receipts(wildcards.track)],
        settings=lambda wildcards: if_made_differently(
            DISK.manifest(wildcards.track, wildcards.selection), merged_with(wildcards)
        ),
    output:
        **{split: LAYOUT.merged("{track}", "{selection}", split) for split in HELD_OUT},
        **{
            f"{split}_manifest": LAYOUT.manifest("{track}", "{selection}", split)
            for split in HELD_OUT
        },
        merged=LAYOUT.merged("{track}", "{selection}"),
        manifest=LAYOUT.manifest("{track}", "{selection}"),
    log:
        LAYOUT.log("{track}", MERGE_SAMPLES.name, "{selection}"),
    conda:
        "../envs/workflow.yaml"
    threads: threads_for(MERGE_SAMPLES)
    resources:
        **{**resources_for(MERGE_SAMPLES), "runtime": minutes_to_copy(MERGE_SAMPLES)},
    params:
        folder=DISK.samples_folder("{track}", "{selection}"),
        stats=DISK.stats_folder("{track}"),
        configuration=lambda wildcards: as_json(
            release_configuration(config, wildcards.track, wildcards.selection)
        ),
        flags=manifest_flags,
        made_with=lambda wildcards: merged_with(wildcards),
    message:
        "Merging {wildcards.selection} of {wildcards.track}"
    shell:
        f"{script('merge_samples')}"
        " --track {wildcards.track} --selection {wildcards.selection:q}"
        " --shards {input.shards:q} --samples {params.folder:q} --stats {params.stats:q}"
        " --configuration {params.configuration:q} {params.flags:q}"
        f" {cache_flag()}{external_flag()}"
        " --output {output.merged:q} --manifest {output.manifest:q}"
        f"{held_out_flags()}"
        " --made-with={params.made_with} > {log:q} 2>&1"
