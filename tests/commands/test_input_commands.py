"""`livecc validate` and `livecc shard`: what they print, and their exit status."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from livecc import commands

GOOD = {"video": "a.mp4", "subtitles": [[0, 2, "hello there"]]}


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(commands.app, [*map(str, words)], prog_name="livecc")
    return result.exit_code, result.output


def test_validate(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.jsonl", tmp_path / "bad.jsonl"
    good.write_text(json.dumps(GOOD) + "\n")
    bad.write_text('{"video": "b.mp4"}\n')
    told = "1 file, 1 line, 1 usable video: 0 errors, 0 warnings\n"
    assert run("validate", good) == (0, told)
    status, output = run("validate", good, "--videos", tmp_path)
    assert (status, "no such file" in output, "0 errors, 1 warning" in output) == (0, True, True)
    status, output = run("validate", good, bad)
    assert (status, f"{bad}:1: error: " in output, "1 error" in output) == (1, True, True)
    status, output = run("validate", good, "--videos", tmp_path / "nowhere")
    assert (status, "no such folder" in output) == (1, True)
    assert run("validate", bad, "--track", "sft")[0] == 0


def test_what_a_terminal_would_obey_is_not_printed(tmp_path: Path) -> None:
    bad = tmp_path / "bad\x1b[2J.jsonl"
    line = json.dumps({**GOOD, "video": "../a\u202e.mp4", "category": "\x1b[31m"})
    bad.write_text(f"{line}\n{{\x1b")
    for track in ("pretrain", "sft"):
        status, output = run("validate", bad, "--track", track)
        assert (status, "bad\ufffd[2J.jsonl:1: error: " in output) == (1, True)
        assert all(line.isprintable() for line in output.splitlines())
    _, output = run("shard", bad, "--shards", 1, "--output", tmp_path / "shards")
    assert all(line.isprintable() for line in output.splitlines())


def test_shard(tmp_path: Path) -> None:
    source, folder = tmp_path / "all.jsonl", tmp_path / "shards"
    lines = [json.dumps({**GOOD, "video": f"{n}.mp4"}) for n in range(20)]
    source.write_text("".join(f"{line}\n" for line in lines))
    words = ("shard", source, "--shards", 2, "--output", folder)
    assert run(*words) == (0, f"20 videos in 2 shards in {folder}: 2 written, 0 unchanged\n")
    assert run(*words) == (0, f"20 videos in 2 shards in {folder}: 0 written, 2 unchanged\n")
    source.write_text("".join(f"{line}\n" for line in ["{", *lines]))
    status, output = run(*words)
    assert status == 1
    assert output.startswith(f"{source}, line 1: ")
    assert "; left out\n" in output
