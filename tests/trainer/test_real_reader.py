"""The trainer's reader as this project has it, held against livecc-utils and decord themselves."""

from __future__ import annotations

import importlib.util
import json
import random
import subprocess
import sys
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livecc.media.trainer_view import open_as_trainer
from livecc.trainer.reader import UnreadableSampleError, chunk_times, deliver, sampling
from livecc.trainer.window import video_window
from tests.support.places import REPOSITORY
from tests.support.videos import write_video

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("livecc_utils") is None,
    reason="livecc-utils is not installed (make setup-dev)",
)

RATES = {
    "23.976": Fraction(24000, 1001),
    "24": 24,
    "25": 25,
    "29.97": Fraction(30000, 1001),
    "30": 30,
    "50": 50,
    "60": 60,
}
SECONDS = 20
Sample = tuple[str, float, float, list[list[Any]]]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small video of each rate, some in other containers, and one that starts late."""
    folder = tmp_path_factory.mktemp("rates")
    made = {
        name: write_video(folder / f"{name}.mp4", int(SECONDS * rate), rate=rate, size=(48, 64))
        for name, rate in RATES.items()
    }
    for name, codec in (("25.mkv", "libx264"), ("25.webm", "libvpx"), ("25.ts", "mpeg2video")):
        made[name] = write_video(folder / name, SECONDS * 25, size=(48, 64), codec=codec)
    made["late"] = write_video(
        folder / "late.mp4",
        SECONDS * 30,
        rate=30,
        size=(48, 64),
        container_options={"output_ts_offset": "7.3", "movflags": "+faststart"},
    )
    for name in ("presenter", "paper_boat", "slow_garden"):
        made[name] = REPOSITORY / "demo" / "media" / f"{name}.mp4"
    return made


def real(samples: Iterable[Sample], *flags: str) -> list[list[str] | str]:
    """What the real reader says of each sample: the phrases of its chunks, or its error."""
    lines = "".join(json.dumps(sample) + "\n" for sample in samples)
    child = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("real_reader.py")), *flags],
        input=lines,
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr[-3000:]
    return [json.loads(line) for line in child.stdout.splitlines() if line[0] in '["']


def ours(pts: Any, sample: Sample) -> list[str] | None:
    """The same by `livecc.trainer.reader`; None for an error."""
    _, start, end, words = sample
    try:
        frames = sampling(pts, start, end, old_numpy=np.__version__ < "2").frames
        delivery = deliver([word[1] for word in words], chunk_times(pts[frames]))
    except UnreadableSampleError:
        return None
    chunks: list[list[str]] = [[] for _ in delivery.chunk_times]
    for (_, _, word), chunk in zip(words, delivery.chunk, strict=True):
        if chunk >= 0:
            chunks[chunk].append(word)
    if delivery.said[-1] > 1:
        last = words[-1]
        for number in range(delivery.chunk[-1] + 1, len(chunks)):
            if delivery.chunk_times[number] >= last[1]:
                chunks[number].append(last[2])
    phrases = [" ".join(chunk) for chunk in chunks]
    while phrases and phrases[-1] == "":
        phrases.pop()
    return phrases


def made_up(video: Path, last: float, choose: random.Random) -> Iterator[Sample]:
    """Samples with words in and out of order, with windows of every kind."""
    for _ in range(20):
        start = choose.choice([0.0, round(choose.uniform(0, last), 1), round(choose.random(), 3)])
        count = choose.randint(1, 30)
        ends = sorted(round(start + choose.uniform(0.1, 18), 2) for _ in range(count))
        if choose.random() < 0.3:
            choose.shuffle(ends)
        words = [[round(end - 0.1, 2), end, f"w{n}"] for n, end in enumerate(ends)]
        window = choose.choice(
            [
                (start, ends[-1]),
                video_window(start, max(ends)),
                (start, start + choose.randint(1, 60) / 2),
                (start, 0),
            ]
        )
        yield str(video), *map(float, window), words


def test_it_says_what_the_real_reader_says(videos: dict[str, Path]) -> None:
    choose = random.Random(11)
    times = {name: open_as_trainer(path)[1] for name, path in videos.items()}
    samples = [
        (name, sample)
        for name, path in videos.items()
        for sample in made_up(path, float(times[name][-1]), choose)
    ]
    said = real(sample for _, sample in samples)
    assert len(said) == len(samples)
    errors = 0
    for (name, sample), phrases in zip(samples, said, strict=True):
        found = ours(times[name], sample)
        if isinstance(phrases, str):
            assert phrases.startswith("IndexError"), phrases
            assert found is None, (name, sample, phrases)
            errors += 1
        else:
            assert found == phrases, (name, sample)
    # Both kinds are among them.
    assert 10 < errors < len(samples) / 2


def test_written_windows_are_complete_for_the_real_reader(videos: dict[str, Path]) -> None:
    choose = random.Random(4)
    samples: list[Sample] = []
    for name in RATES:
        for _ in range(20):
            start = round(choose.choice([0.0, choose.uniform(0, 8)]), choose.choice([1, 2, 3]))
            end = round(start + choose.uniform(3, 11), 2)
            words = [[start, round((start + end) / 2, 2), "first"], [end - 0.2, end, "last"]]
            samples.append((str(videos[name]), *video_window(start, end), words))
    for sample, phrases in zip(samples, real(samples), strict=True):
        assert " ".join(phrases).split() == ["first", "last"], (sample, phrases)
