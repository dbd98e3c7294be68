"""Real captions and words, made into samples in default mode, reach the trainer complete."""

from __future__ import annotations

import importlib.util
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from livecc.formats.samples import read_offsets, read_sample
from livecc.selecting.merge_samples import merge
from livecc.selecting.select_samples import select_shard
from livecc.stages.check_samples.check import check_file
from livecc.stages.clip_captions import cut as clip_captions
from livecc.stages.clip_transcripts import cut as clip_transcripts
from livecc.stages.filter_categories import shard as filter_categories
from livecc.stages.import_transcripts import shard as import_transcripts
from tests.support.built_in import TRACKS
from tests.support.videos import write_video
from tests.trainer.test_real_reader import RATES, Sample, real

#: Input -> its track, and the least samples that come of it.
INPUTS = {
    "english_cc": ("pretrain", 100),
    "other_languages_cc": ("pretrain", 10),
    "english_asr_words": ("sft", 20),
}


def training_file(folder: Path, data: Path, name: str) -> Path:
    """All clips of an input as samples, with the default options."""
    track, _ = INPUTS[name]
    source = data / "captions" / f"{name}.jsonl"
    transcripts, clips = folder / f"{name}.jsonl.zst", folder / f"{name}.parquet"
    if track == "pretrain":
        clip_captions.run(source, transcripts, clips, folder / "videos.parquet")
    else:
        records = folder / "records.parquet"
        filter_categories.run(source, records, None)
        import_transcripts.run(source, records, transcripts, "default")
        clip_transcripts.run(records, transcripts, clips, folder / "videos.parquet")
    select_shard(
        track=TRACKS[track],
        thresholds={},
        gates={},
        transcripts=transcripts,
        clips=clips,
        scores={},
        decisions=folder / "decisions.parquet",
        samples=folder / f"{name}.samples",
        counts=folder / "counts.json",
    )
    merge([folder / f"{name}.samples"], folder / f"{name}_with_seeks.jsonl")
    return folder / f"{name}_with_seeks.jsonl"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, test_data: Path) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("real")
    return {name: training_file(folder, test_data, name) for name in INPUTS}


@pytest.mark.parametrize("name", INPUTS)
def test_complete_at_every_rate(files: dict[str, Path], name: str) -> None:
    report = check_file(files[name], [float(rate) for rate in RATES.values()])
    assert report.samples >= INPUTS[name][1]
    for counts in report.counts:
        assert counts.complete == counts.checked == report.samples, counts.incomplete[:3]
        assert (counts.lost, counts.twice, counts.too_long) == (0, 0, 0)


def shifted(sample: Any, video: Path) -> Sample:
    """A sample, as for the real reader, moved to the beginning of a video."""
    told = sample[0]["content"][0]
    shift = max(math.floor(told["video_start"]) - 1, 0)
    words = [
        [round(start - shift, 3), round(end - shift, 3), word]
        for start, end, word in sample[1]["content"][0]["text_stream"]
    ]
    window = (round(told[key] - shift, 3) for key in ("video_start", "video_end"))
    return str(video), *window, words


@pytest.mark.skipif(
    importlib.util.find_spec("livecc_utils") is None,
    reason="livecc-utils is not installed (make setup-dev)",
)
def test_complete_for_the_real_reader(files: dict[str, Path], tmp_path: Path) -> None:
    def samples() -> Iterator[Any]:
        for path in files.values():
            yield from (read_sample(path, offset) for offset in read_offsets(path))

    for name, rate in RATES.items():
        video = write_video(
            tmp_path / f"{name}.mp4", int(245 * rate), rate=rate, size=(16, 64), codec="mpeg4"
        )
        asked = [shifted(sample, video) for sample in samples()]
        for sample, phrases in zip(asked, real(asked, "--blind"), strict=True):
            words = [word.strip() for _, _, word in sample[3]]
            assert " ".join(phrases).split() == " ".join(words).split(), json.dumps(sample)[:500]
