# The stages that score clips: one rule each, built from its declaration (livecc/stages).
#
# needs  clips, and whatever the stage declares: input shards, transcripts, earlier scores (for the
#        gate), the videos, the receipts of its models
# makes  {results}/{track}/scores/{stage}

SCORING = dict.fromkeys(stage for track in TRACKS for stage in cached_stages(config, track))

for stage in SCORING:
    if stage in CATALOGUE.clip_stages:
        continue

    rule:
        name:
            stage.name
        input:
            **score_inputs(stage),
        output:
            scores=ANY.scores(stage.name),
            stats=ANY.stats(stage.name),
        log:
            LAYOUT.log("{track}", stage.name, "{shard}"),
        conda:
            conda_of(stage)
        threads: threads_for(stage)
        resources:
            **resources_for(stage),
        params:
            **score_params(stage),
        message:
            f"{stage.says}: {{wildcards.track}}/{{wildcards.shard}}"
        shell:
            SCORE_SHELL + " --output {output.scores:q} > {log:q} 2>&1"
