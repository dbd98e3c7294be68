"""Units of scripts without spaces, and texts joined of them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from livecc.captions.units import segmented, units
from livecc.errors import LiveccError
from livecc.files.lines import read_jsonl
from livecc.formats.unspaced import join_units, joint

TEXTS = {
    "zh": "今天我们折一只纸船，先拿一张方形的纸。",
    "ja": "「直径に対する円周の比率」ではなく、約6.28となる半径に対する比率",
    "th": "ภาษาไทยเป็นภาษาที่ไม่มีการเว้นวรรค",
    "km": "ខ្ញុំចង់ទៅផ្សារជាមួយមិត្ត",
    "lo": "ຂ້ອຍຢາກໄປຕະຫຼາດ",
    "my": "ကျွန်တော်ဈေးကိုသွားချင်တယ်",
}


@pytest.mark.parametrize("language", TEXTS)
def test_units_are_short_and_join_to_the_text(language: str) -> None:
    text = TEXTS[language]
    found = units(text)
    assert "".join(found) == join_units(found) == text
    assert len(found) > 2
    assert max(map(len, found)) <= 12


def test_what_belongs_together() -> None:
    assert units("你好，世界！") == ["你好，", "世界！"]
    assert units("他说：「你好」。") == ["他", "说：", "「你好」。"]
    assert units("使用CPU吗 (yes) 2的") == ["使用CPU吗", "(yes)", "2", "的"]
    assert units("plain words, no more") == ["plain", "words,", "no", "more"]
    assert units("你好🙂世界") == ["你好🙂", "世界"]
    assert units(" ") == []


def test_only_texts_with_such_scripts_are_divided() -> None:
    texts = ["plain  words", "你好世界", "안녕 세계", ""]
    divided, found = segmented(texts)
    assert divided == ["plain  words", "你好 世界", "안녕 세계", ""]
    assert found == [1]
    assert segmented(texts[:1]) == (texts[:1], [])


def test_joining() -> None:
    assert join_units(["a", "b", "Ünï"]) == "a b Ünï"
    assert join_units(["你好", "world", "世界", "6", "月"]) == "你好 world 世界6月"
    assert join_units(["完了。", "Next", "，", "x"]) == "完了。Next，x"
    assert join_units(["ไทย", "ดี!", "มาก", "ok", "ดี"]) == "ไทยดี!มาก ok ดี"
    assert join_units([]) == ""


def test_a_text_may_be_joined_in_parts(test_data: Path) -> None:
    for record in read_jsonl(test_data / "captions/other_languages_cc.jsonl"):
        if record["language"] not in ("ja", "zh"):
            continue
        words = [unit for _, _, text in record["subtitles"] for unit in units(text)]
        whole, at = join_units(words), 0
        for first in range(0, len(words), 7):
            part = words[first : first + 7]
            text = join_units(part)
            assert whole.startswith(text, at)
            at += len(text)
            if first + 7 < len(words):
                at += len(joint(part[-1], words[first + 7]))
        assert at == len(whole)
        # Without the spaces that the captions have between such letters, nothing is lost.
        spoken = "".join(text for _, _, text in record["subtitles"])
        assert "".join(whole.split()) == "".join(spoken.split())


def test_without_the_package_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    from livecc.captions import units as module

    module._breaker.cache_clear()
    monkeypatch.setitem(sys.modules, "icu4py.breakers", None)
    with pytest.raises(LiveccError, match=r"pip install icu4py.*unit to line"):
        units("你好世界")
    module._breaker.cache_clear()
    assert units(json.loads('"plain"')) == ["plain"]
