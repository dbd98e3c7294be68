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
        # A track that takes the videos of another has its shards.
        others=lambda wildcards: (
            LAYOUT.shard_list(config["tracks"][wildcards.track]["from"]["track"])
            if takes_videos(wildcards.track)
            else []
        ),
    output:
        LAYOUT.shard_list("{track}"),
    log:
        LAYOUT.log("{track}", "list_shards"),
    conda:
        "../envs/workflow.yaml"
    params:
        others=lambda wildcards, input: ([f"--shards-of={input.others}"] if input.others else []),
        # Functions of `input`, so no params that rerun it.
        sources=lambda wildcards, input: [
            f"--source={source}={config['sources'][source]['shards']}"
            for source in config["tracks"][wildcards.track]["sources"]
        ],
        patterns=lambda wildcards: config["tracks"][wildcards.track]["inputs"],
    message:
        "Listing the shards of {wildcards.track}"
    shell:
        f"{script('list_shards')} --output {{output:q}} {{params.others:q}} {{params.sources:q}}"
        " -- {params.patterns:q} > {log:q} 2>&1"
