# What select_samples and merge_samples are made of: packs of shards, flags of the manifest.
#
# needs  rules/common.smk
# makes  no file

from livecc.shard_files import packs
from livecc.software import STAGE_PACKAGES

PACKS = {track: packs(SHARDS[track]) for track in TRACKS}


def packed(wildcards, template):
    """The files that `template` names, for each shard of a pack."""
    return expand(
        f"{RESULTS}/{wildcards.track}/{template}", shard=PACKS[wildcards.track][wildcards.pack]
    )


def pack_files(track, selection):
    """What the jobs of a selection say they have done."""
    return [f"{RESULTS}/{track}/{selection}/packs/{pack}.json" for pack in PACKS[track]]


def minutes_to_copy(stage):
    """Minutes of a job that hardly more than copies: as configured, for up to 1 GB of input."""
    minutes = config["resources"][stage]["runtime"]
    return lambda wildcards, input, attempt: round(minutes * max(1, input.size_mb / 1000) * attempt)


def manifest_receipts(track):
    """--receipt=USE=FILE for every model of a track, as (use, file) pairs."""
    stages = {*CLIP_STAGES[track], *STAGES[track]}
    return [(use, receipt(use)) for use in MODELS if use.split(":")[0] in stages]


def cache_flag():
    """No param: a score cache that was moved changes nothing."""
    return shlex.join(["--cache", CACHE]).replace("{", "{{").replace("}", "}}")


def manifest_flags(wildcards, input):
    """What the manifest says of the scores; quoted in the command."""
    track = wildcards.track
    stages = [name for name in (*CLIP_STAGES[track], *STAGES[track]) if name in STAGE_PACKAGES]
    receipts = [f"--receipt={use}={path}" for use, path in manifest_receipts(track)]
    return [f"--stage={stage}" for stage in stages] + receipts
