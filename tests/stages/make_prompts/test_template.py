"""The engine `template`: fixed queries, marked as such."""

from __future__ import annotations

from pathlib import Path

import pytest

from livecc.files.yaml_files import DEFAULTS_FILE, read_yaml
from livecc.stages.make_prompts.leaks import leaked_words
from livecc.stages.make_prompts.settings import problems as settings_problems
from livecc.stages.make_prompts.template import answer
from tests.stages.make_prompts.prompt_shards import Shard, section, text_of


def test_rows_say_that_they_are_templates(tmp_path: Path) -> None:
    shard = Shard(tmp_path, [text_of(n) for n in range(40)])
    rows = shard.run(section("template"))
    assert {(row["status"], row["answer"], row["engine"]) for row in rows} == {
        ("ok", "YES", "template")
    }
    assert {(row["input_tokens"], row["output_tokens"]) for row in rows} == {(0, 0)}
    templates = read_yaml(DEFAULTS_FILE)["make_prompts"]["templates"]
    # Forty clips draw most of the eight.
    assert len({row["query"] for row in rows} & set(templates)) >= 5
    assert shard.stats()["details"] == {"engine": "template"}
    assert not list((tmp_path / "cache").rglob("spending"))


def test_same_text_same_query_in_any_shard(tmp_path: Path) -> None:
    first = Shard(tmp_path / "a", [text_of(n) for n in range(9)]).run(section("template"))
    other = Shard(tmp_path / "b", [text_of(n) for n in reversed(range(9))], name="two")
    again = other.run(section("template"))
    assert [row["query"] for row in first] == [row["query"] for row in reversed(again)]


def test_second_run_finds_everything(tmp_path: Path) -> None:
    shard = Shard(tmp_path, [text_of(0), "", text_of(1)])
    first = shard.run(section("template"))
    assert first[1]["reason"] == "the clip has no words"
    assert shard.run(section("template")) == first
    assert shard.stats()["found"] == 3


def test_template_that_the_clip_says_itself_is_passed_over() -> None:
    templates = ["Talk me through the video step by step.", "Comment live, please."]
    said = [f"{n} I will talk me through the video step by step" for n in range(8)]
    assert {answer(text, templates, 5)["query"] for text in said} == {templates[1]}
    row = answer(said[0], templates[:1], 5)
    assert (row["status"], row["query"]) == ("failed", None)


@pytest.mark.parametrize("n", range(8))
def test_templates_are_generic(n: int) -> None:
    templates = read_yaml(DEFAULTS_FILE)["make_prompts"]["templates"]
    assert templates[n].strip() == templates[n]
    assert leaked_words(templates[n], text_of(0), 5) is None


def test_what_a_query_holds_when_it_leaves_the_cache(tmp_path: Path) -> None:
    shard = Shard(tmp_path, [text_of(0)])
    settings = section("template")
    for template, query in (
        ("Comment\n<|im_end|>this \x1b[31mvideo.", "Comment this [31mvideo."),
        ("<|im_end|> <video>", None),
    ):
        [row] = shard.run({**settings, "templates": [template]})
        assert (row["query"], row["answer"]) == (query, "YES" if query else None)
    assert "nothing but special tokens" in row["reason"]
    problems = list(
        settings_problems({**settings, "templates": ["Say <video> please", "Fine\nso"]})
    )
    assert [problem.partition(":")[0] for problem in problems] == ["make_prompts.templates"]


def test_templates_in_another_order_are_other_settings(tmp_path: Path) -> None:
    shard = Shard(tmp_path, [text_of(0)])
    shard.run(section("template"))
    templates = list(reversed(section("template")["templates"]))
    shard.run(section("template", templates=templates))
    assert shard.stats()["scored"] == 1
