"""What the summary says beside its tables; tests of the workflow look at a whole one."""

from __future__ import annotations

from typing import Any

import pytest

from livecc.summary import _stage_summary, render
from tests.support.built_in import RULES, STAGES


def rendered_keys(**scores: dict[str, Any]) -> str:
    return rendered(external_scores=scores)


def rendered(external_scores: dict[str, Any] | None = None, **categories: dict[str, int]) -> str:
    counts = {
        **dict.fromkeys(("lines", "videos", "clips", "short_spans", "words"), 1),
        **{"failed_videos": 0, "seconds": 60.0},
    }
    parts: dict[str, Any] = {
        "shards": 1,
        "input": counts,
        "categories": categories,
        "problems": [],
        "stages": {},
        "selections": {},
        "external_scores": external_scores or {},
    }
    return render({"sft": parts}, RULES)


def test_one_is_no_plural() -> None:
    text = rendered()
    assert "1 shard, 1 line: 1 video, 0 unusable" in text
    assert "1 clip, 1.0 minutes; too short for a clip: 1 span" in text


def test_categories_that_no_line_has() -> None:
    counts = {"categories": {"Sports": 3, "Music": 1}, "kept_categories": {}}
    assert "no line" not in rendered(**counts, missing_categories={"Education": 0})
    # Missing in one shard and there in another.
    text = rendered(**counts, missing_categories={"Music": 0, "Sport": 0, "Education": 0})
    assert text.count("no line") == 1
    assert "no line has the wanted category 'Sport'; did you mean 'Sports'?" in text


def nothing_kept(**more: Any) -> str:
    counts = {
        **dict.fromkeys(("lines", "videos", "clips", "short_spans", "words"), 1),
        **{"failed_videos": 0, "seconds": 60.0},
    }
    selection = {
        **{"clips": 12, "kept": 0, "dropped": {"language": 2, "lm_loss": 10}, "samples": 0},
        **{"unscored": {"lm_loss": 3}, "seconds": 400.0, "kept_seconds": 0.0, "bytes": 2},
        **{"kept_videos": 0, "kept_words": 0, "file": "a/livecc_sft_default.jsonl"},
        **more,
    }
    parts = {
        **{"shards": 1, "input": counts, "categories": {}, "problems": [], "stages": {}},
        "selections": {"default": selection},
    }
    return render({"sft": parts}, RULES)


def test_a_selection_that_keeps_nothing_is_the_last_thing_said() -> None:
    changes = [{"setting": "lm_loss.max=7.25", "kept": 3, "open": 1}]
    text = nothing_kept(nearest={"changes": changes, "fewest_failures": []})
    end = text[text.index("WARNING") :]
    assert end.startswith("WARNING: sft, selection default keeps no clip !!!")
    assert "lm_loss dropped most: 10 of 12 clips, 3 of them without a score" in end
    assert "--set lm_loss.max=7.25" in end
    assert "keeps 3 clips, 1 clip still to be scored" in end
    text = nothing_kept(nearest={"changes": [], "fewest_failures": ["language", "lm_loss"]})
    assert "that fails the fewest fails language, lm_loss." in " ".join(text.split())
    assert "There are no clips" in nothing_kept(clips=0)


def test_weights_not_of_the_list_are_said_once() -> None:
    unlike = {"score_active_speaker": {"model": "light_asd", "files": {"a.model": "differs"}}}
    nearest = {"changes": [], "fewest_failures": []}
    text = nothing_kept(nearest=nearest, models_not_as_listed=unlike)
    assert "WARNING: sft, weights not of models.yaml !!!" in text
    assert text.count("score_active_speaker: light_asd: a.model differs\n") == 1
    assert "weights not of" not in nothing_kept(nearest=nearest)


def test_what_the_reader_delivers_is_said() -> None:
    counts: dict[str, Any] = {
        **{"label": "the videos", "checked": 20, "complete": 17, "unusable": 1, "too_long": 2},
        **{"words": 900, "lost": 5, "twice": 1, "late": 0},
    }
    files = [{"video": "a.mp4", "reason": "no such file", "samples": 1}]
    check = {
        **{"file": "x", "samples": 300, "counts": [counts], "text_only": False, "why": None},
        **{"videos": 9, "unopened": 1, "files": files},
    }
    text = nothing_kept(samples=300, kept=300, dropped={}, check=check)
    assert "the trainer's reader delivers 17 of 20 samples complete (20 of 300 checked)" in text
    assert "5 words lost, 1 word said twice, 1 sample unusable, 2 clips longer than 480" in text
    assert "a.mp4 (1 sample): no such file" in text
    assert "WARNING" not in text
    why = {"text_only": True, "why": "none of their videos is in v", "unopened": 0}
    text = nothing_kept(samples=300, kept=300, dropped={}, check={**check, **why})
    assert "computed for the videos because none of their videos is in v" in " ".join(text.split())


def test_what_was_cleaned() -> None:
    assert "cleaned" not in rendered()
    counts = {
        **dict.fromkeys(("lines", "videos", "clips", "short_spans", "words"), 1),
        **{"failed_videos": 0, "seconds": 60.0, "caption_lines": 9, "skipped_lines": 1},
        **{"skipped": {"markup": 1}, "cleaned": {"entities": 3, "overlaps cut": 40}},
    }
    empty: dict[str, Any] = {"categories": {}, "problems": [], "stages": {}, "selections": {}}
    text = render({"pretrain": {"shards": 1, "input": counts, **empty}}, RULES)
    assert "9 caption lines, 1 skipped (markup 1); 1 word" in text
    assert "cleaned: entities 3, overlaps cut 40" in text


def rendered_stage(name: str, *stats: dict[str, Any]) -> str:
    counts = {
        **dict.fromkeys(("lines", "videos", "clips", "short_spans", "words"), 1),
        **{"failed_videos": 0, "seconds": 60.0},
    }
    parts: dict[str, Any] = {"shards": 2, "input": counts, "categories": {}, "problems": []}
    stages = {name: _stage_summary(stats, STAGES[name])}
    return render({"sft": {**parts, "stages": stages, "selections": {}}}, RULES)


def test_prompts_from_templates_are_said_to_be() -> None:
    made = {"items": 3, "scored": 3, "failed": 0, "details": {"engine": "template"}}
    text = rendered_stage("make_prompts", made, made)
    assert text.count("the prompts are templates, and no model has read the clips") == 1
    assert "--config 'make_prompts={engine: transformers}' to" in text
    asked = {**made, "details": {"engine": "transformers", "device": "cpu"}}
    assert "templates" not in rendered_stage("make_prompts", asked)
    # A shard without clips asked nobody.
    assert "templates" not in rendered_stage("make_prompts", {**made, "items": 0})


def test_missing_weights_are_said_with_the_command_that_fetches_them() -> None:
    details = {"missing_models": ["light_asd", "scrfd_500m"], "models_folder": "my models"}
    stats = {"items": 3, "scored": 3, "failed": 3, "details": {"device": "cpu", **details}}
    text = rendered_stage("score_active_speaker", stats, stats)
    assert (
        "score_active_speaker: 6 items not scored, because weights are missing; run "
        "`livecc models fetch light_asd scrfd_500m --models-folder 'my models'`, and then the same "
        "command again\n"
    ) in text
    scored = {**stats, "failed": 1, "details": {"device": "cpu"}}
    assert "missing" not in rendered_stage("score_active_speaker", scored)


def test_texts_of_a_data_set_are_printed_as_they_are() -> None:
    counts = {"categories": {":smile: [b]x[/b]": 3}, "kept_categories": {}}
    assert "categories: :smile: [b]x[/b] 0 of 3" in rendered(**counts)


def test_one_sample_is_no_plural() -> None:
    check = {"samples": 0, "counts": [], "text_only": False}
    text = nothing_kept(samples=1, kept=1, clips=1, dropped={}, check=check)
    assert "       1 clip         6.7 minutes" in text
    assert "       1 sample       " in text


@pytest.mark.parametrize(
    ("repeated", "words"),
    [
        (0, None),
        (2, "t.csv has 2 rows with the key of an earlier row"),
        (None, "t.csv has more than 5,000,000 rows, so keys that match no clip were not searched"),
    ],
)
def test_repeated_keys_of_a_table_are_said(repeated: int | None, words: str | None) -> None:
    counts = {"table": "t.csv", "key": "clip", "keys": 9, "unknown": 0, "example": "a"}
    text = rendered_keys(mine={**counts, "repeated": repeated})
    assert ("t.csv" in text) == (words is not None)
    assert (words or "") in " ".join(text.split())
