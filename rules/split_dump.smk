# Divide a dump between the shards of its source.
#
# needs  the dump, outside the results; rules/sources.smk
# makes  {results}/sources/{source}/splits


rule split_dump:
    input:
        dump=lambda wildcards: dump_file(wildcards.source, wildcards.dump),
        settings=lambda wildcards: if_made_differently(
            DISK.source(wildcards.source).split_note(wildcards.dump),
            split_with(wildcards.source, wildcards.dump),
        ),
    output:
        split=ANY_SOURCE.split("{dump}"),
        stats=ANY_SOURCE.split_note("{dump}"),
    log:
        LAYOUT.log("{source}", SPLIT_DUMP.name, "{dump}"),
    wildcard_constraints:
        source="[^/]+",
        dump="[^/]+",
    conda:
        "../envs/workflow.yaml"
    threads: threads_for(SPLIT_DUMP)
    resources:
        **resources_for(SPLIT_DUMP),
    params:
        source=lambda wildcards: as_json(config["sources"][wildcards.source]),
        file=lambda wildcards: as_json(dump_arguments(wildcards.source, wildcards.dump)),
        made_with=lambda wildcards: split_with(wildcards.source, wildcards.dump),
    message:
        f"{SPLIT_DUMP.says}: {{wildcards.source}}/{{wildcards.dump}}"
    shell:
        f"{script('split_dump')}"
        " --source {params.source:q} --dump {params.file:q} --output {output.split:q}"
        " --stats {output.stats:q} --made-with={params.made_with} > {log:q} 2>&1"
