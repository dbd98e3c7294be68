"""Makes the archives of earlier results: what users have who update this code.

    .venv/bin/python -m tests.workflow.make_earlier_results

writes tests/workflow/earlier/{imported,transcribed}.tar.gz: projects as a run of the code of now
leaves them. Those in the repository were made by an early version and must stay: results that are
made anew after a change cannot tell what the change costs. It is here to say what they are, and for
when a release breaks with them on purpose (then: check out the last commit before, and run it).

Weights are left out, except for what the receipts say of them. So are logs, and what names the
machine; where something refers to the project's folder, the path is relative.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av

from livecc.models import fetch as models
from tests.support.places import REPOSITORY
from tests.support.tiny_language_models import make_network, save_tokenizer
from tests.support.videos import write_video
from tests.workflow.both_tracks import random_active_speaker
from tests.workflow.running import BOAT_FR, FOLD, SUN, Project, record
from tests.workflow.tracks import spoken

ARCHIVES = Path(__file__).with_name("earlier")
#: What the files' times are counted from. Whoever unpacks them, it is past.
BEGINNING = 1_735_689_600  # 1 January 2025
#: Where, in each file's path, what is no result begins.
LEFT_OUT = ("models/", "results/logs/", "results/progress.", ".snakemake/")
KEPT = (".snakemake/metadata/",)


def presenter(path: Path, seconds: float = 27.5) -> None:
    """The beginning of the demo's presenter, who is seen and heard, as a small file."""
    source = av.open(str(REPOSITORY / "demo" / "media" / "presenter.mp4"))
    with source, av.open(str(path), "w", options={"fflags": "+bitexact"}) as target:
        options = {"crf": "38", "preset": "slow"}
        video: Any = target.add_stream("libx264", rate=15, options=options)
        video.width, video.height, video.pix_fmt = 320, 180, "yuv420p"
        sound: Any = target.add_stream("aac", rate=16_000, layout="mono")
        sound.bit_rate = 16_000
        resampler = av.AudioResampler("fltp", "mono", 16_000)
        frames: Iterator[Any] = source.decode(video=0, audio=0)
        for frame in frames:
            if frame.time is None or frame.time >= seconds:
                continue
            if isinstance(frame, av.VideoFrame):
                picture = frame.reformat(320, 180)
                picture.pict_type = 0
                target.mux(video.encode(picture))
            else:
                for part in resampler.resample(frame):
                    target.mux(sound.encode(part))
        target.mux(video.encode())
        target.mux(sound.encode())


def make_project(folder: Path) -> Project:
    """The folders, models and settings that both archives share."""
    for name in ("videos", "models/tiny-lm"):
        (folder / name).mkdir(parents=True)
    for name in ("centerface", "whisper-tiny.en"):
        fetched = models.fetch(name, REPOSITORY / "models")["folder"]
        (folder / "models" / name).symlink_to(fetched)
    random_active_speaker(folder / "models" / "light_asd")
    save_tokenizer(folder / "models" / "tiny-lm")
    make_network("qwen2").save_pretrained(folder / "models" / "tiny-lm")
    presenter(folder / "videos" / "presenter.mp4")
    (folder / "videos" / "text.mp4").write_text("this is no video\n")
    project = Project(folder)
    project.config = {
        "device": "cpu",
        "models_folder": "models",
        "clip_transcripts": {"min_clip_seconds": 5, "max_clip_seconds": 15},
        "score_lm_loss": {"model": "./models/tiny-lm"},
        "score_active_speaker": {"detector": "centerface"},
        "selections": {
            "default": {
                "pretrain": {"lm_loss": {"min": 0, "max": 50}, "talking_head": {"below": 2}},
                "sft": {"lm_loss": {"min": 0, "max": 50}, "active_speaker": {"max": 1}},
            },
        },
    }
    return project


def imported(folder: Path) -> Project:
    """Both tracks and all their stages but transcribe. Some videos and clips fail everywhere."""
    project = make_project(folder)
    for n, name in enumerate(("boat.mp4", "bateau.mp4")):
        write_video(folder / "videos" / name, 30 + n, size=(96, 160))
    fast = record("fast.mp4", FOLD, 400, seconds_per_word=0.1)
    captions = [
        *(record("presenter.mp4", FOLD), record("boat.mp4", [*SUN, *FOLD], 400), fast),
        *(record("bateau.mp4", BOAT_FR), record("text.mp4", SUN[3:])),
    ]
    project.write_input("captions", captions)
    words = [spoken("presenter.mp4", FOLD, 65), spoken("song.mp4", BOAT_FR, 65)]
    project.write_input("spoken", [*words, spoken("text.mp4", SUN, 65)])
    project.config |= {
        "tracks": {
            "pretrain": {"inputs": ["input/captions*.jsonl"], "videos": "videos"},
            "sft": {"inputs": ["input/spoken*.jsonl"], "videos": "videos"},
        },
        "transcribe": {"enabled": False},
    }
    project.config["selections"]["strict"] = {
        "pretrain": {"words_per_second": {"min": 2, "max": 3}, "lm_loss": {"min": 0, "max": 50}}
    }
    return project


def transcribed(folder: Path) -> Project:
    """The SFT track from its beginning, with a video that cannot be transcribed."""
    project = make_project(folder)
    lines = [
        {"video": "presenter.mp4", "title": "The piano", "category": "Education"},
        {"video": "text.mp4", "title": "Text", "category": "Sports"},
        {"video": "unwanted.mp4", "title": "Blog", "category": "People & Blogs"},
    ]
    project.write_input("spoken", lines)
    project.config |= {
        "tracks": {"sft": {"inputs": ["input/spoken*.jsonl"], "videos": "videos"}},
        "transcribe": {"model": "whisper-tiny.en", "beam_size": 1},
        # Ends the first clip in a sentence, where counting lengths in another way ends it, too.
        "clip_transcripts": {"min_clip_seconds": 5, "max_clip_seconds": 14.2},
    }
    return project


def scrub(project: Project) -> None:
    """Take out what names the machine; times of change stay as they are."""
    for path in (project.folder / ".snakemake" / "metadata").rglob("*"):
        if path.is_file():
            # Snakemake does not compare them: the trigger `code` is off. A job's hash differs in
            # every process.
            rewrite(path, shellcmd=None, code=None, job_hash=None)
    for path in project.results("models").glob("*.json"):
        name = Path(json.loads(path.read_text())["folder"]).name
        rewrite(path, folder=f"models/{name}")


def rewrite(path: Path, **values: Any) -> None:
    """Change values of a JSON file, but not its time."""
    before = path.stat()
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def pack(folder: Path, archive: Path) -> None:
    """Put a project's files into an archive, without owners, and with times from BEGINNING on."""
    files = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        left_out = name.startswith(LEFT_OUT) and not name.startswith(KEPT)
        if path.is_file() and not left_out and "/locks/" not in name:
            files[name] = path
    machine = [str(folder), str(REPOSITORY), str(Path.home()), sys.prefix, f'"{platform.node()}"']
    for name, path in files.items():
        found = [word for word in machine if word.encode() in path.read_bytes()]
        assert not found, f"{name} names {found}"
    began = min(path.stat().st_mtime for path in files.values())
    archive.parent.mkdir(exist_ok=True)
    with tarfile.open(archive, "w:gz", compresslevel=9) as tar:
        for name, path in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = path.stat().st_size, 0o644
            entry.mtime = BEGINNING + path.stat().st_mtime - began
            with path.open("rb") as stream:
                tar.addfile(entry, stream)


def main() -> None:
    for make in (imported, transcribed):
        with tempfile.TemporaryDirectory() as name:
            project = make(Path(name).resolve() / "project")
            run = project.run()
            assert run.status == 0, run.output
            assert "Nothing to be done" in project.run().output
            print(project.results("summary.txt").read_text())
            scrub(project)
            pack(project.folder, ARCHIVES / f"{make.__name__}.tar.gz")


if __name__ == "__main__":
    main()
