# List the clips that pass all rules of a selection with `top`, with the value that ranks them.
#
# needs  the list of shards, clips, all scores
# makes  {results}/{track}/{selection}/ranked: a table and a report for each pack of shards
#
# Selections without `top` have no such jobs.


rule rank_clips:
    input:
        shards=LAYOUT.shard_list("{track}"),
        clips=lambda wildcards: packed(wildcards, lambda files: files.clips),
        scores=packed_scores,
        settings=lambda wildcards: waiting(
            wildcards.track,
            lambda: if_made_differently(
                DISK.ranked_report(wildcards.track, wildcards.selection, wildcards.pack),
                ranked_with(wildcards),
            ),
        ),
    output:
        json=LAYOUT.ranked_report("{track}", "{selection}", "{pack}"),
        ranked=LAYOUT.ranked("{track}", "{selection}", "{pack}"),
    log:
        LAYOUT.log("{track}", RANK_CLIPS.name, "{selection}", "{pack}"),
    conda:
        "../envs/workflow.yaml"
    threads: threads_for(RANK_CLIPS)
    resources:
        **{**resources_for(RANK_CLIPS), "runtime": minutes_to_copy(RANK_CLIPS)},
    params:
        thresholds=lambda wildcards: rank_params(wildcards)["thresholds"],
        gates=lambda wildcards: rank_params(wildcards)["gates"],
        stages=lambda wildcards: rank_params(wildcards)["stages"],
        shards=lambda wildcards: rank_params(wildcards)["shards"],
        version=RANK_CLIPS.version_in(config["mode"]),
        made_with=lambda wildcards: ranked_with(wildcards),
    message:
        "Ranking {wildcards.selection}: {wildcards.track}, pack {wildcards.pack}"
    shell:
        f"{script('rank_clips')} --results {shlex.quote(RESULTS)}"
        " --track {wildcards.track} {params.shards:q} {params.stages:q}"
        f"{external_flag()}"
        " --thresholds {params.thresholds:q} --gates {params.gates:q}"
        " --ranked {output.ranked:q} --output {output.json:q}"
        " --made-with={params.made_with} > {log:q} 2>&1"
