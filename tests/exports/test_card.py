"""The data-set card: its header, its numbers, and texts of others in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from livecc.exports import card
from livecc.exports.card import hub_features, markdown_fence, markdown_text
from livecc.exports.export import export
from livecc.exports.formats import CARD, PARQUET, SEEKS, Format
from livecc.exports.parquet import schema_of
from livecc.exports.release import Release
from livecc.files.atomic import read_json, write_json
from tests.support.releases import THRESHOLDS, lines_of, make_release

OPTIONS: dict[str, Any] = {"name": None, "pretty_name": None, "license": "unknown"}
SPLIT = {"validation": 0.2, "test": 0.2}


def with_formats(release: Release, *formats: Format) -> Release:
    """The release after formats were written, which the card describes."""
    for one in formats:
        export(one, release, {})
    exported = {
        one.name: Path(one.manifest(release.layout, release.track, "default")) for one in formats
    }
    return Release(
        release.layout, release.track, "default", release.stages, release.catalogue, exported
    )


def write(release: Release, **options: Any) -> str:
    (path,) = export(CARD, release, OPTIONS | options).values()
    assert path.name == "README.md"
    return path.read_text(encoding="utf-8")


def header(text: str) -> dict[str, Any]:
    _, head, _ = text.split("---\n", 2)
    told: dict[str, Any] = yaml.safe_load(head)
    return told


def html(text: str) -> str:
    """The card as a page, by the rules of GitHub and the Hub."""
    body = text.split("---\n", 2)[2]
    return MarkdownIt("gfm-like", {"linkify": False}).render(body)


def rows(text: str, heading: str) -> list[list[str]]:
    """The cells of the first table behind a heading."""
    lines = text[text.index(heading) :].splitlines()
    table = [line for line in lines if line.startswith("|")]
    first = lines.index(table[0])
    block = []
    for line in lines[first:]:
        if not line.startswith("|"):
            break
        block.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line[1:-1])])
    return block[2:]


@pytest.mark.parametrize("track", ["pretrain", "sft"])
def test_load_dataset_opens_the_folder_by_its_card(
    tmp_path: Path, hub_cache: Path, track: str
) -> None:
    """Splits, features and numbers of the header are those of the files."""
    from datasets import Features, load_dataset

    release = with_formats(make_release(tmp_path / "r", track, split=SPLIT), PARQUET, SEEKS)
    text = write(release)
    folder = release.merged("train").parent
    loaded = load_dataset(str(folder), cache_dir=str(hub_cache))
    counts = {split: len(lines_of(release, split)) for split in ("train", "validation", "test")}
    assert {name: one.num_rows for name, one in loaded.items()} == counts
    told = header(text)["dataset_info"]
    assert Features._from_yaml_list(told["features"]) == loaded["train"].features
    assert {one["name"]: one["num_examples"] for one in told["splits"]} == counts
    assert told["download_size"] == sum(
        path.stat().st_size for path in folder.glob("samples*.parquet")
    )


def test_features_are_those_of_datasets(tmp_path: Path) -> None:
    from datasets import Features

    schema = schema_of(make_release(tmp_path))
    assert Features._from_yaml_list(hub_features(schema)) == Features.from_arrow_schema(schema)


def test_a_split_without_samples_is_not_in_the_header(tmp_path: Path, hub_cache: Path) -> None:
    from datasets import load_dataset

    release = with_formats(make_release(tmp_path / "r", split={"validation": 1e-9}), PARQUET)
    text = write(release)
    assert [one["split"] for one in header(text)["configs"][0]["data_files"]] == ["train"]
    folder = release.merged("train").parent
    assert list(load_dataset(str(folder), cache_dir=str(hub_cache))) == ["train"]
    assert ["validation", "0", "0", "0.0\u00a0minutes", "0"] in rows(text, "# LiveCC")


def test_header(tmp_path: Path) -> None:
    release = with_formats(make_release(tmp_path), PARQUET)
    told = header(write(release))
    assert told["license"] == "unknown"
    assert told["task_categories"] == ["video-text-to-text"]
    assert told["size_categories"] == ["n<1K"]
    assert set(told["language"]) == {"en", "de", "fr"}
    told = header(write(release, license="cc-by-4.0", pretty_name="Mine: all", name="me/mine"))
    assert (told["license"], told["pretty_name"]) == ("cc-by-4.0", "Mine: all")


@pytest.mark.parametrize(
    ("samples", "expected"),
    [(0, "n<1K"), (999, "n<1K"), (1_000, "1K<n<10K"), (525_941, "100K<n<1M"), (10**9, "n>1B")],
)
def test_classes_of_sizes(samples: int, expected: str) -> None:
    assert card._size_class(samples) == expected


def test_without_a_table_nothing_claims_one(tmp_path: Path) -> None:
    text = write(make_release(tmp_path))
    assert not {"configs", "dataset_info"} & set(header(text))
    assert "load_dataset" not in text
    assert "parquet" not in text


def test_numbers_are_those_of_the_files(tmp_path: Path) -> None:
    release = with_formats(make_release(tmp_path, split=SPLIT), PARQUET)
    text = write(release)
    for split, samples, videos, _, words in rows(text, "# LiveCC"):
        made = pd.read_parquet(release.layout.sample_table("pretrain", "default", split))
        assert (int(samples), int(videos)) == (len(made), made.video.nunique())
        assert int(words.replace(",", "")) == made.words.map(len).sum()


def test_funnel_adds_up(tmp_path: Path) -> None:
    thresholds = {**THRESHOLDS, "talking_head": {"below": 0.9}, "on_unscored": "drop"}
    release = make_release(tmp_path, thresholds=thresholds)
    decisions = pd.read_parquet(Path(release.shards[0].decisions("default")).parent)
    text = write(release)
    first, *steps = rows(text, "## How the samples")
    left = len(decisions)
    assert first[4] == str(left)
    assert [step[0].strip("`") for step in steps] == ["clip", "lm_loss", "talking_head"]
    assert steps[2][1].endswith("(kept: below 0.9)")
    for step in steps:
        mine = decisions[decisions.rule == step[0].strip("`")]
        assert int(step[2]) == len(mine)
        assert int(step[3]) == mine.why.str.startswith("not scored").sum()
        left -= len(mine)
        assert int(step[4]) == left
    assert left == decisions.kept.sum() == len(lines_of(release))
    assert f"{3 * 13} lines of input had {3 * 12} usable videos" in text


def test_thresholds_can_be_used_again(tmp_path: Path) -> None:
    """The block is a configuration that gives the same manifest."""
    from livecc import configuration
    from livecc.selecting.manifest import release_configuration

    default = configuration.complete({})["selections"]["default"]["pretrain"]
    thresholds = dict.fromkeys(default) | {"lm_loss": {"min": 0.3, "max": 6.5}}
    thresholds["on_unscored"] = "keep"
    release = make_release(tmp_path, split=SPLIT, thresholds=thresholds)
    (block,) = re.findall(r"```yaml\n(.*?)```", write(release), re.DOTALL)
    config = configuration.complete(yaml.safe_load(block))
    assert release_configuration(config, "pretrain", "default") == release.configuration


def test_models_and_limits(tmp_path: Path) -> None:
    release = make_release(tmp_path, "sft")
    path = Path(release.layout.manifest("sft", "default"))
    manifest = read_json(path)
    manifest["models"] = {
        "score_lm_loss": {
            "name": "qwen",
            "source": {"hub": "Qwen/Q", "revision": "0a1b2c"},
            "licence": "Apache-2.0",
            "digest": "d" * 64,
            "not_as_listed": {"model.safetensors": "differs"},
        },
        "score_active_speaker": {"name": "light_asd", "status": "missing"},
    }
    manifest["scores"] = {"make_prompts": [{"settings": {"engine": "template"}}]}
    write_json(path, manifest)
    text = write(release)
    first, second = rows(text, "## Models")
    assert [re.sub(r"[\\`]", "", cell) for cell in first] == [
        "score_lm_loss",
        "qwen",
        "hub Qwen/Q, revision 0a1b2c",
        "Apache-2.0",
        "files differ from those that models.yaml lists",
    ]
    assert second[1] == "light\\_asd"
    limits = text[text.index("## Known limits") : text.index("## Making it again")].replace(
        "\\", ""
    )
    assert "The weights of qwen (score_lm_loss) are not those" in limits
    assert "light_asd of score_active_speaker was missing" in limits
    assert "no model has read the clips." in limits
    assert "were kept, not dropped" in limits


def test_no_clip_at_all(tmp_path: Path) -> None:
    nothing = {"lm_loss": {"min": 100, "max": 101}, "on_unscored": "drop"}
    release = with_formats(make_release(tmp_path, thresholds=nothing), PARQUET)
    text = write(release)
    assert "configs" not in header(text)
    assert "load_dataset" not in text


def test_the_same_results_give_the_same_card(tmp_path: Path) -> None:
    one = write(with_formats(make_release(tmp_path / "1"), PARQUET))
    other = write(with_formats(make_release(tmp_path / "2"), PARQUET))
    assert one == other
    assert str(tmp_path) not in one


# --- texts of others -----------------------------------------------------------------------------

HOSTILE = (
    "<img src=x onerror=alert(1)> | ``` [a](javascript:b) **x** \x1b[2J\u202e www.a.example @me"
)


def test_hostile_texts_are_shown_as_they_are(tmp_path: Path) -> None:
    release = make_release(tmp_path)
    path = Path(release.layout.manifest("pretrain", "default"))
    manifest = read_json(path)
    manifest["models"] = {
        HOSTILE: {"name": HOSTILE, "source": {"hub": HOSTILE}, "licence": HOSTILE, "digest": "1"}
    }
    manifest["configuration"]["thresholds"]["source"] = {"labels": [f"{HOSTILE}\n```\n<b>"]}
    write_json(path, manifest)
    text = write(release, pretty_name=f"{HOSTILE}\n---\nlicense: mit")
    assert header(text)["license"] == "unknown"
    assert "\x1b" not in text
    assert "\u202e" not in text
    page = html(text)
    assert "<img" not in page
    assert "<b>" not in page
    assert 'href="javascript' not in page
    assert "<strong>x</strong>" not in page
    # Five cells, whatever is in them.
    table = page[page.index(">Models<") : page.index(">Distributions<")]
    assert table.count("<td") == 5
    assert table.count("&lt;img src=x onerror=alert(1)&gt;") == 4


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_any_text_is_one_cell_of_a_table(text: str) -> None:
    page = MarkdownIt("gfm-like", {"linkify": False}).render(
        f"| a | b |\n|---|---|\n| x{markdown_text(text)}x | y |\n"
    )
    assert page.count("<td>") == 2
    assert set(re.findall(r"</?(\w+)", page)) == {"table", "thead", "tbody", "tr", "th", "td"}


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_any_text_is_one_block_of_code(text: str) -> None:
    page = MarkdownIt("gfm-like", {"linkify": False}).render(markdown_fence(text) + "\n\nafter\n")
    assert page.startswith("<pre><code>")
    assert page.endswith("</code></pre>\n<p>after</p>\n")
    assert page.count("<pre>") == 1
