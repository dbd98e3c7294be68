"""What labels say, for the terminal: agreement, precision and recall, proposed thresholds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from livecc.labels.estimates import Share
from livecc.labels.files import SampleFile
from livecc.labels.judges import Merged
from livecc.labels.population import Population
from livecc.labels.proposals import MIDDLE, Proposal
from livecc.labels.verdict import Judged, Verdict
from livecc.terminal import count, plain_table, printable

_YAML_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
#: Judges whose agreement is shown, in pairs.
_PAIRS = 10


def percent(share: Share | None) -> str:
    """A share with its interval: "92 % (85 to 96)"."""
    if share is None:
        return "no labels"
    low, high = _digits(share.low), _digits(share.high)
    return f"{_digits(share.value)} % ({low} to {high})"


def _digits(share: float) -> str:
    # Near 0 and 1 the digits behind the point matter.
    number = 100 * share
    return f"{number:.0f}" if 5 <= number <= 95 or number in (0, 100) else f"{number:.1f}"


def render_labels(console: Any, title: str, merged: Merged, judged: Judged) -> None:
    """Print who judged, how well they agree, and what is left out."""
    console.print(title, soft_wrap=True)
    console.print()
    judges = ", ".join(
        f"{printable(name)} {clips:,}" for name, clips in sorted(merged.judges.items())[:_PAIRS]
    )
    console.print(
        f"{count(len(merged.good) + len(merged.undecided), 'clip')} judged by "
        f"{count(len(merged.judges), 'judge')}: {judges}",
        soft_wrap=True,
    )
    for agreement in merged.agreements[:_PAIRS]:
        one, other = map(printable, agreement.judges)
        kappa = "not defined" if agreement.kappa is None else f"{agreement.kappa:.2f}"
        console.print(
            f"{one} and {other} agree on {agreement.share:.0%} of {count(agreement.clips, 'clip')} "
            f"(Cohen's kappa {kappa})",
            soft_wrap=True,
        )
    for note in _left_out(merged, judged):
        console.print(note, soft_wrap=True)


def _left_out(merged: Merged, judged: Judged) -> Iterator[str]:
    if merged.conflicts:
        yield (
            f"{count(len(merged.conflicts), 'clip')} judged differently; the majority counts, and "
            f"{len(merged.undecided):,} without one left out"
        )
    if judged.unknown:
        yield f"{count(judged.unknown, 'label')} of clips that the results do not have, left out"
    if judged.outside:
        yield (
            f"{count(judged.outside, 'label')} of clips outside the sample, left out: they were "
            "not drawn by chance"
        )
    if judged.waiting:
        yield (
            f"{count(judged.waiting, 'clip')} of the sample without a label: estimates hold if "
            "these are like the others of their group"
        )
    if not judged.sampled:
        yield (
            "no sample given (--sample): estimates hold only if the labelled clips were chosen by "
            "chance among those kept and among those that each rule drops"
        )
    for name, other in judged.merged.items():
        told = f'no label in the group "{printable(name)}"; those in "{printable(other)}"'
        yield f"{told} stand for it"
    if judged.uncovered:
        clips = count(judged.uncovered, "clip")
        yield f"{clips} in groups without any label: not in the estimates"


def render_verdict(console: Any, verdict: Verdict) -> None:
    """Print precision and recall, of the selection and of each rule."""
    console.print()
    table = plain_table("selection", right=("share (95 % interval)", "labels"), gap=3)
    rows = (
        ("precision: good clips among the kept", verdict.precision),
        ("recall: kept clips among the good", verdict.recall),
        ("good clips among all", verdict.good),
    )
    for name, share in rows:
        table.add_row(name, percent(share), f"{share.labels:,}" if share else "0")
    console.print(table)
    if not verdict.rules:
        return
    console.print()
    table = plain_table(
        "rule", right=("drops", "bad among these", "bad ones caught", "good ones spared"), gap=3
    )
    for rule in verdict.rules:
        table.add_row(
            rule.name,
            f"{rule.drops:,}",
            percent(rule.right),
            percent(rule.caught),
            percent(rule.spared),
        )
    console.print(table)
    console.print(
        "Of the clips that no earlier rule drops. Bad among these: precision of dropping; caught: "
        "its recall; spared: recall of keeping."
    )


def render_proposals(console: Any, proposals: Sequence[Proposal], rules: Sequence[str]) -> None:
    """Print proposals: one rule alone, and all together."""
    console.print()
    goals = {(proposal.goal, proposal.wanted) for proposal in proposals}
    for goal, wanted in sorted(goals, reverse=True):
        own = [one for one in proposals if (one.goal, one.wanted) == (goal, wanted)]
        what = (
            f"best precision with at least {wanted:.1%} of the clips"
            if goal == "yield"
            else f"most clips with a precision of at least {wanted:.1%}"
        )
        console.print(what)
        right = ("kept", "held out", "seen")
        table = plain_table("changed", "bounds", right=right, gap=2, fold=True)
        for proposal in own:
            joint = len(proposal.rules) == len(rules) and len(rules) > 1
            name = "all together" if joint else ", ".join(proposal.rules)
            if not proposal.reached:
                name += " (not reached)"
            for number, bound in enumerate(proposal.bounds):
                last = (
                    (f"{proposal.share_kept:.1%}", percent(proposal.held_out), _seen(proposal))
                    if not number
                    else ("", "", "")
                )
                text = f"{bound.rule}: {_inline(bound.bounds)}" if joint else _inline(bound.bounds)
                table.add_row(name if not number else "", text, *last)
        console.print(table)
        console.print()
    console.print(
        "Held out, seen: the precision on labels with which the thresholds were not chosen, and on "
        "those with which they were, which is too good to be true."
    )


def _seen(proposal: Proposal) -> str:
    return f"{_digits(proposal.seen.value)} %" if proposal.seen else "no labels"


def yaml_of(proposal: Proposal, track: str, selection: str, kept: str) -> str:
    """A proposal to paste into a configuration; comments tell how sure it is."""
    lines = [
        f"# {kept}; precision about {percent(proposal.held_out)} on labels held out",
        "selections:",
        f"  {_key(selection)}:",
        f"    {_key(track)}:",
    ]
    for bound in proposal.bounds:
        spread = "; ".join(
            f"{name} {_value(low)} to {_value(high)}" for name, (low, high) in bound.spread.items()
        )
        gone = [name for name in bound.spread if name not in bound.bounds]
        without = f"without {' and '.join(gone)}; " if gone else ""
        comment = f"  # {without}{spread}" if spread else ""
        lines.append(f"      {_key(bound.rule)}: {_inline(bound.bounds)}{comment}")
    lines.append(f"# after each rule: where {MIDDLE:.0%} of the thresholds of resampled labels lie")
    return "\n".join(lines)


def _inline(bounds: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{name}: {_value(value)}" for name, value in bounds.items()) + "}"


def _value(value: Any) -> str:
    """A bound as YAML."""
    import orjson

    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:.12g}"
    return orjson.dumps(value).decode()


def _key(name: str) -> str:
    """A name as a key of YAML, quoted if it must be."""
    import orjson

    # Anything that YAML could read as something else than a text: quoted, as in JSON.
    plain = re.fullmatch(r"[a-z][a-z0-9_]*", name) and name not in _YAML_WORDS
    return name if plain else orjson.dumps(name).decode()


def render_sample(console: Any, path: str, sample: SampleFile, population: Population) -> None:
    """Print what was drawn of each group."""
    drawn = Counter(clip.stratum for clip in sample.clips)
    table = plain_table(f"{sample.track}, {sample.selection}", right=("clips", "drawn"), gap=3)
    for name, size in sample.sizes().items():
        table.add_row(name, f"{size:,}", f"{drawn[name]:,}")
    console.print(table)
    if population.missing:
        console.print(missing_note(population.missing))
    console.print(f"\n{path}: {count(len(sample.clips), 'clip')}", soft_wrap=True)


def missing_note(shards: Sequence[str]) -> str:
    """Which shards have no scores yet."""
    names = ", ".join(shards[:5]) + (", ..." if len(shards) > 5 else "")
    return f"{count(len(shards), 'shard')} not scored yet and not included: {names}"
