# Write a selection in other formats beside its training files: a rule for each format that
# `exports:` asks for, built from its declaration (livecc/exports/formats.py).
#
# needs  the merged files with their manifests and checks, the decisions and samples of all shards
# makes  {results}/{track}/{selection}/samples.parquet, README.md, ..._seeks.jsonl; a manifest each
#
# A job takes what it needs from the manifest of the training file; it is made again when that is.

for export in chosen_formats(config["exports"]):

    rule:
        name:
            export.rule
        input:
            shards=LAYOUT.shard_list("{track}"),
            packs=lambda wildcards: pack_files(wildcards.track, wildcards.selection),
            merged=[LAYOUT.merged("{track}", "{selection}", split) for split in SPLITS],
            manifests=[LAYOUT.manifest("{track}", "{selection}", split) for split in SPLITS],
            # What describes other files comes after them.
            described=described_by(export),
            settings=lambda wildcards, export=export: if_made_differently(
                export.manifest(DISK, wildcards.track, wildcards.selection),
                exported_with(export, wildcards),
            ),
        output:
            **export.files(LAYOUT, "{track}", "{selection}", SPLITS),
            manifest=export.manifest(LAYOUT, "{track}", "{selection}"),
        log:
            LAYOUT.log("{track}", export.rule, "{selection}"),
        conda:
            "../envs/workflow.yaml"
        threads: threads_for(EXPORT_SAMPLES)
        resources:
            **{**resources_for(EXPORT_SAMPLES), "runtime": minutes_to_copy(EXPORT_SAMPLES)},
        params:
            format=export.name,
            stages=lambda wildcards: [f"--stage={one.name}" for one in STAGES[wildcards.track]],
            described=lambda wildcards, export=export: [
                f"--described={one.name}={one.manifest(DISK, wildcards.track, wildcards.selection)}"
                for one in described(export, config["exports"])
            ],
            options=literal(as_json(options_for(export, config["exports"]))),
            version=export.version,
            made_with=lambda wildcards, export=export: exported_with(export, wildcards),
        message:
            export.says + ": {wildcards.selection} of {wildcards.track}"
        shell:
            f"{script('export_samples')}"
            " {params.format} --results "
            f"{braced(shlex.quote(RESULTS))}"
            " --track {wildcards.track} --selection {wildcards.selection:q}"
            " {params.stages:q} {params.described:q} --options {params.options:q}"
            f"{external_flag()}"
            " --made-with={params.made_with} > {log:q} 2>&1"
