# B1: which records of the SFT track go on, by category.
#
# needs  the input shards of the SFT track
# makes  {results}/sft/records (one row per input line, with what was wrong)


rule filter_categories:
    input:
        lambda wildcards: SHARDS["sft"][wildcards.shard],
    output:
        records=f"{RESULTS}/sft/records/{{shard}}.parquet",
        stats=f"{RESULTS}/sft/stats/filter_categories/{{shard}}.json",
    log:
        f"{RESULTS}/logs/sft/filter_categories/{{shard}}.log",
    conda:
        "../envs/workflow.yaml"
    threads: threads_for("filter_categories")
    resources:
        **resources_for("filter_categories"),
    params:
        categories=literal(category_flags()),
        version=VERSIONS["filter_categories"],
    message:
        "Listing records: {wildcards.shard}"
    shell:
        f"{script('filter_categories')}"
        " {input:q} --shard={wildcards.shard:q} {params.categories}"
        " --records {output.records:q} --stats {output.stats:q} > {log:q} 2>&1"
