# What results were made with, for the rules whose output is compared with the configuration.
#
# needs  rules/common.smk, and rules/selecting.smk when jobs are put together
# makes  no file
#
# Those of stages are in rules/common.smk and rules/import_scores.smk.

from livecc.exports.formats import described, options_for
from livecc.report.run import deciding_settings, settings_of as report_settings_of
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


def rank_params(wildcards):
    """What decides which clips of a pack pass all rules, and their values."""
    params = selection_params(wildcards)
    thresholds = json.loads(params["thresholds"])
    # How many are kept is decided later.
    thresholds[TOP]["keep"] = 1
    return {
        **{name: params[name] for name in ("gates", "shards")},
        "thresholds": as_json(thresholds),
        "stages": [f"--stage={stage.name}" for stage in STAGES[wildcards.track]],
        "version": RANK_CLIPS.version_in(config["mode"]),
    }


def ranked_with(wildcards):
    """What the ranked clips of a pack were made with."""
    return made_with({**rank_params(wildcards), "external": jobs.told_of_external(config)})


def cut_with(wildcards):
    """What the cut of a selection was made with."""
    return made_with(
        {
            "top": top_of(wildcards),
            "shards": list(SHARDS[wildcards.track]),
            "version": CUT_TOP.version_in(config["mode"]),
        }
    )


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


# --- videos of another track (take_videos) ---------------------------------------------------------


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


# --- the page about the run ----------------------------------------------------------------------


def report_files():
    """The page, unless it is disabled."""
    return [LAYOUT.report] if config["report"]["enabled"] else []


def report_settings():
    """What the page is told of the configuration, as JSON."""
    return as_json(report_settings_of(config))


@cache
def reported_with():
    """What the page was made with: what it shows, not what only sets the pace of jobs."""
    told = deciding_settings(config)
    videos = [told["tracks"][track].pop("videos") for track in TRACKS]
    return made_with({"told": told, "options": config["report"]}, *videos, results=RESULTS)


def given_files():
    """The user's configuration files, for the commands in the page."""
    files = [Path(file) for file in workflow.overwrite_configfiles or ()]
    here = Path.cwd()
    named = [file.relative_to(here) if file.is_relative_to(here) else file for file in files]
    return [f"--configfile={file}" for file in named]
