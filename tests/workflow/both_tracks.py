"""A small project with both tracks at once, whose every item has a content of its own."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.places import REPOSITORY
from tests.support.videos import write_video
from tests.workflow.pictures import write_video_with_tone
from tests.workflow.running import FOLD, SUN, Project, record

#: Said by people in the demo's videos; all are English.
SPEAKING = ("paper_boat", "presenter")
#: Small, so that a kill in the middle of a job finds some batches done and some not.
SMALL_BATCHES: dict[str, dict[str, int]] = {
    "score_lm_loss": {"tokens_per_batch": 400},
    "transcribe": {"batch_size": 2},
}
#: The videos are shorter than what is said in them.
LONGER_CAPTIONS = {"inside_video": {"max_seconds_beyond": 1000}}


def words_of(n: int) -> list[str]:
    """A text that no other `n` has."""
    words = [*(SUN if n % 2 else FOLD)]
    return [*words[n % 7 :], "number", str(n), "is", "told", "now", "."]


def spoken_words(n: int, count: int) -> list[list[Any]]:
    """The "content" of a record: a word every 0.4 s, sentences of ten words."""
    content = []
    words = [word.strip(".") or "and" for word in words_of(n)]
    for k in range(count):
        word = words[k % len(words)]
        word = word.capitalize() if k % 10 == 0 else f"{word}." if k % 10 == 9 else word
        content.append([round(0.4 * k, 2), round(0.4 * k + 0.3, 2), word])
    return content


def pretrain_lines(videos: Path, count: int) -> list[dict[str, Any]]:
    """`count` records with captions, and their videos; the last one has no file."""
    lines = []
    for n in range(count):
        name = f"captions{n}.mp4"
        if n < count - 1:
            write_video(videos / name, 30 + n, size=(96, 160))
        lines.append(record(name, words_of(n), 150 + 10 * n))
    return lines


def told_lines(videos: Path, count: int) -> list[dict[str, Any]]:
    """`count` records that bring their transcripts, and their videos with a hum."""
    lines = []
    whole = videos / "hum.mp4"
    write_video_with_tone(whole)
    for n in range(count):
        name = f"told{n}.mp4"
        # What follows the end of a file is passed over, but makes another content.
        (videos / name).write_bytes(whole.read_bytes() + bytes([0, 0, 0, 9]) + b"free" + bytes([n]))
        content = spoken_words(100 + n, 160)
        lines.append(
            {"video": name, "title": f"About {name}", "category": "Sports", "content": content}
        )
    whole.unlink()
    return lines


def spoken_lines(videos: Path, names: Sequence[str]) -> list[dict[str, Any]]:
    """Records of the demo's videos, to be transcribed."""
    lines = []
    for name in names:
        shutil.copy(REPOSITORY / "demo" / "media" / f"{name}.mp4", videos)
        lines.append({"video": f"{name}.mp4", "title": name, "category": "Sports"})
    return lines


def random_active_speaker(folder: Path) -> None:
    """Weights of Light-ASD by chance, the same each time."""
    import torch

    from livecc.stages.score_active_speaker.network import FILE_NAME, LightASD

    torch.manual_seed(0)
    folder.mkdir()
    torch.save(LightASD().state_dict(), folder / FILE_NAME)


def make_both_tracks(
    folder: Path,
    tiny_lm: Path,
    face_detector: Path,
    whisper: Path | None = None,
    *,
    speaking: Sequence[str] = SPEAKING,
    n_captions: int = 8,
) -> Project:
    """One shard a track; with `whisper`, the SFT track is transcribed, else it brings its words.

    `speaking`: the videos to be transcribed. `n_captions`: videos of the pre-training track.
    """
    project = Project(folder)
    videos = folder / "videos"
    videos.mkdir(parents=True)
    models = folder / "models"
    models.mkdir()
    (models / "centerface").symlink_to(face_detector)
    random_active_speaker(models / "light_asd")
    project.write_input("captions", pretrain_lines(videos, n_captions))
    spoken = spoken_lines(videos, speaking) if whisper else told_lines(videos, 3)
    project.write_input("spoken", spoken)
    project.config = {
        "device": "cpu",
        "models_folder": str(models),
        "tracks": {
            "pretrain": {"inputs": ["input/captions*.jsonl"], "videos": "videos"},
            "sft": {"inputs": ["input/spoken*.jsonl"], "videos": "videos"},
        },
        "transcribe": {"enabled": whisper is not None, "beam_size": 1},
        "clip_captions": {"min_clip_seconds": 5, "max_clip_seconds": 20},
        "clip_transcripts": {"min_clip_seconds": 5, "max_clip_seconds": 20},
        "score_lm_loss": {"model": str(tiny_lm)},
        "score_active_speaker": {"detector": "centerface"},
        "selections": {
            "default": {
                "pretrain": {"lm_loss": {"min": 0.0, "max": 50.0}, **LONGER_CAPTIONS},
                "sft": {
                    "lm_loss": {"min": 0.0, "max": 50.0},
                    "active_speaker": {"max": 1},
                    **LONGER_CAPTIONS,
                },
            },
            "quiet": {"sft": {"lm_loss": {"min": 0.0, "max": 50.0}, **LONGER_CAPTIONS}},
        },
    }
    if whisper:
        project.config["transcribe"]["model"] = str(whisper)
    for stage, options in SMALL_BATCHES.items():
        project.config[stage] |= options
    return project
