"""`livecc ingest`: shards, what is rewritten, the summary, and being killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import orjson
from typer.testing import CliRunner

from livecc import commands
from livecc.files.lines import read_lines
from livecc.files.parquet import read_rows
from livecc.sources.places import place_of, shard_at
from tests.sources.downloads import NOW, add_video, write
from tests.support.places import LIVECC


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(commands.app, [*map(str, words)], prog_name="livecc")
    return result.exit_code, result.output


def downloads(folder: Path, count: int) -> Path:
    """A folder whose files are older than a minute for the command, too."""
    for number in range(count):
        add_video(folder / f"list {number % 3}", f"Video {number} [x]", f"id{number}")
    settle(folder)
    return folder


def settle(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.stat().st_mtime >= NOW - 7200:
            os.utime(path, (1_600_000_000, 1_600_000_000))


def ids(folder: Path) -> list[str]:
    return [
        orjson.loads(line)["id"]
        for shard in sorted(folder.glob("*.jsonl*"))
        for _, line in read_lines(shard)
        if line
    ]


def state(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.jsonl*")}


def test_only_changed_shards_are_written(tmp_path: Path) -> None:
    source, out = downloads(tmp_path / "in", 30), tmp_path / "out"
    words = ("ingest", source, "--format", "ytdlp", "--shards", 8, "--output", out)
    status, output = run(*words, "--name", "mine")
    assert status == 0
    assert f"30 videos in 8 shards in {out}: 8 written, 0 unchanged" in output
    assert sorted(ids(out)) == sorted(f"id{n}" for n in range(30))
    assert (out / "mine-00007-of-00008.jsonl.zst").exists()
    before = state(out)
    assert "0 written, 8 unchanged" in run(*words, "--name", "mine")[1]
    assert state(out) == before

    add_video(source, "new", "one more")
    settle(source)
    assert "31 videos in 8 shards" in run(*words, "--name", "mine")[1]
    after = state(out)
    changed = [name for name in sorted(after) if after[name] != before[name]]
    assert changed == [f"mine-{shard_at(place_of('one more'), 8):05d}-of-00008.jsonl.zst"]

    (out / changed[0]).unlink()
    assert "1 written, 7 unchanged" in run(*words, "--name", "mine")[1]
    assert sorted(p.name for p in out.iterdir() if p.name.startswith(".")) == [".mine.ingest"]
    assert not [*tmp_path.rglob("*.tmp")]


def test_dumps_are_divided_again_only_if_they_change(tmp_path: Path) -> None:
    rows = [{"video": f"v{n}.mp4", "subtitles": [[0, 1, "x"]]} for n in range(50)]
    dump = write(tmp_path / "dump.jsonl", b"\n".join(map(orjson.dumps, rows)) + b"\n{bad")
    words = ("ingest", dump, "--format", "jsonl", "--shards", 5, "--output", tmp_path / "out")
    status, output = run(*words, "--compress", "none")
    assert (status, "50 videos in 5 shards" in output) == (0, True)
    assert "1 left out, bad entry" in output
    assert f"{dump}, line 51: not JSON" in " ".join(output.split())
    left = [row for path in (tmp_path / "out/left_out").iterdir() for row in read_rows(path)]
    assert [row["path"] for row in left] == [f"{dump}, line 51"]
    before = state(tmp_path / "out")
    assert "0 written, 5 unchanged" in run(*words, "--compress", "none")[1]
    rows.append({"video": "more.mp4", "subtitles": []})
    write(dump, b"\n".join(map(orjson.dumps, rows)), age=60)
    # The shard of the new line, and that of the bad one, which its path decides.
    assert re.search(r"1 written, 4 unchanged|2 written, 3", run(*words, "--compress", "none")[1])
    after = state(tmp_path / "out")
    assert f"shard-{shard_at(place_of('more'), 5):05d}-of-00005.jsonl" in {
        name for name in after if after[name] != before[name]
    }


def test_other_options_write_what_they_change(tmp_path: Path) -> None:
    source, out = downloads(tmp_path / "in", 5), tmp_path / "out"
    words = ("ingest", source, "--format", "ytdlp", "--shards", 2, "--output", out)
    run(*words)
    assert "2 written" in run(*words, "--mode", "paper")[1]
    assert "2 written" in run(*words, "--mode", "paper", "--language", "de")[1]
    status, output = run(*words[:4], "--shards", 3, "--output", out)
    assert (status, "holds 2 shards 'shard'" in output) == (1, True)
    status, output = run(*words, "--compress", "gz")
    assert (status, "remove them" in output) == (1, True)


def test_shards_in_the_folder_of_the_source_are_no_input(tmp_path: Path) -> None:
    source = tmp_path / "in"
    write(source / "a.jsonl", b'{"video": "a.mp4", "subtitles": []}\n')
    words = ("ingest", source, "--format", "jsonl", "--shards", 2, "--compress", "none")
    for told in ("2 written, 0 unchanged", "0 written, 2 unchanged"):
        status, output = run(*words, "--output", source / "out")
        assert status == 0, output
        assert f"1 video in 2 shards in {source}/out: {told}" in output
    assert "1 not listed, a folder of results, which are no input" in output
    status, output = run(*words, "--output", source)
    assert (status, "choose another one" in output) == (1, True)


def test_mistakes(tmp_path: Path) -> None:
    words = ("--shards", 2, "--output", tmp_path / "out")
    for more, said in [
        ((tmp_path / "nowhere", "--format", "ytdlp"), "no such file or folder"),
        ((tmp_path, "--format", "ytdl"), "(did you mean 'ytdlp'?)"),
        ((tmp_path, "--format", "hdvila", "--language", "en"), "languages"),
        ((tmp_path, "--format", "ytdlp", "--prefer", "best"), "prefer.0: 'best' is not allowed"),
        ((tmp_path, "--format", "ytdlp", "--prefer", "manuel"), "did you mean 'manual'"),
        ((tmp_path, "--format", "table", "--column", "id"), "FIELD=NAME"),
        ((tmp_path, "--format", "table", "--column", "ident=x"), "ident"),
        ((tmp_path, "--format", "ytdlp", "--name", "a b"), "only letters"),
    ]:
        status, output = run("ingest", *more, *words)
        assert status != 0
        assert said in " ".join(output.replace("│", " ").split())
        assert "Traceback" not in output
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "shard-0-of-2.jsonl").write_text("{}")
    status, output = run("ingest", tmp_path, "--format", "captions", *words)
    assert (status, "of another origin" in output) == (1, True)


def test_the_summary_tells_what_is_left_out(tmp_path: Path) -> None:
    source = downloads(tmp_path / "in", 3)
    write(source / "a\x1b[2Jb.mp4.part", b"")
    write(source / "list 0" / "Video 0 [x].live_chat.json", b"{}")
    (source / "list 1" / "Video 1 [x].en-orig.json3").unlink()
    settle(source)
    write(source / "young.en.vtt", b"WEBVTT")
    os.utime(source / "young.en.vtt")
    _, output = run(
        *("ingest", source, "--format", "ytdlp", "--shards", 2, "--output", tmp_path / "out")
    )
    assert "3 videos in 2 shards" in output
    assert "1 of them without usable captions" in output
    assert "1 not listed, waits: half-written" in output
    assert "1 not listed, waits: a file is younger than a minute: young" in output
    assert "1 not listed, a live chat" in output
    assert "\x1b" not in output


def test_a_killed_run_leaves_whole_shards_and_the_next_goes_on(tmp_path: Path) -> None:
    source, out = downloads(tmp_path / "in", 200), tmp_path / "out"
    words = [*LIVECC, "ingest", source, "--format", "ytdlp", "--shards", "100", "--output", out]
    killed = 0
    for _ in range(20):
        with subprocess.Popen([*map(str, words)], stdout=subprocess.DEVNULL) as process:
            begin = len([*out.glob("*.jsonl.zst")])
            deadline = time.monotonic() + 60
            while process.poll() is None and time.monotonic() < deadline:
                if len([*out.glob("*.jsonl.zst")]) > begin + 20:
                    process.send_signal(signal.SIGKILL)
                    break
                time.sleep(0.005)
            if process.wait() == 0:
                break
            killed += 1
            # Whatever is there is whole.
            ids(out)
    assert killed
    assert sorted(ids(out)) == sorted(f"id{n}" for n in range(200))
    assert not [*tmp_path.rglob("*.tmp")]
    assert json.loads((out / ".shard.ingest" / "state.json").read_text())["shards"] == 100


def test_a_file_of_another_format_is_an_error(tmp_path: Path) -> None:
    dump = write(tmp_path / "asr.pkl", b"no pickle at all")
    words = ("--shards", 2, "--output", tmp_path / "out")
    status, output = run("ingest", dump, "--format", "vidchapters", *words)
    assert status == 1
    assert "is the format of these files vidchapters?" in " ".join(output.split())
    assert "no plain values" in " ".join(output.split())
    empty = write(tmp_path / "empty.csv", b"")
    status, output = run(
        "ingest", empty, "--format", "table", "--shards", 2, "--output", tmp_path / "e"
    )
    assert (status, "No video was found" in output) == (1, True)


def test_all_videos_would_be_one_file(tmp_path: Path) -> None:
    words = ("--format", "jsonl", "--shards", 2, "--output", tmp_path / "out")
    for template in ("x.mp4", "{id", "{id.x}"):
        status, output = run("ingest", tmp_path / "a.jsonl", *words, "--video", template)
        assert status == 2
        assert "must contain {id}" in " ".join(output.split())
