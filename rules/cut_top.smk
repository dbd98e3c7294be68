# Find the last clip that a selection with `top` keeps, over all shards.
#
# needs  the clips of all packs that pass all rules (rank_clips)
# makes  {results}/{track}/{selection}/top.json


rule cut_top:
    input:
        shards=LAYOUT.shard_list("{track}"),
        ranked=lambda wildcards: ranked_files(wildcards),
        settings=lambda wildcards: waiting(
            wildcards.track,
            lambda: if_made_differently(
                DISK.cut(wildcards.track, wildcards.selection), cut_with(wildcards)
            ),
        ),
    output:
        json=LAYOUT.cut("{track}", "{selection}"),
    log:
        LAYOUT.log("{track}", CUT_TOP.name, "{selection}"),
    conda:
        "../envs/workflow.yaml"
    threads: threads_for(CUT_TOP)
    resources:
        **{**resources_for(CUT_TOP), "runtime": minutes_to_copy(CUT_TOP)},
    params:
        top=lambda wildcards: as_json(top_of(wildcards)),
        ranked=lambda wildcards, input: [f"--ranked={path}" for path in input.ranked],
        version=CUT_TOP.version_in(config["mode"]),
        made_with=lambda wildcards: cut_with(wildcards),
    message:
        "Finding the last of the best of {wildcards.selection}: {wildcards.track}"
    shell:
        f"{script('cut_top')} --top {{params.top:q}} {{params.ranked:q}}"
        " --output {output.json:q} --made-with={params.made_with} > {log:q} 2>&1"
