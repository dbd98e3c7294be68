"""What the validate command says of bad input files."""

from __future__ import annotations

import json
from pathlib import Path

from livecc.validate_input import Checked, validate

GOOD = {"video": "a.mp4", "subtitles": [[0, 2, "hello there"]]}


def findings(files: dict[str, str], folder: Path, videos: Path | None = None) -> list[str]:
    for name, text in files.items():
        (folder / name).write_text(text)
    paths = [folder / name for name in files]
    found = validate("pretrain", paths, videos, Checked())
    return [str(finding).replace(f"{folder}/", "") for finding in found]


def test_good_input_has_no_findings(tmp_path: Path) -> None:
    assert findings({"a.jsonl": json.dumps(GOOD) + "\n"}, tmp_path) == []


def test_findings_name_file_and_line(tmp_path: Path) -> None:
    text = "\n".join(
        [
            json.dumps(GOOD),
            '{"video": "b.mp4", "subti',
            '{"video": "c.mp4"}',
            json.dumps({**GOOD, "video": "d.mp4", "subtitles": [[5, 5, "x"], [6, 7, "y"]]}),
            json.dumps({**GOOD, "video": "e.mp4", "subtitles": []}),
        ]
    )
    found = findings({"a.jsonl": text}, tmp_path)
    assert found[0].startswith("a.jsonl:2: error: not JSON")
    assert found[1:] == [
        'a.jsonl:3: error: the key "subtitles" is missing',
        "a.jsonl:4: warning: 1 captions skipped (zero length: 1)",
        "a.jsonl:5: warning: no words in any caption",
    ]


def test_files_as_a_whole(tmp_path: Path) -> None:
    line = json.dumps(GOOD) + "\n"
    found = findings({"a.jsonl": line, "b.jsonl": line, "c.csv": "x", "d.jsonl": ""}, tmp_path)
    assert found == [
        "b.jsonl:1: error: video 'a.mp4' is also in a.jsonl:1",
        "c.csv: error: not a JSON-lines file; its name must end in .jsonl, .jsonl.gz, .jsonl.zst",
        "d.jsonl: warning: no records",
    ]
    missing = list(validate("pretrain", [tmp_path / "no.jsonl"], None, Checked()))
    assert "cannot be read" in str(missing[0])


def test_video_files(tmp_path: Path) -> None:
    found = findings({"a.jsonl": json.dumps(GOOD)}, tmp_path, tmp_path / "media")
    assert found == ["a.jsonl:1: warning: media/a.mp4: no such file"]


def test_broken_file_of_the_sft_track(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(b"notgzip")
    [finding] = list(validate("sft", [path], None, Checked()))
    assert finding.severity == "error"
    assert "gz" in str(finding)


def test_words_that_sft_lines_bring(tmp_path: Path) -> None:
    contents = [
        [[0, 1, "fine"]],
        [[0, 1, "one"], [3, 2, "two"], "x"],
        [[0, 1, " "]],
        "text",
        [[5, 6, "b"], [0, 1, "a"]],
    ]
    lines = [json.dumps({"video": f"{n}.mp4", "content": c}) for n, c in enumerate(contents)]
    lines += [json.dumps({"video": "transcribed.mp4"}), "", "[]"]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    found = validate("sft", [tmp_path / "a.jsonl"], None, Checked())
    assert [str(finding).partition("a.jsonl:")[2] for finding in found] == [
        "2: warning: 2 words of its content left out: end before start 1, not [start, end, word] 1",
        "3: warning: no words in its content, empty 1",
        '4: warning: "content" is a string, not a list of [start, end, word]; either give the '
        "words of the transcript or switch transcribe on",
        "5: warning: words out of order: the times of its content go back 1 times",
    ]
