# Merge all shards of a selection into the file the trainer reads.
#
# needs  the list and the samples of all shards, the models' receipts, stats and score cache (for the
#        manifest)
# makes  {results}/{track}/{selection}/..._with_seeks.jsonl and its manifest


from livecc.release import release_configuration


rule merge_samples:
    input:
        shards=f"{RESULTS}/{{track}}/shards.txt",
        packs=lambda wildcards: pack_files(wildcards.track, wildcards.selection),
        receipts=lambda wildcards: [ancient(path) for _, path in manifest_receipts(wildcards.track)],
    output:
        merged=merged_file("{track}", "{selection}"),
        manifest=f"{merged_file('{track}', '{selection}')}.manifest.json",
    log:
        f"{RESULTS}/logs/{{track}}/merge_samples/{{selection}}.log",
    conda:
        "../envs/workflow.yaml"
    threads: threads_for("merge_samples")
    resources:
        **{**resources_for("merge_samples"), "runtime": minutes_to_copy("merge_samples")},
    params:
        folder=f"{RESULTS}/{{track}}/{{selection}}/samples",
        stats=f"{RESULTS}/{{track}}/stats",
        configuration=lambda wildcards: commands.as_json(
            release_configuration(
                config, wildcards.track, STAGES[wildcards.track], wildcards.selection
            )
        ),
        flags=manifest_flags,
    message:
        "Merging {wildcards.selection} of {wildcards.track}"
    shell:
        f"{script('merge_samples')}"
        " --track {wildcards.track} --selection {wildcards.selection:q}"
        " --shards {input.shards:q} --samples {params.folder:q} --stats {params.stats:q}"
        " --configuration {params.configuration:q} {params.flags:q}"
        f" {cache_flag()}"
        " --output {output.merged:q} --manifest {output.manifest:q} > {log:q} 2>&1"
