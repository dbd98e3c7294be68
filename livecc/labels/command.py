"""From files of labels to what they say: everything that `livecc labels` prints and writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from livecc.errors import LiveccError
from livecc.labels.files import LabelFile, SampleFile, read_labels, read_sample
from livecc.labels.judges import Merged, merge
from livecc.labels.population import Population, read_population
from livecc.labels.proposals import LEAST_LABELS, Proposal, Proposer
from livecc.labels.report import (
    missing_note,
    render_labels,
    render_proposals,
    render_verdict,
    yaml_of,
)
from livecc.labels.verdict import Judged, Verdict, judge, verdict_of
from livecc.selecting.what_if.answer import Answer, Question, answer
from livecc.selecting.what_if.question import ask
from livecc.terminal import count


@dataclass(frozen=True)
class Goals:
    """What proposals are for. `least`: the share of the clips, or above 1 their number, to keep;
    `precision`: the share of good clips among them. None: as much as the selection has now."""

    least: float | None = None
    precision: float | None = None


@dataclass(frozen=True)
class Exact:
    """What a proposal keeps of the `usable` clips, decided for each of them as a run would."""

    proposal: Proposal
    settings: tuple[str, ...]
    answer: Answer
    usable: int

    def told(self) -> str:
        after = self.answer.after
        share = after.clips / max(self.usable, 1)
        hours = after.seconds / 3600
        text = f"keeps {count(after.clips, 'clip')} ({share:.1%}), {hours:,.1f} hours"
        waiting = sum(self.answer.to_score.values())
        if waiting:
            text += f"; {count(waiting, 'clip')} would have to be scored first"
        return text

    def to_json(self) -> dict[str, Any]:
        after = self.answer.after
        return {
            **self.proposal.to_json(),
            "keeps": {
                "clips": after.clips,
                "videos": after.videos,
                "seconds": round(after.seconds, 3),
                "to_score": dict(self.answer.to_score),
            },
            "set": list(self.settings),
        }


@dataclass(frozen=True)
class Inspection:
    """Everything that labels say about a selection; `joint` has the proposals for all rules at
    once, `single` those for one rule each. Both are empty with too few labels."""

    question: Question
    population: Population
    merged: Merged
    judged: Judged
    verdict: Verdict
    joint: tuple[Exact, ...]
    single: tuple[Proposal, ...]

    def render(self, console: Any) -> None:
        """Print it."""
        track, selection = self.question.track, self.question.selection
        render_labels(console, f"labels  {track}, selection {selection}", self.merged, self.judged)
        if self.population.missing:
            console.print(missing_note(self.population.missing))
        render_verdict(console, self.verdict)
        rules = [numeric.rule for numeric in self.population.numeric]
        if not self.joint:
            console.print()
            reason = (
                f"no thresholds are proposed with fewer than {LEAST_LABELS} labels"
                if rules
                else "no thresholds are proposed: no rule of the selection compares numbers"
            )
            console.print(reason)
            return
        singles = self.single if len(rules) > 1 else ()
        render_proposals(console, [*singles, *(exact.proposal for exact in self.joint)], rules)
        for exact in self.joint:
            console.print()
            if not exact.proposal.reached:
                console.print(f"The wanted {exact.proposal.goal} was not reached; the nearest:")
            console.print(yaml_of(exact.proposal, track, selection, exact.told()), soft_wrap=True)
            changes = " ".join(f"--set {setting}" for setting in exact.settings)
            console.print(
                f"# livecc what-if --track {track} --selection {selection} {changes}",
                soft_wrap=True,
            )

    def to_json(self) -> dict[str, Any]:
        """All figures as one JSON object."""
        merged, judged = self.merged, self.judged
        return {
            "version": 1,
            "track": self.question.track,
            "selection": self.question.selection,
            "labels": {
                "used": len(judged.rows),
                "judges": dict(merged.judges),
                "conflicts": len(merged.conflicts),
                "undecided": len(merged.undecided),
                "agreement": [agreement.to_json() for agreement in merged.agreements],
                "outside_sample": judged.outside,
                "unknown_clips": judged.unknown,
                "sampled_without_label": judged.waiting,
                "groups_without_label": dict(judged.merged),
                "clips_not_covered": judged.uncovered,
                "sampled": judged.sampled,
            },
            "confidence": 0.95,
            **self.verdict.to_json(),
            "proposals": {
                "together": [exact.to_json() for exact in self.joint],
                "one_rule": [proposal.to_json() for proposal in self.single],
            },
        }


def inspect(
    config: Mapping[str, Any],
    files: Sequence[Path],
    sample_file: Path | None,
    track: str | None,
    selection: str | None,
    goals: Goals,
    threads: int,
) -> Inspection:
    """What the labels of some files say.

    Raises LiveccError for a bad file, files of several tracks, unknown names, and labels of clips
    none of which is known.
    """
    label_files = [(path, read_labels(path)) for path in files]
    sample = read_sample(sample_file) if sample_file else None
    track = track or _common("track", label_files, sample)
    selection = selection or _common("selection", label_files, sample)
    question = ask(config, track, selection, [], None)
    if sample and sample.track != question.track:
        raise LiveccError(
            f"{sample_file}: is a sample of the track {sample.track}, not {question.track}"
        )
    merged = merge((path.name, file.labels) for path, file in _named_apart(label_files))
    if not merged.good:
        raise LiveccError(f"{files[0]}: has no label that counts; judge some clips first")
    population = read_population(question, merged.good)
    judged = judge(population, merged.good, sample)
    if not len(judged.rows):
        _raise_no_label(question, merged, judged, sample_file)
    verdict = verdict_of(population, judged)
    joint, single = _proposals(config, question, population, judged, verdict, goals, threads)
    return Inspection(question, population, merged, judged, verdict, joint, single)


def _common(
    what: str, label_files: Sequence[tuple[Path, LabelFile]], sample: SampleFile | None
) -> str | None:
    """The track or the selection of the files, which must not differ."""
    named = {getattr(file, what): str(path) for path, file in label_files if getattr(file, what)}
    if len(named) > 1:
        (one, first), (other, second) = list(named.items())[:2]
        raise LiveccError(
            f"{first} has labels of the {what} {one!r} and {second} of {other!r}; give --{what}"
        )
    return next(iter(named), getattr(sample, what) if sample else None)


def _named_apart(
    label_files: Sequence[tuple[Path, LabelFile]],
) -> list[tuple[Path, LabelFile]]:
    """Files of one name in several folders are several judges."""
    names = [path.name for path, _ in label_files]
    return [
        (path if names.count(path.name) == 1 else Path(str(path).replace("/", " ")), file)
        for path, file in label_files
    ]


def _raise_no_label(
    question: Question, merged: Merged, judged: Judged, sample_file: Path | None
) -> None:
    clip = next(iter(merged.good))
    if judged.outside:
        raise LiveccError(
            f"{sample_file}: none of the labelled clips is in this sample (such as {clip!r}); give "
            "the sample that was judged, or none"
        )
    raise LiveccError(
        f"{question.layout.results}/{question.track}: has none of the labelled clips, such as "
        f"{clip!r}; ids change if clips are cut differently"
    )


def _proposals(
    config: Mapping[str, Any],
    question: Question,
    population: Population,
    judged: Judged,
    verdict: Verdict,
    goals: Goals,
    threads: int,
) -> tuple[tuple[Exact, ...], tuple[Proposal, ...]]:
    """(for all rules together, for each rule alone); none with too few labels or no such rule."""
    total = max(len(population), 1)
    least = goals.least
    if least is not None and least > 1:
        if least > total:
            raise LiveccError(f"--yield {least:g}: there are only {count(total, 'clip')}")
        least /= total
    if len(judged.rows) < LEAST_LABELS or not population.numeric:
        return (), ()
    both = goals.least is None and goals.precision is None
    wanted = verdict.kept / total if both else least
    precision = goals.precision
    if both and verdict.precision is not None:
        precision = verdict.precision.value
    proposer = Proposer(population, judged, [] if wanted is None else [wanted])
    made: list[Proposal] = []
    single: list[Proposal] = []
    for rules in (None, *([rule] for rule in proposer.rules)):
        target = made if rules is None else single
        if wanted is not None:
            target.append(proposer.for_yield(wanted, rules))
        if precision is not None:
            target.append(proposer.for_precision(precision, rules))
    joint = []
    for proposal in made:
        settings = tuple(_settings(question, proposal))
        asked = ask(config, question.track, question.selection, settings, None)
        # Not against the last run, of which there may be none.
        asked = replace(asked, before=question.thresholds)
        joint.append(Exact(proposal, settings, answer(asked, threads), total))
    return tuple(joint), tuple(single)


def _settings(question: Question, proposal: Proposal) -> list[str]:
    """The proposal as changes of `livecc what-if --set`."""
    settings = []
    for bound in proposal.bounds:
        before = question.thresholds.get(bound.rule) or {}
        for name, value in before.items():
            if name not in bound.bounds:
                settings.append(f"{bound.rule}.{name}=none")
            elif bound.bounds[name] != value:
                settings.append(f"{bound.rule}.{name}={bound.bounds[name]:.12g}")
    return settings
