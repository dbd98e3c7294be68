"""Both tracks in one project, on tiny models, and what was scored in it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from tests.workflow.running import BOAT_FR, FOLD, SUN, Project, record

#: Score stage -> its tracks.
STAGES = {
    "identify_language": ("pretrain", "sft"),
    "score_lm_loss": ("pretrain", "sft"),
    "score_talking_head": ("pretrain",),
    "score_active_speaker": ("sft",),
    "make_prompts": ("sft",),
}


def spoken(video: str, words: list[str], n_words: int = 150, **more: Any) -> dict[str, Any]:
    """A record with its transcript: a word every 0.4 s, sentences of ten words."""
    content = []
    for n in range(n_words):
        word = words[n % len(words)].strip(".") or "and"
        word = word.capitalize() if n % 10 == 0 else f"{word}." if n % 10 == 9 else word
        content.append([round(0.4 * n, 2), round(0.4 * n + 0.3, 2), word])
    title = f"About {video}"
    return {"video": video, "title": title, "category": "Sports", "content": content, **more}


def write_picture(path: Path, seconds: int = 70, grey: int = 90) -> None:
    """A grey picture with a quiet hum."""
    import av
    import numpy as np

    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("libx264", rate=1)
        video.width, video.height, video.pix_fmt = 160, 96, "yuv420p"
        audio: Any = container.add_stream("aac", rate=16_000)
        audio.layout = "mono"
        picture = np.full((96, 160, 3), grey, np.uint8)
        for _ in range(seconds):
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode())
        hum = 0.1 * np.sin(np.arange(1024) * 0.0859)
        for k in range(seconds * 16_000 // 1024):
            frame = av.AudioFrame.from_ndarray(
                hum[None].astype(np.float32), format="fltp", layout="mono"
            )
            frame.sample_rate, frame.pts = 16_000, 1024 * k
            container.mux(audio.encode(frame))
        container.mux(audio.encode())


def make_both_tracks(folder: Path, tiny_lm: Path, face_detector: Path) -> Project:
    """Two shards a track. Talking-head scores of text.mp4 and missing.mp4 fail."""
    import torch

    from livecc.stages.score_active_speaker.network import FILE_NAME, LightASD

    folder.mkdir(parents=True, exist_ok=True)
    project = Project(folder)
    for name in ("videos", "models/light_asd"):
        (folder / name).mkdir(parents=True)
    (folder / "models" / "centerface").symlink_to(face_detector)
    torch.manual_seed(0)
    torch.save(LightASD().state_dict(), folder / "models" / "light_asd" / FILE_NAME)
    for grey, name in enumerate(("boat", "sun", "talk", "walk"), 90):
        write_picture(folder / "videos" / f"{name}.mp4", grey=grey)
    (folder / "videos" / "text.mp4").write_text("this is no video\n")
    fast = record("fast.mp4", FOLD, 400, seconds_per_word=0.1)
    project.write_input("p1", [record("boat.mp4", FOLD), fast, record("missing.mp4", SUN)])
    bateau = record("bateau.mp4", BOAT_FR)
    project.write_input("p2", [record("sun.mp4", SUN), bateau, record("text.mp4", SUN[3:])])
    project.write_input("s1", [spoken("talk.mp4", FOLD), spoken("song.mp4", BOAT_FR)])
    project.write_input("s2", [spoken("walk.mp4", SUN)])
    project.config = {
        "device": "cpu",
        # Its videos are no recordings of what is said.
        "probe_videos": {"enabled": False},
        "models_folder": "models",
        "tracks": {
            "pretrain": {"inputs": ["input/p*.jsonl"], "videos": "videos"},
            "sft": {"inputs": ["input/s*.jsonl"], "videos": "videos"},
        },
        "transcribe": {"enabled": False},
        "score_lm_loss": {"model": str(tiny_lm), "dtype": "float32"},
        "score_active_speaker": {"detector": "centerface"},
        "make_prompts": {"engine": "template"},
        "selections": {
            "default": {
                "pretrain": {"lm_loss": {"min": 0.0, "max": 50.0}},
                "sft": {"lm_loss": {"min": 0.0, "max": 50.0}, "active_speaker": {"max": 0.9}},
            },
        },
    }
    return project


def rows_in_cache(project: Project) -> Counter[str]:
    """How many rows the scorers have written, by stage."""
    counts: Counter[str] = Counter()
    for segment in project.results("cache").glob("*/*/*.jsonl"):
        stage = segment.parts[-3]
        counts[stage] += sum(line.startswith('{"key"') for line in segment.open())
    return counts


def scored_by(project: Project, jobs: dict[str, int], since: float) -> dict[str, int]:
    """What the jobs since a moment say they have scored, by stage."""
    scored = {}
    for stage in STAGES.keys() & jobs.keys():
        files = project.results().glob(f"*/stats/{stage}/*.json")
        new = [json.loads(f.read_text()) for f in files if f.stat().st_mtime >= since]
        assert len(new) == jobs[stage]
        scored[stage] = sum(stats["scored"] for stats in new)
    return {stage: count for stage, count in scored.items() if count}
