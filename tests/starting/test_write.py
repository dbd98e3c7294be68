"""The configuration that is written is read by the workflow."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml

from livecc import configuration
from livecc.errors import LiveccError
from livecc.starting.look import Found
from livecc.starting.machine import Machine, parse_gpus
from livecc.starting.write import choose, configuration_text, quoted, shards_for

LAPTOP = Machine(cores=4, memory_gb=16)
SERVER = Machine(cores=32, memory_gb=256, gpu="NVIDIA H200", gpu_gb=140, gpus=8)


def found(format_name: str | None, folder: Path, **more: bool) -> Found:
    paths = [str(folder)] if format_name else [str(folder / "*.jsonl")]
    told = Found(format_name, paths, Counter(video=3), 3)
    for name, value in more.items():
        setattr(told, name, value)
    return told


@pytest.mark.parametrize("machine", [LAPTOP, SERVER])
@pytest.mark.parametrize(
    ("format_name", "more", "tracks"),
    [
        ("ytdlp", {"captions": True, "media": True, "info": True}, ("pretrain", "sft")),
        ("ytdlp", {"media": True}, ("sft",)),
        ("captions", {"captions": True}, ("pretrain",)),
        ("whisper", {"words": True}, ("sft",)),
        (None, {"captions": True, "media": True}, ("pretrain", "sft")),
    ],
)
def test_it_is_a_valid_configuration(
    tmp_path: Path,
    machine: Machine,
    format_name: str | None,
    more: dict[str, bool],
    tracks: tuple[str, ...],
) -> None:
    folder = tmp_path / "some: [odd] 'folder'"
    folder.mkdir()
    (folder / "a.jsonl").write_text("{}\n")
    told = found(format_name, folder, **more)
    choices = choose(told, machine, None, None)
    assert choices.tracks == tracks
    text = configuration_text(folder, told, machine, choices, str(tmp_path / "results"))
    if format_name is None:
        # Brackets are wildcards in globs of input lines.
        text = text.replace("[odd]", "[[]odd]", 1) if "inputs" not in text else text
        text = text.replace(told.paths[0], str(folder).replace("[", "[[]") + "/*.jsonl")
    path = tmp_path / "my.yaml"
    path.write_text(text)
    config = configuration.load([path])
    configuration.check(config)
    assert configuration.active_tracks(config) == list(tracks)
    assert config["device"] == ("cuda" if machine is SERVER else "cpu")
    assert config["tracks"][tracks[0]]["videos"] == str(folder)
    assert len(max(text.splitlines(), key=len)) < 100 + len(str(folder))


def test_a_track_can_be_chosen(tmp_path: Path) -> None:
    told = found("ytdlp", tmp_path, captions=True, media=True)
    assert choose(told, LAPTOP, "sft", 7).tracks == ("sft",)
    assert choose(told, LAPTOP, "both", 7).shards == 7


def test_large_models_need_a_large_gpu(tmp_path: Path) -> None:
    told = found("ytdlp", tmp_path, captions=True, media=True)
    small = Machine(4, 16, "NVIDIA T400", 4.2, 1)
    assert not choose(told, small, None, None).large_models
    assert choose(told, SERVER, None, None).large_models


@pytest.mark.parametrize(
    ("videos", "cores", "shards"),
    [(1, 8, 1), (300, 2, 8), (100, 16, 4), (1_000_000, 8, 2000)],
)
def test_number_of_shards(videos: int, cores: int, shards: int) -> None:
    assert shards_for(videos, cores) == shards


@pytest.mark.parametrize("text", ["plain", "a: b", "x, y", "[z]", "it's", "#no", "ü ", "null", "1"])
def test_texts_are_quoted_where_yaml_reads_them_otherwise(text: str) -> None:
    assert yaml.safe_load(f"[{quoted(text)}]") == [text]


def test_answers_of_the_driver() -> None:
    assert parse_gpus("NVIDIA H200, 143771\nodd\n") == [("NVIDIA H200", 143771 * 2**20 / 1e9)]


def test_a_file_of_unknown_content_is_judged_by_its_size(tmp_path: Path) -> None:
    told = Found("table", [str(tmp_path)], Counter(table=1), None, 0.001, captions=True)
    assert choose(told, LAPTOP, None, None).shards == 1
    told.megabytes = 100_000
    assert choose(told, LAPTOP, None, None).shards == 10_000


def test_a_track_that_cannot_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(LiveccError, match="cuts captions, and there are none"):
        choose(found("ytdlp", tmp_path, media=True), LAPTOP, "pretrain", None)
    with pytest.raises(LiveccError, match="needs videos with sound"):
        choose(found("captions", tmp_path, captions=True), LAPTOP, "both", None)
