# A1: cut caption tracks into clips.
#
# needs  the input shards of the pre-training track
# makes  {results}/pretrain/transcripts, clips, videos (one row per input line, with any problems)

CLIP_CAPTIONS = CATALOGUE.stages["clip_captions"]
CLIP_CAPTIONS_PARAMS = {
    "mode": config["mode"],
    "min_clip": config[CLIP_CAPTIONS.name]["min_clip_seconds"],
    "max_clip": config[CLIP_CAPTIONS.name]["max_clip_seconds"],
    "max_gap": config[CLIP_CAPTIONS.name]["max_gap_seconds"],
    "unit": config[CLIP_CAPTIONS.name]["unit"],
    "drop_repeated": config[CLIP_CAPTIONS.name]["drop_repeated_words"],
    "version": CLIP_CAPTIONS.version_in(config["mode"]),
}


rule clip_captions:
    input:
        shard=input_shard,
        settings=clips_made_differently(CLIP_CAPTIONS, CLIP_CAPTIONS_PARAMS),
    output:
        transcripts=ANY.transcripts,
        clips=ANY.clips,
        videos=ANY.videos,
        stats=ANY.stats(CLIP_CAPTIONS.name),
    log:
        LAYOUT.log("{track}", CLIP_CAPTIONS.name, "{shard}"),
    wildcard_constraints:
        track=tracks_of(CLIP_CAPTIONS),
    conda:
        "../envs/workflow.yaml"
    threads: threads_for(CLIP_CAPTIONS)
    resources:
        **resources_for(CLIP_CAPTIONS),
    params:
        **CLIP_CAPTIONS_PARAMS,
        outside=outside_of_track,
        made_with=clips_made_with(CLIP_CAPTIONS_PARAMS),
    message:
        f"{CLIP_CAPTIONS.says}: {{wildcards.track}}/{{wildcards.shard}}"
    shell:
        f"{script('clip_captions')}"
        " {input.shard:q} --shard={wildcards.shard:q} --mode {params.mode}"
        " --min-clip-seconds {params.min_clip} --max-clip-seconds {params.max_clip}"
        " --max-gap-seconds {params.max_gap}"
        " --unit {params.unit} --drop-repeated-words {params.drop_repeated} {params.outside:q}"
        " --transcripts {output.transcripts:q} --clips {output.clips:q}"
        " --videos {output.videos:q} --stats {output.stats:q} --made-with={params.made_with}"
        " > {log:q} 2>&1"
