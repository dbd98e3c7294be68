"""Generate the demo videos and their input files from code.

    python demo/make_media.py                      # everything, next to this script
    python demo/make_media.py --only presenter     # one video and its lines in the input files
    python demo/make_media.py --out /tmp/demo      # another folder

Needs only the packages in `requirements.txt`. The speech is synthetic, the images are drawn.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import face
import motion
import numpy as np
import slides
import texts
from canvas import CORAL, GOLD, SIZE, TEAL, TEAL_LIGHT, Colour
from encoding import Frame, write_video
from narration import Caption, Narration, Narrator, silence
from PIL import Image
from speech import SAMPLE_RATE

BROKEN_LINE = '{"video": "torn_page.mp4", "title": "A record cut short", "subtit'


@dataclass(frozen=True)
class Talk:
    """A narrated video: its text, voice and drawings."""

    title: str
    category: str
    text: str
    voice: dict[str, float]
    draw: Callable[[Narration], Frame]
    fps: int
    crf: int
    speed: float = 1.0
    opening: str = ""  # "[Music]" or "[Applause]" before the first word
    closing: str = ""  # the same after the last word
    pause_after: str = ""  # a silence of PAUSE seconds follows the last sentence of this cue


@dataclass(frozen=True)
class Still:
    """A short silent video of one card, with captions that are to be dropped."""

    title: str
    category: str
    subtitle: str
    colour: Colour
    captions: Callable[[], list[Caption]]


# --- frames ---------------------------------------------------------------------------------


def slide_show(steps: dict[str, slides.Slide], series: str) -> Callable[[Narration], Frame]:
    """A `Talk.draw` that shows the slide of the current cue."""

    def draw(narration: Narration) -> Frame:
        pictures = {cue: slides.render(slide, series) for cue, slide in steps.items()}

        def frame(t: float) -> Image.Image:
            cue = narration.cues[0][0]
            for name, start, _ in narration.cues:
                if t >= start - 0.2:
                    cue = name
            return slides.with_progress(pictures[cue], t / narration.duration)

        return frame

    return draw


def presenter(fps: int) -> Callable[[Narration], Frame]:
    """A `Talk.draw` for the talking face; the mouth follows the loudness of the speech."""

    def draw(narration: Narration) -> Frame:
        spoken = np.zeros_like(narration.audio)
        for _, start, end in narration.cues:
            a, b = round(start * SAMPLE_RATE), round(end * SAMPLE_RATE)
            spoken[a:b] = narration.audio[a:b]
        hop = SAMPLE_RATE // fps
        count = len(spoken) // hop
        loud = np.sqrt((spoken[: count * hop].reshape(count, hop) ** 2).mean(axis=1))
        loud = np.convolve(np.clip(loud / np.percentile(loud, 95), 0, 1), (0.15, 0.7, 0.15), "same")
        mouth = np.round(face.MOUTH_STEPS * loud**0.8).astype(int)
        backdrop, body = face.backdrop(SIZE), face.body_layer()

        def frame(t: float) -> Image.Image:
            # Blinks last a quarter of a second, at irregular intervals.
            blink = abs((t + 0.9 * np.sin(t / 7)) % 3.4 - 0.5)
            lids = round(face.LID_STEPS * float(np.clip(1.3 - blink / 0.11, 0, 1)))
            open_now = mouth[min(count - 1, int(t * fps + 0.5))]
            pose = face.Pose(
                mouth=int(open_now),
                lids=lids,
                gaze=round(1.2 * np.sin(0.5 * t) * np.sin(0.23 * t)),
                dx=4.0 * np.sin(0.61 * t) + 2.0 * np.sin(1.7 * t),
                dy=1.6 * np.sin(1.13 * t) + 0.18 * float(open_now),
                roll=2.2 * np.sin(0.47 * t) + 0.9 * np.sin(1.31 * t),
            )
            return face.draw_presenter(backdrop, body, pose)

        return frame

    return draw


# --- captions of the videos to be dropped ---------------------------------------------------


def evenly(lines: list[str], seconds: float, start: float = 0.5) -> list[Caption]:
    """Give every line the same time on screen."""
    times = [round(start + seconds * i, 2) for i in range(len(lines) + 1)]
    return [[a, b, line] for (a, b), line in zip(pairwise(times), lines, strict=True)]


def chunks(words: list[str], size: int) -> list[str]:
    return [" ".join(words[i : i + size]) for i in range(0, len(words), size)]


def word_salad() -> list[Caption]:
    """Real words in random order: at normal speed, without meaning."""
    source = " ".join((texts.COFFEE, texts.SPEED_TALK, texts.PRESENTER)).lower()
    words = sorted(set(re.findall(r"[a-z]{3,}", source)))
    shuffled = np.random.default_rng(17).permutation(words)[:128]
    return evenly(chunks(shuffled.tolist(), 8), 3.2)


TALKS: dict[str, Talk] = {
    "paper_boat": Talk(
        "How to fold a paper boat",
        "Howto & Style",
        texts.PAPER_BOAT,
        {"jf_alpha": 1.0},
        slide_show(slides.PAPER_BOAT, "Paper workshop"),
        fps=5,
        crf=26,
        speed=0.82,
        opening="[Music]",
        pause_after="pause",
    ),
    "pour_over_coffee": Talk(
        "Pour-over coffee in five steps",
        "Howto & Style",
        texts.COFFEE,
        {"jm_kumo": 1.0},
        slide_show(slides.COFFEE_SLIDES, "Kitchen basics"),
        fps=5,
        crf=26,
        speed=0.86,
    ),
    "bubble_sort": Talk(
        "Bubble sort, step by step",
        "Education",
        texts.BUBBLE_SORT,
        {"jf_alpha": 0.5, "jm_kumo": 0.5},
        lambda narration: motion.SortScene(narration.cues).frame,
        fps=12,
        crf=26,
        speed=0.87,
    ),
    "solar_system": Talk(
        "A short tour of the solar system",
        "Science & Technology",
        texts.SOLAR_SYSTEM,
        {"jf_tebukuro": 1.0},
        lambda narration: motion.SolarScene(narration.cues).frame,
        fps=12,
        crf=27,
        speed=0.95,
        closing="[Music]",
    ),
    "presenter": Talk(
        "I learned the piano at thirty-five",
        "People & Blogs",
        texts.PRESENTER,
        {"jm_kumo": 1.0},
        presenter(15),
        fps=15,
        crf=26,
        speed=0.87,
        closing="[Applause]",
    ),
}

STILLS: dict[str, Still] = {
    "bateau_de_papier": Still(
        "Plier un bateau de papier",
        "Howto & Style",
        "Captions in French",
        TEAL,
        lambda: evenly(texts.FRENCH_BOAT, 3.2),
    ),
    "speed_talk": Still(
        "The water cycle in one breath",
        "Education",
        "Captions far too fast",
        CORAL,
        lambda: evenly(chunks(texts.SPEED_TALK.split(), 12), 2.0),
    ),
    "word_salad": Still(
        "Words in no order", "Entertainment", "Captions without meaning", GOLD, word_salad
    ),
    "slow_garden": Still(
        "A quiet garden",
        "Travel & Events",
        "Captions far too slow",
        TEAL_LIGHT,
        lambda: evenly(texts.SLOW_GARDEN, 5.0),
    ),
    "short_note": Still(
        "A note about the workshop",
        "People & Blogs",
        "Captions end early",
        CORAL,
        lambda: evenly(texts.SHORT_NOTE, 3.3),
    ),
}

# The records of each input file, in this order; None stands for the broken line.
PRETRAIN: dict[str, list[str | None]] = {
    "demo_a": ["paper_boat", "bubble_sort", "bateau_de_papier", "presenter", "speed_talk"],
    "demo_b": [
        "pour_over_coffee",
        "word_salad",
        None,
        "solar_system",
        "slow_garden",
        "short_note",
        "missing",
    ],
}
SFT = [*TALKS, "slow_garden"]


def make_video(name: str, media: Path, narrator: Callable[[], Narrator]) -> dict:
    """Write one video and return its line for the pretraining input."""
    path = media / f"{name}.mp4"
    if name in TALKS:
        talk = TALKS[name]
        narration = narrator()(
            talk.text, talk.voice, talk.speed, talk.opening, talk.closing, talk.pause_after
        )
        write_video(path, talk.draw(narration), narration.audio, talk.fps, talk.crf)
        return record(name, talk.title, talk.category, narration.captions)
    still = STILLS[name]
    captions = still.captions()
    card = slides.title_card(still.title, still.subtitle, still.colour)
    # At least 40 s, and a little longer than the last caption.
    seconds = max(40.0, float(captions[-1][1]) + 1.5)
    write_video(path, lambda _: card, silence(seconds), fps=1, crf=32)
    return record(name, still.title, still.category, captions)


def record(name: str, title: str, category: str, captions: list[Caption]) -> dict:
    return {"video": f"{name}.mp4", "title": title, "category": category, "subtitles": captions}


def missing_record() -> dict:
    """A valid record whose video file is never created."""
    captions = evenly(texts.MISSING_PLANT, 3.4)
    return record("missing", "Repotting a basil plant", "Howto & Style", captions)


def stored_records(folder: Path) -> Iterator[dict]:
    """Records of an earlier run, so that --only keeps the others unchanged."""
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line != BROKEN_LINE:
                yield json.loads(line)


def write_lines(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def write_inputs(out: Path, made: dict[str, dict]) -> None:
    """Write the input files of both tracks from the available records."""
    known = {Path(r["video"]).stem: r for r in stored_records(out / "pretrain")} | made
    known["missing"] = missing_record()
    for name, members in PRETRAIN.items():
        lines = [
            BROKEN_LINE if member is None else json.dumps(known[member], ensure_ascii=False)
            for member in members
            if member is None or member in known
        ]
        write_lines(out / "pretrain" / f"{name}.jsonl", lines)
    lines = []
    for name in SFT:
        item = TALKS.get(name) or STILLS[name]
        category = item.category if name in TALKS else "Music"
        row = {"video": f"{name}.mp4", "title": item.title, "category": category}
        lines.append(json.dumps(row, ensure_ascii=False))
    write_lines(out / "sft" / "demo.jsonl", lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(__file__).parent,
        metavar="DIR",
        help="folder for media/, pretrain/ and sft/ (default: the folder of this script)",
    )
    parser.add_argument(
        "--only",
        choices=[*TALKS, *STILLS],
        metavar="NAME",
        action="append",
        help="generate only this video (may be repeated): " + ", ".join([*TALKS, *STILLS]),
    )
    args = parser.parse_args()

    media = args.out / "media"
    media.mkdir(parents=True, exist_ok=True)
    loaded: list[Narrator] = []

    def narrator() -> Narrator:
        if not loaded:
            loaded.append(Narrator())
        return loaded[0]

    made = {}
    for name in args.only or [*TALKS, *STILLS]:
        began = time.perf_counter()
        made[name] = make_video(name, media, narrator)
        size = (media / f"{name}.mp4").stat().st_size / 1000
        print(f"{name}.mp4: {size:.0f} kB, made in {time.perf_counter() - began:.0f} s", flush=True)
    write_inputs(args.out, made)


if __name__ == "__main__":
    main()
