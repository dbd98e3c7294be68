"""Gates of stages that make clips: whose input lines are outside of every selection.

Transcribing a video costs more than all that follows. What its input line tells is known before, so
the rules on it decide before; the rules on words and files wait until there are any. The bounds are
those of the selections, widened to what any of them keeps: the gate drops nothing that a selection
would not drop for the same reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from livecc.stages.describe_video.declaration import STAGE
from livecc.stages.describe_video.facts import LineFacts, read_facts
from livecc.terminal import printable
from livecc.thresholds.kinds import Rule, Threshold
from livecc.thresholds.listed import ChangedListError
from livecc.thresholds.sets import ON_UNKNOWN, parse_rules

#: The rules that such gates may use.
LINE_RULES: dict[str, Rule] = {rule.name: rule for rule in STAGE.rules if rule.of_line}


def outside_gate(lines: Path, gate: Mapping[str, Any], mode: str) -> dict[str, str]:
    """Video -> why no selection keeps it, for the videos of an input file outside of a gate."""
    rules = parse_rules(gate, LINE_RULES)
    lenient = gate.get(ON_UNKNOWN) == "keep"
    found: dict[str, str] = {}
    seen: set[str] = set()
    for facts in read_facts(lines, mode):
        # Of lines with the same video, the first one counts.
        if facts.video in seen:
            continue
        seen.add(facts.video)
        reason = _reason(facts, rules, lenient)
        if reason is not None:
            found[facts.video] = f"no selection keeps it: {printable(reason)}"
    return found


def _reason(facts: LineFacts, rules: Mapping[str, Threshold], lenient: bool) -> str | None:
    for name, threshold in rules.items():
        rule = LINE_RULES[name]
        values = {column: getattr(facts, column) for column in rule.columns}
        if rule.may_be_unknown and None in values.values():
            if not lenient:
                return f"{name} is unknown"
            continue
        failure = threshold.failure(values)
        if failure is not None:
            return failure
    return None


def lets_in_all_lines(
    lines: Path, recorded: Mapping[str, Any], wanted: Mapping[str, Any], mode: str
) -> bool:
    """Whether the gate `recorded` lets in every line of an input file that `wanted` does."""
    try:
        return (
            outside_gate(lines, recorded, mode).keys() <= outside_gate(lines, wanted, mode).keys()
        )
    except ChangedListError:
        return False
