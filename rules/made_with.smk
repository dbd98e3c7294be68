# What results were made with, for the rules whose output is compared with the configuration.
#
# needs  rules/common.smk, and rules/selecting.smk when jobs are put together
# makes  no file
#
# Those of stages are in rules/common.smk and rules/import_scores.smk.

from livecc.exports.formats import described, options_for
from livecc.selecting.manifest import release_configuration


def fetched_differently(wildcards):
    """A newer input, if a receipt is of other weights."""
    path = Path(DISK.receipt(wildcards.model))
    place = (model_reference(wildcards.model), Path(config["models_folder"]))
    return changed_unless(path, lambda: models.is_current(path, *place))


def shards_listed_differently(wildcards):
    """A newer input, if the list has other names."""
    path = Path(DISK.shard_list(wildcards.track))
    names = list(SHARDS[wildcards.track])
    return changed_unless(path, lambda: path.read_text(encoding="utf-8").splitlines() == names)


def selection_params(wildcards):
    """What decides the samples of a pack."""
    track = wildcards.track
    return {
        "thresholds": as_json(configuration.selections(config, track)[wildcards.selection]),
        "gates": as_json(configuration.explicit_gates(config, track)),
        "flags": [*(f"--stage={stage.name}" for stage in STAGES[track]), *sample_flags(track)],
        "shards": [f"--shard={shard}" for shard in PACKS[track][wildcards.pack]],
        "version": SELECT_SAMPLES.version_in(config["mode"]),
    }


def selected_with(wildcards):
    """What the samples of a pack were made with."""
    return made_with({**selection_params(wildcards), "external": jobs.told_of_external(config)})


def merged_with(wildcards):
    """What a training file and its manifest were made with."""
    track = wildcards.track
    return made_with(
        {
            "configuration": release_configuration(config, track, wildcards.selection),
            "stages": [stage.name for stage in cached_stages(config, track)],
            "models": [use for use, _ in manifest_receipts(track)],
            "external": jobs.told_of_external(config),
            "version": MERGE_SAMPLES.version_in(config["mode"]),
        }
    )


def exported_with(export, wildcards):
    """What the files of a format were made with, besides the training files."""
    return made_with(
        {
            "format": export.name,
            "version": export.version,
            "options": options_for(export, config["exports"]),
            "described": [one.name for one in described(export, config["exports"])],
            "stages": [stage.name for stage in STAGES[wildcards.track]],
            "external": jobs.told_of_external(config),
            "splits": SPLITS,
        }
    )


def checked_with(wildcards):
    """What the report of a training file was made with."""
    track = wildcards.track
    decides = [*option_flags(CHECK_SAMPLES, "number"), *prefix_flags(track), *outside_flags(track)]
    videos = config["tracks"][track]["videos"]
    return made_with({"flags": decides, "version": CHECK_SAMPLES.version}, videos, results=RESULTS)


def summed_up_with():
    """What the summary was made with."""
    parts = [
        (
            track,
            [stage.name for stage in [*CLIP_STAGES[track], *STAGES[track]]],
            list(SELECTIONS[track]),
        )
        for track in TRACKS
    ]
    splits = {"splits": SPLITS} if HELD_OUT else {}
    return made_with({"parts": parts, "external": jobs.told_of_external(config), **splits})
