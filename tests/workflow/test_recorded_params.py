"""What decides whether finished work is done again is what it was in earlier versions.

A user who updates this code pays nothing again only if the params and the input of every job are
as they were, because jobs record a digest of them (livecc.planning.made_with), and if each stage
finds the same folder of the score cache. recorded_params.json has them as they are in the results
folders of users.

Nothing of it depends on the machine: receipts of fixed digests stand for the weights, no
configuration says `device: auto`, all paths are relative, and a job's command, which names the
interpreter and the clone, is no param.
"""

from __future__ import annotations

import ast
import copy
import json
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from livecc.stages.catalogue import catalogue_for
from tests.workflow.recording import CONFIGURATIONS, GOLDEN, REPOSITORY, record

pytestmark = pytest.mark.workflow


@dataclass(frozen=True)
class Allowed:
    """A difference by design: `what` is the name of a param, or one of those of Difference."""

    rule: str
    what: str
    #: Why it is worth what it costs who updates, or why it costs nothing.
    reason: str
    #: A configuration in which it is not allowed.
    not_in: str = ""
    #: The one configuration in which it is allowed.
    only_in: str = ""


#: What stages gain or lose by design. The file stays what users have, until a release says that
#: they pay; then it is written anew (recording.py) and this is emptied.
_WORDS = "words share a line by their length: cutting takes seconds, and paper mode stays"
_FUNNEL = "the preset has the paper's steps on videos; its jobs find their scores in the cache"
_OF_FUNNEL = (
    *(("describe_video", "job"), ("describe_video", "fingerprint")),
    *(
        (stage, "input")
        for stage in (
            *("score_lm_loss", "score_talking_head", "score_active_speaker", "make_prompts"),
            "transcribe",
        )
    ),
    *(("select_samples", what) for what in ("job", "flags", "input", "made_with", "thresholds")),
    *(("merge_samples", what) for what in ("job", "configuration", "input", "made_with")),
    *(("summarize", what) for what in ("input", "layout", "made_with")),
    ("check_samples", "job"),
)
ALLOWED: tuple[Allowed, ...] = (
    Allowed("clip_captions", "version", _WORDS, not_in="paper"),
    Allowed("clip_captions", "made_with", _WORDS, not_in="paper"),
    Allowed(
        "export_parquet", "job", "a new job, which copies the samples and reads their decisions"
    ),
    Allowed("export_card", "job", "a new job, which takes seconds"),
    Allowed("report", "job", "the page about a run is new; making it runs no model"),
    *(Allowed(rule, what, _FUNNEL, only_in="paper") for rule, what in _OF_FUNNEL),
)


#: Stages that earlier versions did not have, and that run only where somebody asks for them.
SINCE = frozenset({"describe_video"})


@dataclass(frozen=True)
class Difference:
    """Of a kind of job: a param's name, or "fingerprint", "job", "input", "output", "made_with"."""

    configuration: str
    job: str
    what: str
    before: Any
    now: Any

    def __str__(self) -> str:
        return (
            f"{self.configuration}: {self.job}: {self.what}\n"
            f"    before: {self.before}\n    now:    {self.now}"
        )

    def allowed_by(self, allowed: Allowed) -> bool:
        same = (self.job.split(",")[0], self.what) == (allowed.rule, allowed.what)
        elsewhere = allowed.only_in not in ("", self.configuration)
        return same and self.configuration != allowed.not_in and not elsewhere


def differences(name: str, before: dict[str, Any], now: dict[str, Any]) -> Iterator[Difference]:
    """What of a configuration would run again, or look for its scores elsewhere."""
    old, new = before["fingerprints"], now["fingerprints"]
    for stage in sorted(old.keys() | new.keys()):
        if old.get(stage) != new.get(stage):
            yield Difference(name, stage, "fingerprint", old.get(stage), new.get(stage))
    earlier, later = _by_output(before["jobs"]), _by_output(now["jobs"])
    for key in sorted(earlier.keys() ^ later.keys()):
        job = (earlier.get(key) or later[key])[0]
        yield Difference(name, job, "job", key in earlier, key in later)
    for key in sorted(earlier.keys() & later.keys()):
        job, recorded = earlier[key]
        yield from _of_job(name, job, recorded, later[key][1])


def _by_output(jobs: dict[str, Any]) -> dict[tuple[str, ...], tuple[str, Any]]:
    """Jobs by their rule and output: Snakemake keeps its records by file, not by wildcards."""
    return {
        (job.split(",")[0], *recorded["output"]): (job, recorded) for job, recorded in jobs.items()
    }


def _of_job(
    name: str, job: str, before: dict[str, Any], now: dict[str, Any]
) -> Iterator[Difference]:
    # The values alone, as a set.
    old = {k: v for k, v in before["params"].items() if v not in now["params"].values()}
    new = {k: v for k, v in now["params"].items() if v not in before["params"].values()}
    for param in sorted(old.keys() | new.keys()):
        yield Difference(name, job, param, old.get(param), new.get(param))
    for what in ("input", "output", "made_with"):
        if before[what] != now[what]:
            yield Difference(name, job, what, before[what], now[what])


def report(found: Iterable[Difference], allowed: Iterable[Allowed] = ALLOWED) -> str:
    """All that differs and is not allowed, and what is allowed without need; empty if fine."""
    found, allowed = list(found), list(allowed)
    lines = [str(one) for one in found if not any(map(one.allowed_by, allowed))]
    lines += [
        f"ALLOWED, but it does not differ: {entry.rule}: {entry.what}"
        for entry in allowed
        if not any(one.allowed_by(entry) for one in found)
    ]
    return "\n".join(lines)


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    recorded: dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8"))
    return recorded


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the code of now would record."""
    folders = {name: tmp_path_factory.mktemp(f"recorded-{name}") for name in CONFIGURATIONS}
    with ThreadPoolExecutor(2) as pool:
        records = pool.map(lambda name: record(name, folders[name]), CONFIGURATIONS)
        return dict(zip(CONFIGURATIONS, records, strict=True))


def test_what_is_recorded_is_what_was(golden: dict[str, Any], found: dict[str, Any]) -> None:
    assert golden.keys() == found.keys()
    all_differences = (
        one for name in golden for one in differences(name, golden[name], found[name])
    )
    told = report(all_differences)
    assert not told, f"who updates would pay for this again:\n{told}"


def test_no_place_of_the_machine_is_recorded(found: dict[str, Any]) -> None:
    for name, entry in found.items():
        told = json.dumps(entry)
        for place in (REPOSITORY, Path.home(), Path(sys.executable).parent, Path(sys.prefix)):
            assert place == Path("/") or str(place) not in told, (name, place)


def test_every_stage_has_one_fingerprint(golden: dict[str, Any]) -> None:
    """One without would be a stage whose receipt was not found, of which nothing is compared."""
    for name, entry in golden.items():
        assert entry["fingerprints"], name
        for stage, fingerprint in entry["fingerprints"].items():
            assert len(fingerprint) == 16, (name, stage)


def test_every_engine_is_recorded(golden: dict[str, Any]) -> None:
    told = {
        (kind.split(",")[0], engine)
        for entry in golden.values()
        for kind, job in entry["jobs"].items()
        for engine in _engines(job["params"].get("options", "[]"))
    }
    wanted = {
        (stage.name, engine)
        for stage in catalogue_for({}).cached_stages
        for engine in stage.engines
        if stage.name not in SINCE
    }
    assert told == wanted


def _engines(options: str) -> Iterator[str]:
    """The values of --engine in the repr of a list of arguments."""
    words = " ".join(ast.literal_eval(options)).replace("=", " ").split()
    return (word for flag, word in pairwise(words) if flag == "--engine")


def test_every_rule_is_recorded(golden: dict[str, Any]) -> None:
    """All that make files (plan and fetch_models make none)."""
    named = {kind.split(",")[0] for entry in golden.values() for kind in entry["jobs"]}
    named |= {allowed.rule for allowed in ALLOWED if allowed.what == "job"}
    assert named == {
        *("fetch_model", "list_shards", "merge_samples", "select_samples", "summarize"),
        *("report", "check_samples", "probe_videos", "export_parquet", "export_card"),
        *("clip_captions", "filter_categories", "transcribe", "import_transcripts"),
        *("clip_transcripts", "identify_language", "score_lm_loss", "score_talking_head"),
        *("score_active_speaker", "make_prompts", "describe_video"),
    }


JOB = "score_lm_loss, track=sft"


def test_a_changed_param_is_told(golden: dict[str, Any]) -> None:
    changed = copy.deepcopy(golden["paper"])
    changed["jobs"][JOB]["params"]["version"] = "'2'"
    told = report(differences("paper", golden["paper"], changed), ())
    assert told.splitlines() == [
        f"paper: {JOB}: version",
        "    before: '1'",
        "    now:    '2'",
    ]
    allowed = Allowed("score_lm_loss", "version", "its numbers change")
    assert report(differences("paper", golden["paper"], changed), [allowed]) == ""


def test_gained_and_lost_params_are_told(golden: dict[str, Any]) -> None:
    changed = copy.deepcopy(golden["paper"])
    params = changed["jobs"][JOB]["params"]
    params["batch"] = "16"
    del params["options"]
    found = list(differences("paper", golden["paper"], changed))
    assert [(one.job, one.what) for one in found] == [(JOB, "batch"), (JOB, "options")]


def test_a_renamed_param_is_none(golden: dict[str, Any]) -> None:
    changed = copy.deepcopy(golden["paper"])
    params = changed["jobs"][JOB]["params"]
    params["arguments"] = params.pop("options")
    assert list(differences("paper", golden["paper"], changed)) == []


def test_other_files_fingerprints_and_jobs_are_told(golden: dict[str, Any]) -> None:
    changed = copy.deepcopy(golden["paper"])
    changed["jobs"][JOB]["input"].append("more.json")
    changed["fingerprints"]["make_prompts"] = "0" * 16
    del changed["jobs"]["summarize"]
    found = list(differences("paper", golden["paper"], changed))
    assert [(one.job, one.what) for one in found] == [
        ("make_prompts", "fingerprint"),
        ("summarize", "job"),
        (JOB, "input"),
    ]


def test_what_is_allowed_without_need_is_told() -> None:
    assert "does not differ" in report([], [Allowed("summarize", "layout", "none")])
