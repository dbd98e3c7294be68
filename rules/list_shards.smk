# List the shards of a track; removes selected samples of shards that no longer exist.
#
# needs  input shards
# makes  {results}/{track}/shards.txt


localrules:
    list_shards,


# The names are passed in a file, because thousands of them do not fit into a command line.
rule list_shards:
    input:
        settings=shards_listed_differently,
    output:
        LAYOUT.shard_list("{track}"),
    log:
        LAYOUT.log("{track}", "list_shards"),
    conda:
        "../envs/workflow.yaml"
    params:
        patterns=lambda wildcards: config["tracks"][wildcards.track]["inputs"],
    message:
        "Listing the shards of {wildcards.track}"
    shell:
        f"{script('list_shards')} --output {{output:q}} -- {{params.patterns:q}} > {{log:q}} 2>&1"
