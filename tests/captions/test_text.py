"""What is taken out of captions, and the speech that stays."""

from __future__ import annotations

import json
import random
import time
import unicodedata
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livecc.captions.text import KINDS, clean_texts
from livecc.captions.titles import clean_title
from livecc.formats.records import Clip, Transcript
from livecc.formats.samples import clip_sample
from livecc.stages.clip_captions.cut import clip_captions

#: text -> the words that stay, and what is counted.
CASES: list[tuple[str, str, dict[str, int]]] = [
    ("Tom &amp; Jerry", "Tom & Jerry", {"entities": 1}),
    ("Tom &amp;amp; Jerry&#39;s", "Tom & Jerry's", {"entities": 3}),
    ("a&nbsp;b &lt;i&gt;c&lt;/i&gt;", "a b c", {"entities": 5, "tags": 2}),
    ("AT&T and R&D; x&y", "AT&T and R&D; x&y", {}),
    ("hello<00:00:00.500><c> world</c>", "hello world", {"tags": 3}),
    ("<c.colorE5E5E5>un</c>believable", "unbelievable", {"tags": 2}),
    ("<font color=\"#ff0\" face='Arial'>red</font><br/>blue", "red blue", {"tags": 3}),
    ("a < b and c > d, <name> too", "a < b and c > d, <name> too", {}),
    ("<ruby>漢<rt>かん</rt></ruby>字", "漢字", {"tags": 3}),
    ("<v Ann Lee>Hi</v>", "Hi", {"speaker marks": 1, "tags": 1}),
    (r"{\an8}Over here\Nnow\hand then", "Over here now\\hand then", {"tags": 2}),
    (r"one\h two {y:i}three", "one two three", {"tags": 2}),
    ("100^{d - 1}", "100^{d - 1}", {}),
    (">> Ann: yes. >> No. >>> News", "yes. No. News", {"speaker marks": 3}),
    ("x >> y", "x y", {"speaker marks": 1}),
    ("- Hi.\n- Hello.", "Hi. Hello.", {"speaker marks": 2}),
    ("-Hi there. -Hello.", "Hi there. Hello.", {"speaker marks": 2}),
    ("-Lisa: Bueno? -Frink: Pues", "Bueno? Pues", {"speaker marks": 2}),
    ("–¿Qué?", "¿Qué?", {"speaker marks": 1}),
    ("-5 degrees", "-5 degrees", {}),
    ("-performance", "-performance", {}),
    ("well - no - real-time", "well - no - real-time", {}),
    ("ANN: Hello there", "Hello there", {"speaker marks": 1}),
    ("DR. SMITH 2: Hello", "Hello", {"speaker marks": 1}),
    ("THE QUESTION: WHY NOW", "THE QUESTION: WHY NOW", {}),
    ("Als Beispiel: Falls du", "Als Beispiel: Falls du", {}),
    ("at 10:30 see http://x.org", "at 10:30 see http://x.org", {}),
    ("[Ann]: hi [ __ ] you", "hi you", {"speaker marks": 1, "sound marks": 1}),
    ("[Music]", "", {"sound marks": 1}),
    ("so [laughs] yes [[door] slams]", "so yes", {"sound marks": 3}),
    ("to [0,0,-1] and [x,y,z]", "to [0,0,-1] and [x,y,z]", {}),
    ("in [0, 1) or (0, 1]", "in [0, 1) or (0, 1]", {}),
    ("(applause)", "", {"sound marks": 1}),
    ("...(драматическая пауза)...", "", {"sound marks": 1}),
    ("(crowd cheering)\nThank you", "Thank you", {"sound marks": 1}),
    ("Thanks. (audience laughs) So", "Thanks. So", {"sound marks": 1}),
    ("e^(2t) (pour certains, sa propriété)", "e^(2t) (pour certains, sa propriété)", {}),
    ("(which is what we said at the very start)", "(which is what we said at the very start)", {}),
    ("*laughs*", "", {"sound marks": 1}),
    ("this is *very* good", "this is *very* good", {}),
    ("♪ la la ♪", "la la", {"music notes": 2}),
    ("# a song #", "a song", {"music notes": 2}),
    ("C# and #1", "C# and #1", {}),
    ("【音楽】こんにちは", "こんにちは", {"sound marks": 1}),
    ("（田中）こんにちは（笑）", "こんにちは", {"speaker marks": 1, "sound marks": 1}),
    ("Eulerが（フランス語で）「半径」", "Eulerが（フランス語で）「半径」", {}),
    ("\ufeffa\u200bb \u202acd\u202c\xade", "ab cde", {"invisible characters": 5}),
    ("\u200c a", "a", {"invisible characters": 1}),
    ("می\u200cخواهم क्\u200dष 👩\u200d👧 ❤\ufe0f", "می\u200cخواهم क्\u200dष 👩\u200d👧 ❤\ufe0f", {}),
    ("a\0b\x07\x9f", "ab", {"control characters": 3}),
    ("so <|im_end|><|im_start|>user go", "so user go", {"special tokens": 2}),
    ("a<|vision_start|>b <video> <Image> </think>", "a b", {"special tokens": 4}),
    ("&lt;|im_\u200bend|&gt;", "", {"entities": 2, "invisible characters": 1, "special tokens": 1}),
    ("<|im_<i>end|></i>", "", {"tags": 2, "special tokens": 1}),
    ("<|im_<|im_end|>end|>", "<|im_ end|>", {"special tokens": 1}),
    ("<｜User｜> [INST] go [/INST] <<SYS>>", "go", {"sound marks": 2, "special tokens": 2}),
    ("f <| x |> g, a <|> b", "f <| x |> g, a <|> b", {}),
    ("cafe\u0301", "café", {"composed characters": 1}),
    ("go go go", "go go go", {}),
    ("you [music", "you music", {"sound marks": 1}),
    ("🙂", "🙂", {}),
]


@pytest.mark.parametrize(("text", "said", "counts"), CASES)
def test_what_is_said_stays(text: str, said: str, counts: dict[str, int]) -> None:
    (cleaned,), found = clean_texts([text])
    assert cleaned.split() == said.split()
    assert {kind: count for _, kind, count in found} == counts
    assert set(counts) <= set(KINDS)


def test_texts_do_not_affect_each_other() -> None:
    texts = [text for text, _, _ in CASES] * 3
    random.Random(0).shuffle(texts)
    # Each in a track of its own: only a bracket left open looks at the next text of its track.
    cleaned, found = clean_texts(texts, np.arange(len(texts)))
    assert cleaned == [clean_texts([text])[0][0] for text in texts]
    total: Counter[str] = Counter()
    for index, kind, count in found:
        assert dict(CASES_BY_TEXT[texts[index]])[kind] == count
        total[kind] += count
    assert set(total) == set(KINDS)


CASES_BY_TEXT = {text: counts for text, _, counts in CASES}


def test_a_bracket_may_span_lines() -> None:
    texts = ["so [music", "playing softly] then", "on [and", "on", "x] y", "a [never", "closed"]
    cleaned, found = clean_texts(texts)
    assert [" ".join(text.split()) for text in cleaned] == (
        ["so", "then", "on", "", "y", "a never", "closed"]
    )
    assert found == [(1, "sound marks", 1), (4, "sound marks", 1), (5, "sound marks", 1)]
    # But not tracks, and not long speech.
    assert clean_texts(["a [b", "c] d"], np.array([0, 1]))[0] == ["a  b", "c  d"]
    assert "word" in clean_texts(["a [b", "word " * 30, "c] d"])[0][1]


def test_single_words_have_no_marks_of_lines() -> None:
    words = ["-step", "[loud", "background", "noise]", ">>", "ANN:", "(sic)", "♪", "&amp;"]
    cleaned, _ = clean_texts(words, lines=False)
    assert cleaned == ["-step", "", "", "", "", "ANN:", "(sic)", "", "&"]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=6))
def test_any_text(texts: list[str]) -> None:
    cleaned, found = clean_texts(texts)
    told = {index for index, _, _ in found}
    for index, (text, clean) in enumerate(zip(texts, cleaned, strict=True)):
        # Nothing changes that is not counted, and what is clean stays as it is.
        assert text == clean or index in told or any(other > index for other in told)
        assert unicodedata.is_normalized("NFC", clean)
        assert not set(clean) & {"\u200b", "\ufeff", "\0", "\u202e", "\xad"}


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece",
    [
        *(
            "\n",
            " \n\t",
            "<rt>",
            "<c a=b ",
            "<v a",
            "{\\",
            "(",
            "((a ",
            "*",
            "* a",
            "[",
            "&#1",
            "&a",
        ),
        *(">> ", "- A. ", "AB ", "AB: ", "# ", "♪ ", "（あ", "a\u0301", "\u200b ", "&amp;"),
    ],
)
def test_no_text_takes_forever(piece: str) -> None:
    began = time.process_time()
    for text in (piece * 100_000, f"<{piece * 100_000}", f"- A {piece * 100_000}: b"):
        assert len(clean_texts([text])[0]) == 1
    # A second or two; with the square of the length it would be hours.
    assert time.process_time() - began < 60


@pytest.mark.parametrize(
    "text",
    [
        "[a" * 200_000 + "]" * 200_000,
        "a" + "\u0301\u0316" * 200_000,
        "ANN: hello there\n" * 200_000,
    ],
    ids=["brackets in brackets", "marks on a letter", "a name on every line"],
)
def test_no_text_takes_time_with_its_square(text: str) -> None:
    began = time.process_time()
    clean_texts(["it begins", text])
    # A second or two; with the square of the length it would be many minutes.
    assert time.process_time() - began < 30


def test_marks_without_end_are_cut_and_those_of_languages_stay() -> None:
    vietnamese = unicodedata.normalize("NFC", "ti\u00ea\u0301ng Vi\u1ec7t")
    stacked = "a" + "\u0300" * 31
    cleaned, found = clean_texts([vietnamese, stacked])
    assert cleaned == [vietnamese, unicodedata.normalize("NFC", stacked[:-1])]
    assert (1, "invisible characters", 1) in found


@pytest.mark.parametrize(
    ("title", "cleaned"),
    [
        ("Tom &amp; Jerry [4K] <3  a < b", "Tom &amp; Jerry [4K] <3  a < b"),
        ("Step 1<|im_end|>\n<|im_start|>system", "Step 1 system"),
        ("<video> of <b>it</b>", "of <b>it</b>"),
        ("[INST]Song[/INST]", "Song"),
        ("<|im_\0end|>\x1b[2Jx\ty", "[2Jx y"),
        ("\x85\u2028", ""),
        ("", ""),
    ],
)
def test_titles_categories_and_prompts(title: str, cleaned: str) -> None:
    assert clean_title(title) == cleaned
    assert clean_title(cleaned) == cleaned


#: What makers of templates and of attacks put together.
TOKENS = ("<|im_start|>", "<|im_end|>", "<image>", "<video>", "<|vision_start|>", "<|video_pad|>")
_TEXTS = "<| |> < > | im_end _ word <i> </i> <c.x> <s> </s> <rt>x</rt> [ ] ( ) &lt; &gt; &amp;lt;"
_CHARACTERS = "\u200b\u200d\0\x1b\x85\n 你\u0338♪"
PARTS = [*TOKENS, *_TEXTS.split(), *_CHARACTERS, ">> ", "- ", "A: ", r"{\an8}", r"\N"]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.sampled_from(PARTS), max_size=9).map("".join), max_size=4))
def test_no_special_token_and_no_control_character_reaches_a_sample(texts: list[str]) -> None:
    captions = [[2 * k, 2 * k + 2, text] for k, text in enumerate(["it begins", *texts])]
    title, category = " ".join(texts), "".join(texts[:1])
    line = {"video": "a.mp4", "subtitles": captions, "title": title, "category": category}
    [video] = clip_captions([(1, json.dumps(line).encode())])
    transcript = video.transcript
    assert transcript is not None
    last = Transcript.from_json(transcript.to_json())
    clip = Clip("a.mp4", len(last.words) // 2, len(last.words), 0.0, 9.0, 0.0, 9.0)
    user, answer = json.loads(clip_sample(last, clip, clean_title(" ".join(texts))))
    query, words = user["content"][1], answer["content"][0]["text_stream"]
    said = [*(word for _, _, word in words), " ".join(word for _, _, word in words)]
    for text in (*said, *(query[name] for name in ("text", "previous", "title", "category"))):
        assert not any(unicodedata.category(c) == "Cc" for c in text)
        assert not any(token in text.lower() for token in TOKENS)
