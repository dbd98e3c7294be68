# B1: filter the records of the SFT track by category.
#
# needs  the input shards of the SFT track
# makes  {results}/sft/records (one row per input line, with any problems)

FILTER_CATEGORIES = CATALOGUE.stages["filter_categories"]
FILTER_CATEGORIES_PARAMS = {
    "categories": category_flags(FILTER_CATEGORIES),
    "mode": config["mode"],
    "version": FILTER_CATEGORIES.version_in(config["mode"]),
}


rule filter_categories:
    input:
        shard=input_shard,
        settings=clips_made_differently(FILTER_CATEGORIES, FILTER_CATEGORIES_PARAMS),
    output:
        records=ANY.records,
        stats=ANY.stats(FILTER_CATEGORIES.name),
    log:
        LAYOUT.log("{track}", FILTER_CATEGORIES.name, "{shard}"),
    wildcard_constraints:
        track=tracks_of(FILTER_CATEGORIES),
    conda:
        "../envs/workflow.yaml"
    threads: threads_for(FILTER_CATEGORIES)
    resources:
        **resources_for(FILTER_CATEGORIES),
    params:
        # Literal: its braces are no wildcards.
        categories=literal(FILTER_CATEGORIES_PARAMS["categories"]),
        mode=FILTER_CATEGORIES_PARAMS["mode"],
        outside=outside_of_track,
        version=FILTER_CATEGORIES_PARAMS["version"],
        made_with=clips_made_with(FILTER_CATEGORIES_PARAMS),
    message:
        f"{FILTER_CATEGORIES.says}: {{wildcards.track}}/{{wildcards.shard}}"
    shell:
        f"{script('filter_categories')}"
        " {input.shard:q} --shard={wildcards.shard:q} {params.categories}"
        " --mode {params.mode} {params.outside:q}"
        " --records {output.records:q} --stats {output.stats:q} --made-with={params.made_with}"
        " > {log:q} 2>&1"
