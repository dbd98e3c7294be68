# The videos of which a selection of another track keeps a clip, as the input of a track (`from`).
#
# needs  the selection's decisions, the input shards of the other track
# makes  {results}/{track}/taken: for each shard, the list of its videos and their input lines
#
# A checkpoint: which videos are taken is known when the selection has decided. Only lists that
# change are written again, so that no other shard runs again.


localrules:
    take_videos,


def giver_of(track):
    """The other track and its selection."""
    told = config["tracks"][track]["from"]
    return told["track"], told["selection"]


def was_taken_from_here(wildcards):
    """Whether the lists are of the selection that is configured."""
    told = json.loads(Path(DISK.taken_videos(wildcards.track)).read_bytes())
    return (told["track"], told["selection"]) == giver_of(wildcards.track)


def taken_list(wildcards):
    """The list of a shard, which is there when the other track has decided."""
    taken_videos(wildcards.track)
    return LAYOUT.shard(wildcards.track, wildcards.shard).taken_videos


def taken_with(wildcards):
    """What the lines of a shard were made with."""
    settings, file = input_state(wildcards)
    return made_with(settings, file, results=RESULTS)


def taken_differently(wildcards):
    """A newer input for shards whose videos, or their lines, are others."""
    note = DISK.shard(wildcards.track, wildcards.shard).taken_note
    return waiting(wildcards.track, lambda: if_made_differently(note, taken_with(wildcards)))


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
        results=RESULTS,
    message:
        "Listing the videos of {wildcards.track}"
    shell:
        f"{script('take_videos')} --results {{params.results:q}} --track {{wildcards.track:q}}"
        " --from-track {params.giver:q} --from-selection {params.selection:q}"
        " --shards {input.shards:q} > {log:q} 2>&1"


rule copy_taken_lines:
    input:
        shard=lambda wildcards: input_shard(
            wildcards_of(track=giver_of(wildcards.track)[0], shard=wildcards.shard)
        ),
        videos=taken_list,
        settings=taken_differently,
    output:
        lines=ANY.taken_lines,
        stats=ANY.taken_note,
    log:
        LAYOUT.log("{track}", "copy_taken_lines", "{shard}"),
    conda:
        "../envs/workflow.yaml"
    params:
        made_with=taken_with,
    message:
        "Copying the input lines of taken videos: {wildcards.track}/{wildcards.shard}"
    shell:
        f"{script('copy_taken_lines')}"
        " {input.shard:q} --videos {input.videos:q} --output {output.lines:q}"
        " --stats {output.stats:q} --made-with={params.made_with} > {log:q} 2>&1"
