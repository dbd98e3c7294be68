# B3: cut transcripts into clips that start with a sentence.
#
# needs  records and transcripts of the SFT track
# makes  {results}/sft/clips, videos (one row per input line, with its outcome)

CLIP_TRANSCRIPTS = CATALOGUE.stages["clip_transcripts"]
CLIP_TRANSCRIPTS_PARAMS = {
    "mode": config["mode"],
    "min_clip": config[CLIP_TRANSCRIPTS.name]["min_clip_seconds"],
    "max_clip": config[CLIP_TRANSCRIPTS.name]["max_clip_seconds"],
    "max_silence": config[CLIP_TRANSCRIPTS.name]["max_silence_seconds"],
    "version": CLIP_TRANSCRIPTS.version_in(config["mode"]),
}


rule clip_transcripts:
    input:
        records=ANY.records,
        transcripts=ANY.transcripts,
        settings=clips_made_differently(CLIP_TRANSCRIPTS, CLIP_TRANSCRIPTS_PARAMS),
    output:
        clips=ANY.clips,
        videos=ANY.videos,
        stats=ANY.stats(CLIP_TRANSCRIPTS.name),
    log:
        LAYOUT.log("{track}", CLIP_TRANSCRIPTS.name, "{shard}"),
    wildcard_constraints:
        track=tracks_of(CLIP_TRANSCRIPTS),
    conda:
        "../envs/workflow.yaml"
    threads: threads_for(CLIP_TRANSCRIPTS)
    resources:
        **resources_for(CLIP_TRANSCRIPTS),
    params:
        **CLIP_TRANSCRIPTS_PARAMS,
        made_with=clips_made_with(CLIP_TRANSCRIPTS_PARAMS),
    message:
        f"{CLIP_TRANSCRIPTS.says}: {{wildcards.track}}/{{wildcards.shard}}"
    shell:
        f"{script('clip_transcripts')}"
        " --shard={wildcards.shard:q} --mode {params.mode}"
        " --min-clip-seconds {params.min_clip} --max-clip-seconds {params.max_clip}"
        " --max-silence-seconds {params.max_silence}"
        " --records {input.records:q} --transcripts {input.transcripts:q}"
        " --clips {output.clips:q} --videos {output.videos:q}"
        " --stats {output.stats:q} --made-with={params.made_with} > {log:q} 2>&1"
