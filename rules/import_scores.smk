# External scores of the configuration (external_scores): one rule each, with the same name.
#
# needs  clips, the configured table
# makes  {results}/{track}/scores/{name}

from livecc.stages.external_scores.declaration import external_scores

EXTERNAL_SCORES = external_scores(config)


def import_params(stage):
    """The params of an external score. A changed table is detected as a newer input."""

    def command(wildcards, input):
        return shlex.join(
            [
                *(interpreter(stage.kind), f"{SCRIPTS}/import_scores.py", stage.name),
                *("--track", wildcards.track, f"--shard={wildcards.shard}"),
                *(f"--clips={input.clips}", f"--table={input.table}"),
                *EXTERNAL_SCORES[stage.name].reads(),
            ]
        )

    return {"command": command, **decides_external(stage), "made_with": external_made_with(stage)}


def decides_external(stage):
    """What decides the scores, besides the table."""
    return {
        "reads": EXTERNAL_SCORES[stage.name].reads(),
        "version": stage.version_in(config["mode"]),
    }


def external_made_with(stage):
    """What the scores of a shard were made with."""
    return made_with(decides_external(stage), EXTERNAL_SCORES[stage.name].path, results=RESULTS)


def imported_differently(stage):
    """A newer input for shards with scores of other settings."""

    def settings(wildcards):
        stats = DISK.shard(wildcards.track, wildcards.shard).stats(stage.name)
        return waiting(
            wildcards.track, lambda: if_made_differently(stats, external_made_with(stage))
        )

    return settings


for stage in CATALOGUE.external.values():

    rule:
        name:
            stage.name
        input:
            clips=ANY.clips,
            table=outside(str(EXTERNAL_SCORES[stage.name].path)),
            settings=imported_differently(stage),
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
            **import_params(stage),
        message:
            f"{stage.says}: {{wildcards.track}}/{{wildcards.shard}}"
        shell:
            "{params.command} --output {output.scores:q} --stats {output.stats:q}"
            " --made-with={params.made_with} > {log:q} 2>&1"
