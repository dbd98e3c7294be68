# Copy the input lines of the videos that a track takes (`from`).
#
# needs  the lists of take_videos, the input shards of the other track
# makes  {results}/{track}/taken/lines


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
