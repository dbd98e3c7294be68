# Shared by select_samples, merge_samples, check_samples and exports: packs of shards, flags.
#
# needs  rules/common.smk
# makes  no file

from livecc.formats.layout import packs
from livecc.stages.tracks import CHECK_SAMPLES, EXPORT_SAMPLES, MERGE_SAMPLES, SELECT_SAMPLES

PACKS = {track: packs(SHARDS[track]) for track in TRACKS}


def packed(wildcards, path_of):
    """The file that `path_of` returns for each shard of a pack."""
    names = PACKS[wildcards.track][wildcards.pack]
    return [path_of(LAYOUT.shard(wildcards.track, name)) for name in names]


def pack_files(track, selection):
    """The pack files of a selection's jobs."""
    return [LAYOUT.pack(track, selection, pack) for pack in PACKS[track]]


def prefix_flags(track):
    """--video-prefix, if the track has one."""
    prefix = config["tracks"][track]["video_prefix"]
    return [f"--video-prefix={prefix}"] if prefix else []


def sample_flags(track):
    """The form of a track's samples; in paper mode like the published set, without categories."""
    paper = config["mode"] == "paper" and track == "pretrain"
    return [*prefix_flags(track), *(["--without-category"] if paper else [])]


def minutes_to_copy(stage):
    """Minutes of an I/O-bound job: the configured ones up to 1 GB of input, more above."""
    minutes = config["resources"][stage.name]["runtime"]
    return lambda wildcards, input, attempt: round(minutes * max(1, input.size_mb / 1000) * attempt)


def manifest_receipts(track):
    """--receipt=USE=FILE for every model of a track, as (use, file) pairs."""
    stages = {*CLIP_STAGES[track], *STAGES[track]}
    uses = [use.name for use in models_of(config) if use.stage in stages]
    return [(use, receipt(use)) for use in uses]


def held_out_flags():
    """--held-out, for each split that is; in the shell command."""
    return "".join(f" --held-out={split}={{output.{split}:q}}" for split in HELD_OUT)


def log_of_split(name, split):
    """The log of a job for one of the merged files."""
    return LAYOUT.log("{track}", name, "{selection}", *([] if split == TRAIN else [split]))


def described_by(export):
    """The files that a format of exports describes, besides the training files."""
    others = described(export, config["exports"])
    if not export.describes:
        return []
    checks = [LAYOUT.check("{track}", "{selection}", split) for split in SPLITS]
    return [*checks, *(one.manifest(LAYOUT, "{track}", "{selection}") for one in others)]


def cache_flag():
    """Not a param, so that moving the score cache does not trigger reruns."""
    return shlex.join(["--cache", CACHE]).replace("{", "{{").replace("}", "}}")


def manifest_flags(wildcards, input):
    """The manifest's flags about scores; quoted in the command."""
    track = wildcards.track
    stages = [stage.name for stage in cached_stages(config, track)]
    receipts = [
        f"--receipt={use}={DISK.receipt(Path(path).stem)}" for use, path in manifest_receipts(track)
    ]
    return [f"--stage={stage}" for stage in stages] + receipts


def check_flags(wildcards):
    """What the result depends on."""
    track = wildcards.track
    videos = ["--videos", config["tracks"][track]["videos"]]
    form = [*outside_flags(track), *prefix_flags(track)]
    return [*option_flags(CHECK_SAMPLES, "number"), *videos, *form]


def option_flags(stage, effect):
    """The flags of a stage's options with an effect ("number" or "pace")."""
    section = config[stage.name]
    flags = [flag for flag in stage.options.flags() if flag.effect == effect]
    return [word for flag in flags for word in flag.write(section[flag.name])]
