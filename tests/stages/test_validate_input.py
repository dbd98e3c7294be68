"""What the validate command says of bad input files."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

from livecc.stages.validate_input import Checked, validate
from tests.support.videos import write_video

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
        "a.jsonl:5: error: no words in any caption",
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


def test_videos_outside_of_their_folder_and_what_a_terminal_would_obey(tmp_path: Path) -> None:
    media, outside = tmp_path / "media", tmp_path / "outside.mp4"
    media.mkdir()
    write_video(outside, 60)
    (media / "link.mp4").symlink_to(outside)
    names = ["../outside.mp4", str(outside), "link.mp4", "a\x1b]0;pwned\x07.mp4"]
    lines = [json.dumps({**GOOD, "video": name}) for name in names]
    lines.append('{"video": "b.mp4", "title": 1, "\x1b[2J": "control characters are not JSON"}')
    found = findings({"a.jsonl": "\n".join(lines)}, tmp_path, media)
    assert [text.partition(": ")[2][:40] for text in found] == [
        'error: "video" leads out of the folder o',
        'error: "video" is an absolute path; writ',
        "error: video 'link.mp4': a symbolic link",
        'error: "video" holds the control charact',
        found[4].partition(": ")[2][:40],
    ]
    assert found[4].startswith("a.jsonl:5: error: ")
    assert all(text.isprintable() for text in found)

    def allowed(outside: Any) -> list[int]:
        paths = [tmp_path / "a.jsonl"]
        found = validate("pretrain", paths, media, Checked(), outside=outside)
        return [finding.line for finding in found]

    assert allowed("links") == [1, 2, 4, 5]
    assert allowed("paths") == [4, 5]


def test_video_files_are_opened_as_the_trainer_opens_them(tmp_path: Path) -> None:
    media = tmp_path / "media"
    media.mkdir()
    for name, frames in (("whole.mp4", 60), ("short.mp4", 40), ("stream.ts", 60)):
        write_video(media / name, frames)
    write_video(media / "tiny.mp4", size=(2, 2))
    (media / "text.mp4").write_text("no video")
    names = ["whole.mp4", "short.mp4", "gone.mp4", "stream.ts", "tiny.mp4", "text.mp4"]
    lines = [json.dumps({**GOOD, "video": name}) for name in names]
    found = findings({"a.jsonl": "\n".join(lines)}, tmp_path, media)
    assert found[0] == (
        "a.jsonl:2: warning: media/short.mp4: the last word ends at 2.00 s, the video at 1.60 s: "
        "clips that reach beyond it are dropped"
    )
    assert found[1] == "a.jsonl:3: warning: media/gone.mp4: no such file"
    assert "stream.ts: the trainer takes wrong frames of it" in found[2]
    assert "tiny.mp4: the trainer cannot open it: decord reads a picture of" in found[3]
    assert "text.mp4: not a video that can be read" in found[4]
    assert len(found) == 5
    spoken = [{"video": "short.mp4", "content": [[0, 1, "one"], [1, 1.7, "two"]]}]
    (tmp_path / "s.jsonl").write_text("\n".join(map(json.dumps, spoken)))
    [finding] = validate("sft", [tmp_path / "s.jsonl"], media, Checked())
    assert "the last word ends at 1.70 s, the video at 1.60 s" in finding.message


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
        "2: warning: 2 words of its content skipped: not [start, end, word] 1, end before start 1",
        "3: error: no words in its content, empty 1",
        '4: error: "content" is a string, not a list of [start, end, word]; either give the '
        'words of the transcript or switch transcribe on: "content" holds text without times; '
        'write a list of [start, end, word], in seconds under "content"',
        "5: warning: words out of order: the times in its content decrease 1 time",
    ]


def test_tracks_that_cannot_be_right(tmp_path: Path) -> None:
    words = [f"word{n}" for n in range(60)]
    plain = [[n, n + 2, f"{one} {two}"] for n, (one, two) in enumerate(pairwise(words))]
    videos = {
        "plain": {"subtitles": plain, "duration": 61},
        "rolling": {
            "subtitles": [
                cue
                for n, word in enumerate(words)
                for cue in (
                    [2 * n, 2 * n + 1.99, f"{word} and so on"],
                    [2 * n + 1.99, 2 * n + 2, f"{word} and so on"],
                )
            ]
        },
        "milliseconds": {"subtitles": [[s * 1000, e * 1000, text] for s, e, text in plain]},
        "fast": {"subtitles": [[s / 10, e / 10, text] for s, e, text in plain]},
        "beyond": {"subtitles": plain, "duration": 20.5},
        "no number": {"subtitles": plain, "duration": "20.5"},
    }
    lines = [json.dumps({"video": name, **record}) for name, record in videos.items()]
    found = findings({"a.jsonl": "\n".join(lines)}, tmp_path)
    assert found == [
        "a.jsonl:2: warning: 60 captions skipped (repeats the line before: 60)",
        "a.jsonl:2: warning: rolling captions: 60 of 120 captions repeat what was shown just "
        "before, as YouTube's automatic WebVTT does; mode: default takes the repeats out, in "
        "mode: paper most words come two or three times. Download json3 instead",
        "a.jsonl:3: warning: its words are 500 s apart: the times are likely milliseconds, and "
        "must be seconds. Divide them by 1,000",
        "a.jsonl:4: warning: a median of 20.0 words a second, faster than people speak (above 6): "
        "the times are in another unit than seconds, or lines are given more than once. Look at "
        "how the captions were read",
        "a.jsonl:5: warning: its last caption ends at 60.0 s, the video after 20.5 s: the "
        "captions belong to another video, or their times are in another unit than seconds",
    ]


def test_forms_of_other_tools_are_named(tmp_path: Path) -> None:
    lines = [
        {"video": "a.mp4", "subtitles": [{"text": "hi", "start": 0.0, "duration": 1.5}]},
        {"video": "b.mp4", "segments": [{"id": 0, "start": 0.0, "end": 1.5, "text": " hi"}]},
        {"video": "c.mp4", "subtitles": [["00:00:01,000", "00:00:02,500", "hi"]]},
        {"video": "d.mp4", "title": "t"},
        GOOD | {"video": "e.mp4"},
    ]
    text = "\n".join(map(json.dumps, lines))
    found = [line for line in findings({"a.jsonl": text}, tmp_path) if ": error: " in line]
    assert found[0] == (
        'a.jsonl:1: error: no words in any caption: "subtitles" holds objects with text, start and '
        "duration, as of youtube-transcript-api; write each as [start, start + duration, text] "
        'under "subtitles"'
    )
    assert found[1] == (
        'a.jsonl:2: error: the key "subtitles" is missing: "segments" holds objects with start, '
        "end and text, as the segments of Whisper; write each as [start, end, text] under "
        '"subtitles"'
    )
    assert "times as strings ('00:00:01,000'); write them as numbers of seconds" in found[2]
    assert found[3:] == ['a.jsonl:4: error: the key "subtitles" is missing']


def test_only_videos_with_words_are_usable(tmp_path: Path) -> None:
    lines = [GOOD, {"video": "b.mp4", "subtitles": []}, {"video": "c.mp4"}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    checked = Checked()
    assert len(list(validate("pretrain", [tmp_path / "a.jsonl"], None, checked))) == 2
    assert (checked.lines, checked.videos) == (3, 1)


def test_whisper_segments_of_an_sft_line(tmp_path: Path) -> None:
    words = [{"start": 0.0, "end": 0.4, "word": " hi"}]
    segment = {"start": 0.0, "end": 1.5, "text": " hi", "words": words}
    line = {"video": "a.mp4", "segments": [segment]}
    (tmp_path / "a.jsonl").write_text(json.dumps(line))
    [finding] = list(validate("sft", [tmp_path / "a.jsonl"], None, Checked()))
    assert finding.severity == "warning"
    assert 'must be transcribed: "segments" holds segments with words, as of Whisper' in str(
        finding
    )


def test_long_files_keep_their_line_numbers(tmp_path: Path) -> None:
    lines = [{"video": f"{n}.mp4", "subtitles": GOOD["subtitles"]} for n in range(3000)]
    lines[2500] = {"video": "x.mp4", "segments": [{"start": 0, "end": 1, "text": "hi"}]}
    text = "\n\n".join(map(json.dumps, lines))
    [found] = findings({"a.jsonl": text}, tmp_path)
    assert found.startswith("a.jsonl:5001: error: ")
    assert "as the segments of Whisper" in found


def test_words_are_judged_by_the_mode(tmp_path: Path) -> None:
    line = {"video": "a.mp4", "content": [[0, 1, "one"], [None, None, "2"], [3, 4, "three"]]}
    (tmp_path / "a.jsonl").write_text(json.dumps(line))
    assert list(validate("sft", [tmp_path / "a.jsonl"], None, Checked())) == []
    [finding] = validate("sft", [tmp_path / "a.jsonl"], None, Checked(), "paper")
    assert finding.message == "1 word of its content skipped: without times 1"
