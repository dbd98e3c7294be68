"""A page in a browser: it opens from a file, draws, plays, filters, and keeps labels."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.made_up_results import GATE, MadeUpResults
from livecc.files.atomic import open_atomic, write_bytes, write_json
from livecc.files.parquet import write_table
from livecc.formats.layout import Layout
from livecc.formats.records import Transcript, clip_row
from livecc.formats.tables import schema
from livecc.thresholds.sets import ON_UNSCORED
from tests.support.built_in import SCORE_STAGES, TRACK_STAGES
from tests.support.places import REPOSITORY
from tests.support.random_results import WORDS_PER_CLIP
from tests.support.reported import page_of, run_of_track, write_results

DEFAULT = {
    "words_per_second": {"min": 0.5, "max": 6.5},
    "language": {"labels": ["en", "de"], "min_confidence": 0.25},
    "lm_loss": {"min": 0.3, "max": 6.5},
    "inside_video": {"max_seconds_beyond": 0},
    "talking_head": {"below": 0.9},
    ON_UNSCORED: "drop",
}
STRICT = {**DEFAULT, "lm_loss": {"min": 0.5, "max": 3}}
SELECTIONS = {"default": DEFAULT, "strict": STRICT}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random results of a pre-training track."""
    folder = tmp_path_factory.mktemp("results")
    write_results(folder, "pretrain", np.random.default_rng(31), ["a", "b"])
    return folder


def in_page(page: Any, script: str) -> Any:
    return page.evaluate(f"() => {{ const state = livecc.state; return {script}; }}")


def wait(page: Any, script: str, arg: Any = None, seconds: float = 30) -> None:
    """Wait until a function of the page is true. (The policy of the page lets no
    `wait_for_function` evaluate its text.)"""
    end = time.monotonic() + seconds
    while not page.evaluate(script, arg):
        assert time.monotonic() < end, script
        page.wait_for_timeout(30)


def test_it_opens_from_a_file_and_draws(results: Path, opened: Any) -> None:
    page = opened(page_of(run_of_track(results, "pretrain", SELECTIONS)))
    steps = page.locator("#funnel-table tbody th .name").all_inner_texts()
    rules = [name for name in DEFAULT if name != ON_UNSCORED]
    assert steps == ["clips", "clip", *rules, "kept", "kept videos"]
    assert page.locator("#funnel-table thead th").all_inner_texts() == ["step", "default", "strict"]
    for name in ("words_per_second", "lm_loss", "talking_head"):
        drawn = page.evaluate(
            """(name) => {
              const canvas = document.querySelector(`[data-rule=${name}] canvas`);
              const held = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
              return new Set(new Uint32Array(held.data.buffer)).size; }""",
            name,
        )
        assert drawn > 3, name
    assert page.locator(".card").count() > 0
    kept = in_page(page, "state.sums.clips")
    assert page.locator("#live-clips").inner_text() == str(kept)
    assert 0 < kept < in_page(page, "state.track.clips")


def test_the_funnel_begins_with_lines_and_ends_with_videos(
    results: Path, opened: Any, tmp_path: Path
) -> None:
    """Bars of lines and videos have the widths that the summary tells."""
    copied = tmp_path / "results"
    shutil.copytree(results, copied)
    told = {"lines": 40, "videos": 24, "failed_videos": 10, "dropped_videos": 6, "words": 900}
    summary = {"pretrain": {"input": told, "selections": {"default": {"samples": 3}}}}
    write_json(Layout(str(copied)).summary_json, summary)
    page = opened(page_of(run_of_track(copied, "pretrain", SELECTIONS)))
    rows = page.locator("#funnel-table tbody tr")
    names = rows.locator("th .name").all_inner_texts()
    assert (names[:3], names[-2:]) == (["lines", "videos", "clips"], ["kept", "kept videos"])
    widths = page.evaluate(
        """() => [...document.querySelectorAll('#funnel-table tbody tr')].map((row) =>
          [...row.querySelector('.bar').children].map((part) => parseFloat(part.style.width)))"""
    )
    assert widths[0] == [100, 0, 0]
    assert widths[1] == [60, 40, 0]
    kept = in_page(page, "state.sums.videos")
    assert 0 < kept <= 24
    assert widths[-1] == [pytest.approx(100 * kept / 24), 0, 0]
    shown = rows.nth(1).locator("button").first.inner_text()
    assert [text in shown for text in ("24 videos", "−10 unusable", "−6 not wanted")] == [True] * 3
    rows.nth(1).locator("button").first.click()
    wait(page, "() => document.querySelector('#problems').getBoundingClientRect().top < 300")


def test_a_bar_of_the_funnel_and_a_search_filter_the_clips(results: Path, opened: Any) -> None:
    page = opened(page_of(run_of_track(results, "pretrain", SELECTIONS)))
    row = page.locator("#funnel-table tbody tr", has_text="other language")
    row.locator("button").first.click()
    wait(page, "() => document.querySelector('#looking').value === 'rule language'")
    wait(
        page,
        "() => [...document.querySelectorAll('.card .verdict b')]"
        ".every((b) => b.textContent === 'language')",
    )
    assert page.locator(".card").count() == in_page(
        page,
        "[...state.decided.droppedBy].filter((by, n) => by === LANGUAGE "
        "&& !livecc.decide.waits(state.track, state.decided, n)).length".replace(
            "LANGUAGE", "1 + state.track.rules.findIndex((one) => one.name === 'language')"
        ),
    )
    page.select_option("#looking", "all")
    card = in_page(page, "state.track.cards.at(-1)")
    page.fill("#search", card["words"][0] + " " + card["words"][1])
    wait(page, "() => document.querySelectorAll('.card').length <= 2")
    found = page.locator(".card .where").all_inner_texts()
    assert found
    assert any(card["video"] in text for text in found)


def test_every_handle_moves_and_decides(results: Path, opened: Any) -> None:
    page = opened(page_of(run_of_track(results, "pretrain", SELECTIONS)))
    handles = page.locator("[role=slider]:visible")
    assert handles.count() == 7
    for n in range(handles.count()):
        handle = handles.nth(n)
        before = float(handle.get_attribute("aria-valuenow"))
        handle.focus()
        page.keyboard.press("PageUp")
        after = float(handle.get_attribute("aria-valuenow"))
        assert after > before
        assert in_page(page, "state.changed")
        fresh = "livecc.decide.decide(state.track, state.chosen, null, null)"
        assert in_page(page, f"[...{fresh}.droppedBy]") == in_page(
            page, "[...state.decided.droppedBy]"
        )
    page.click("#explorer-reset")
    assert not in_page(page, "state.changed")


def test_a_handle_is_dragged_and_the_texts_follow(results: Path, opened: Any) -> None:
    page = opened(page_of(run_of_track(results, "pretrain", SELECTIONS)))
    handle = page.locator("[data-rule=lm_loss] .handle.max")
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] - 40, box["y"] + 50, steps=4)
    page.mouse.up()
    wait(page, "() => livecc.state.chosen.rules.lm_loss.max < 6.5")
    bound = in_page(page, "livecc.numbers.plain(state.chosen.rules.lm_loss.max)")
    assert f"lm_loss: {{min: 0.3, max: {bound}}}" in page.locator("#yaml").inner_text()
    assert f"--set lm_loss.max={bound}" in page.locator("#what-if").inner_text()
    page.locator("[data-rule=language] .label", has_text="en").locator("input").click()
    assert "--set language.labels=de" in page.locator("#what-if").inner_text()
    page.locator("[data-rule=talking_head] .switch input").click()
    assert "talking_head: null" in page.locator("#yaml").inner_text()
    assert "--set talking_head=none" in page.locator("#what-if").inner_text()


def test_labels_are_kept_saved_and_read(results: Path, opened: Any, tmp_path: Path) -> None:
    path = page_of(run_of_track(results, "pretrain", SELECTIONS))
    page = opened(path)
    page.keyboard.press("j")
    page.keyboard.press("g")
    page.keyboard.press("j")
    page.keyboard.press("b")
    judged = in_page(page, "livecc.labels.toJson()")
    shown = in_page(page, "state.track.cards.slice(0, 2).map((card) => card.id)")
    assert judged["version"] == 1
    assert (judged["track"], judged["selection"]) == ("pretrain", "default")
    assert [one["clip"] for one in judged["labels"]] == shown
    assert [one["label"] for one in judged["labels"]] == ["good", "bad"]
    page.reload()
    page.wait_for_selector("html.ready")
    assert in_page(page, "livecc.labels.toJson()") == judged
    with page.expect_download() as download:
        page.click("#labels-save")
    saved = tmp_path / "saved.json"
    download.value.save_as(saved)
    assert json.loads(saved.read_text()) == judged
    judged["labels"][0] |= {"label": "bad", "at": "2100-01-01T00:00:00Z"}
    judged["labels"].append({"clip": "another", "label": "good", "at": "2026-01-01T00:00:00Z"})
    saved.write_text(json.dumps(judged))
    page.set_input_files("#labels-load", saved)
    wait(page, "() => document.querySelector('#labels-note').textContent === '2 labels read.'")
    assert page.locator("#labels-bad").inner_text() == "2"
    saved.write_text("[1]")
    page.set_input_files("#labels-load", saved)
    wait(page, "() => document.querySelector('#labels-note').textContent.includes('not read')")


def test_a_clip_plays_with_its_words_in_time(results: Path, opened: Any, tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    videos.mkdir()
    for shard in "ab":
        for number in range(12):
            shutil.copy(REPOSITORY / "demo/media/paper_boat.mp4", videos / f"{shard} {number}.mp4")
    run = run_of_track(results, "pretrain", SELECTIONS, videos=videos)
    page = opened(page_of(run, media="copies", played=4, pictured=8))
    cards = in_page(page, "state.track.cards")
    assert sum(card["strip"] for card in cards) == 8
    playing = [card for card in cards if card["plays"]]
    assert 2 <= len(playing) <= 4
    card = playing[0]
    page.evaluate(
        "(n) => livecc.player.show(livecc.state.track.cards.find((c) => c.n === n))", card["n"]
    )
    wait(page, "() => document.querySelector('#player-video').currentTime > 0.3")
    page.evaluate("document.querySelector('#player-video').pause()")
    first = int(card["id"].split("#")[1].split("-")[0])
    # As write_shard makes them: word n begins at second n of its video.
    assert len(card["words"]) == WORDS_PER_CLIP
    for seconds in (0.2, 2.5, 4.2):
        page.evaluate(
            "(t) => { document.querySelector('#player-video').currentTime = t; }", seconds
        )
        said = sum(first + n <= card["video_start"] + seconds for n in range(WORDS_PER_CLIP))
        wait(page, "(said) => document.querySelectorAll('.word.said').length === said", arg=said)
        frame = int(seconds * 2)
        wait(
            page,
            "(n) => document.querySelectorAll('#player-ticks i')[n].className === 'now'",
            arg=frame,
        )
    # The copy has sound and a picture, as long as the clip.
    length = page.evaluate("document.querySelector('#player-video').duration")
    assert length == pytest.approx(card["video_end"] - card["video_start"], abs=0.3)
    assert page.evaluate("document.querySelector('#player-video').videoHeight") == 144


def test_links_play_the_files_beside_the_page(results: Path, opened: Any, tmp_path: Path) -> None:
    videos = tmp_path / "some videos"
    videos.mkdir()
    shutil.copy(REPOSITORY / "demo/media/paper_boat.mp4", videos / "a 1.mp4")
    run = run_of_track(results, "pretrain", SELECTIONS, videos=videos)
    page = opened(page_of(run, media="links", pictured=0))
    card = next(card for card in in_page(page, "state.track.cards") if card["video"] == "a 1.mp4")
    page.evaluate(
        "(n) => livecc.player.show(livecc.state.track.cards.find((c) => c.n === n))", card["n"]
    )
    wait(
        page,
        "(start) => document.querySelector('#player-video').currentTime >= start",
        arg=card["video_start"],
    )
    source = page.evaluate("document.querySelector('#player-video').currentSrc")
    assert source.split("#")[0] == (videos / "a 1.mp4").as_uri()


def test_without_scores_and_with_one_clip(tmp_path: Path, opened: Any) -> None:
    write_clips(tmp_path, ["one two three"])
    rules = {"words_per_second": {"min": 1, "max": 4}}
    page = opened(page_of(run_of_track(tmp_path, "pretrain", {"default": rules}, stages=[])))
    assert page.locator("#live-clips").inner_text() == "1"
    assert page.locator(".card").count() == 1
    assert page.locator("#scatter").is_hidden()
    page.locator(".card .open").click()
    assert page.locator("#player-words").inner_text() == "one two three"
    # Nothing plays, so all words are there.
    assert page.locator(".word.said").count() == 3


def test_without_any_clip(tmp_path: Path, opened: Any) -> None:
    write_clips(tmp_path, [])
    rules = {"words_per_second": {"min": 1, "max": 4}}
    page = opened(page_of(run_of_track(tmp_path, "pretrain", {"default": rules}, stages=[])))
    assert page.locator("#live-clips").inner_text() == "0"
    assert page.locator("#clips-none").is_visible()


HOSTILE = (
    "</script><script>window.hit=1</script>",
    "<img src=x onerror=window.hit=1>",
    "<!--<script>",
    "\u202e\u0007\u001b]0;title\u0007 ]]>&lt;b&gt;",
    '"><svg onload=window.hit=1>',
    "https://example.org/x.png",
    "{{ 7 * 7 }} {% raw %}",
    "\u2028alert(1)",
)


def test_hostile_texts_do_nothing(tmp_path: Path, opened: Any) -> None:
    """No script runs, no request leaves (the fixture looks), and the text is seen as it is."""
    write_clips(tmp_path, HOSTILE, titles=HOSTILE)
    stage = SCORE_STAGES["identify_language"]
    ids = [row["clip"] for row in clip_rows(HOSTILE)]
    rows = [
        {
            "clip": clip,
            "status": "failed" if n == 0 else "ok",
            "reason": text if n == 0 else "",
            "language": None if n == 0 else text,
            "language_confidence": None if n == 0 else 0.99,
        }
        for n, (clip, text) in enumerate(zip(ids, HOSTILE, strict=True))
    ]
    files = Layout(str(tmp_path)).shard("pretrain", "a")
    write_table(files.scores(stage.name), stage.schema, rows)
    chosen = {"language": {"labels": [*HOSTILE[1:4]], "min_confidence": 0.5}}
    names = {"default": chosen, "</script><script>window.hit=1</script>": chosen}
    page = opened(page_of(run_of_track(tmp_path, "pretrain", names, stages=[stage])))
    for n in range(len(HOSTILE)):
        page.evaluate("(n) => livecc.player.show(livecc.state.track.cards[n])", n)
    assert page.evaluate("window.hit") is None
    shown = page.locator(".card .title").all_inner_texts()
    assert any("<img src=x onerror=window.hit=1>" in text for text in shown)
    assert "\u202e" not in "".join(shown)
    assert page.locator("#problems").inner_text().count("window.hit=1") >= 1
    assert page.locator("#problems img, .card svg, main script").count() == 0
    # Not even if somebody finds a way to add markup: the policy runs nothing of it.
    page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<i onclick=\"window.hit=1\"></i>')"
    )
    page.evaluate("document.querySelector('body > i').click()")
    assert page.evaluate("window.hit") is None
    page.faults.clear()  # the policy says in the console what it refused


def test_a_hundred_thousand_clips(tmp_path: Path, opened: Any) -> None:
    """A moved handle draws again within 50 ms, and the page stays small."""
    made_up = MadeUpResults(tmp_path, 4)
    shards = [f"shard-{n}" for n in range(4)]
    for shard in shards:
        made_up.write_shard(shard, 25_000)
    write_bytes(Path(Layout(str(tmp_path)).shard_list("pretrain")), "\n".join(shards).encode())
    rules = {
        "words_per_second": {"min": 1, "max": 4},
        "language": {"labels": ["en"], "min_confidence": 0.9},
        "lm_loss": {"min": 1.5, "max": 6.5},
        "inside_video": {"max_seconds_beyond": 0},
        "talking_head": {"below": 0.3},
    }
    gates = {"score_lm_loss": GATE}
    # Nothing asks for facts of videos.
    stages = [stage for stage in TRACK_STAGES["pretrain"] if stage.name != "describe_video"]
    run = run_of_track(tmp_path, "pretrain", {"default": rules}, gates, stages)
    path = page_of(run)
    assert path.stat().st_size < 3_000_000
    page = opened(path)
    assert in_page(page, "state.track.clips") == 100_000
    # In processor time of the page's thread: other tests run on the same cores.
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    moved = """() => { for (let n = 0; n < 20; n++) {
      livecc.state.change("lm_loss", {min: 1.5, max: 4 + n / 10});
      document.body.offsetHeight; } }"""
    page.evaluate(moved)
    before = busy(session)
    page.evaluate(moved)
    page.wait_for_timeout(300)
    assert 0 < (busy(session) - before) / 20 < 0.05


def busy(session: Any) -> float:
    """Seconds of processor time that the page's thread has worked."""
    told = session.send("Performance.getMetrics")["metrics"]
    return float(next(one["value"] for one in told if one["name"] == "TaskDuration"))


def clip_rows(texts: Any) -> list[dict[str, Any]]:
    return [
        clip_row(f"{n}.mp4", 0, len(text.split()), 0.0, float(len(text.split())))
        for n, text in enumerate(texts)
    ]


def write_clips(folder: Path, texts: Any, titles: Any = None) -> None:
    """A shard with a clip for each text, of a video each; a word takes a second."""
    files = Layout(str(folder)).shard("pretrain", "a")
    write_bytes(Path(Layout(str(folder)).shard_list("pretrain")), b"a\n")
    write_table(files.clips, schema("clips"), clip_rows(texts))
    with open_atomic(files.transcripts) as stream:
        for n, text in enumerate(texts):
            words = text.split()
            starts = [float(k) for k in range(len(words))]
            title = titles[n] if titles else f"Title {n}"
            told = Transcript(f"{n}.mp4", title, title, words, starts, [s + 1 for s in starts])
            stream.write(told.to_json() + b"\n")


def test_the_rules_of_all_tracks_have_a_kind_that_the_page_knows(tmp_path: Path) -> None:
    from livecc.report.clips import page_columns, read_clips

    for track in TRACK_STAGES:
        write_results(tmp_path, track, np.random.default_rng(1), ["a"])
        run = run_of_track(tmp_path, track, {"default": {}})
        told = page_columns(read_clips(run, run.tracks[0]))
        fixed = {rule["name"] for rule in told["rules"] if rule["kind"] == "fixed"}
        # Lists of ids are files: nothing of them can be moved in a page.
        assert fixed == {"excluded"}, track
