# List the shards of a track; what was selected of shards that are gone goes.
#
# needs  input shards
# makes  {results}/{track}/shards.txt


localrules:
    list_shards,


# The names go through a file because thousands of them do not fit into a command line.
rule list_shards:
    output:
        f"{RESULTS}/{{track}}/shards.txt",
    log:
        f"{RESULTS}/logs/{{track}}/list_shards.log",
    conda:
        "../envs/workflow.yaml"
    params:
        patterns=lambda wildcards: config["tracks"][wildcards.track]["inputs"],
        # Not in the command: another set of files that the same patterns match makes the list anew.
        names=lambda wildcards: list(SHARDS[wildcards.track]),
    message:
        "Listing the shards of {wildcards.track}"
    shell:
        f"{script('list_shards')} --output {{output:q}} -- {{params.patterns:q}} > {{log:q}} 2>&1"
