# What sources hold, as the process that plans the run finds it; shared by the rules of ingest.smk.
#
# needs  files of the sources, outside the results
# makes  for each source {results}/sources/{source}: assigned.json (what each shard is made of), lists
#        (which videos of folders belong to a shard), state (ids that were read)
#
# Which shard a file belongs to is found when the graph is built: a source is listed, and shards whose
# videos, or their files, are others are made again, and nothing else.

import atexit
import os

import msgspec

from livecc.sources.assigned import ListedSource, read_assigned
from livecc.sources.overlap import shared_videos, twice
from livecc.stages.tracks import INGEST, SPLIT_DUMP
from livecc.terminal import count

LISTED = {}


def list_sources():
    """List the sources, once, in the process that plans the run."""
    may_write = not workflow.output_settings.dryrun and os.access(
        configuration.nearest_folder(RESULTS), os.W_OK
    )
    if may_write:
        configuration.check_writable(config)
    for name, tracks in configuration.used_sources(config).items():
        told = Told(f"Listing the files of {name}")
        listed = ListedSource(
            DISK.source(name),
            config["sources"][name],
            config["tracks"][tracks[0]]["videos"],
            config["mode"],
            keep=may_write,
            progress=told,
            own=[RESULTS, CACHE, config["models_folder"]],
        )
        atexit.register(listed.close)
        LISTED[name] = listed
        if waiting := listed.waiting():
            words = f"{count(waiting, 'download')} not finished, or younger than a minute"
            say(f"{name}: {words}; the next run looks again", to=sys.stderr)
    for track in TRACKS:
        names = sources_of(track)
        if len(names) > 1:
            shared = shared_videos({name: LISTED[name].lines() for name in names})
            if shared is not None:
                raise twice(track, shared)


def sources_of(track):
    return list(dict.fromkeys(config["tracks"][track]["sources"]))


class Told:
    """Says every few seconds how many files were found; nothing of a folder that is quickly listed."""

    def __init__(self, what):
        self._what, self._next = what, time.monotonic() + 5

    def __call__(self, files):
        if time.monotonic() > self._next:
            self._next = time.monotonic() + 5
            say(f"{self._what}: {files:,} so far", to=sys.stderr)


def write_sources():
    """Write for the jobs of this run what was found, and remove shards that are no more."""
    try:
        for name, listed in LISTED.items():
            listed.write(lambda shard: is_ingested(name, shard))
    except (LiveccError, OSError) as error:
        stop(error)


@cache
def assigned(source):
    """What the shards of a source are made of: found by this process, or by that of the run."""
    listed = LISTED.get(source)
    return listed.assigned if listed else read_assigned(DISK.source(source))


def ingest_digest(source, shard):
    """What the lines of a shard are made of."""
    return assigned(source).shards[shard]


def is_ingested(source, shard):
    """Whether the lines of a shard are made of what there is now."""
    return is_same(recorded(DISK.source(source).stats(shard)), ingested_with(source, shard))


def ingested_with(source, shard):
    return made_with(
        {"assigned": ingest_digest(source, shard), "version": INGEST.version_in(config["mode"])}
    )


def split_with(source, dump):
    return made_with({"dump": assigned(source).dumps[dump].digest, "version": SPLIT_DUMP.version})


def dump_file(source, dump):
    return outside(assigned(source).dumps[dump].path)


def dump_arguments(source, dump):
    """What the job needs to know of a dump."""
    return msgspec.to_builtins(assigned(source).dumps[dump])


def splits_of(source):
    """The divided dumps of a source."""
    return [LAYOUT.source(source).split(dump) for dump in assigned(source).dumps]


@cache
def others_of(source):
    """Other sources that may hold the same videos, as far as only jobs can tell -> a track of both.

    What is in folders alone was compared when they were listed.
    """
    found = {}
    for track in TRACKS:
        names = sources_of(track)
        for other in names if source in names else ():
            unknown = assigned(source).has_videos() or assigned(other).has_videos()
            if other != source and unknown:
                found.setdefault(other, track)
    return found


try:
    if workflow.is_main_process:
        list_sources()
except (LiveccError, OSError) as error:
    # A full disk, a folder that nobody can write.
    stop(error)

ANY_SOURCE = LAYOUT.source("{source}")
