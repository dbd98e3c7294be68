# The videos of which a selection of another track keeps a clip, as the input of a track (`from`).
#
# needs  the selection's decisions, the input shards of the other track
# makes  {results}/{track}/taken: for each shard, the list of its videos
#
# A checkpoint: which videos are taken is known when the selection has decided. Only lists that
# change are written again, so that no other shard runs again.


localrules:
    take_videos,


checkpoint take_videos:
    input:
        packs=lambda wildcards: pack_files(*giver_of(wildcards.track)),
        shards=lambda wildcards: LAYOUT.shard_list(giver_of(wildcards.track)[0]),
        settings=lambda wildcards: changed_unless(
            DISK.taken_videos(wildcards.track), lambda: was_taken_from_here(wildcards)
        ),
    output:
        LAYOUT.taken_videos("{track}"),
    log:
        LAYOUT.log("{track}", "take_videos"),
    conda:
        "../envs/workflow.yaml"
    params:
        giver=lambda wildcards: giver_of(wildcards.track)[0],
        selection=lambda wildcards: giver_of(wildcards.track)[1],
        results=lambda wildcards, output: Path(output[0]).parents[2],
    message:
        "Listing the videos of {wildcards.track}"
    shell:
        f"{script('take_videos')} --results {{params.results:q}} --track {{wildcards.track:q}}"
        " --from-track {params.giver:q} --from-selection {params.selection:q}"
        " --shards {input.shards:q} > {log:q} 2>&1"
