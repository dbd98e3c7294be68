"""Titles, categories and prompts without control characters and special tokens."""

from __future__ import annotations

import re

#: Control characters that are no white space (white space separates words).
CONTROL_RANGES = "\0-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"
CONTROLS = re.compile(f"[{CONTROL_RANGES}]")
_BLANK_CONTROLS = re.compile(r"[\t-\r\x1c-\x1f\x85\u2028\u2029]")
#: Of chat templates: <|im_end|>, <｜User｜>, and names that some models write without bars. In a
#: training file each would be read as the token: it ends a turn, or asks for a picture that is not
#: there.
SPECIAL_TOKEN = re.compile(
    r"<[|｜][^<>\s]{1,64}[|｜]>"
    r"|(?i:</?(?:s|unk|pad|mask|bos|eos|images?|img|videos?|audio|box|ref|quad|think|tool_call"
    r"|tool_response|(?:start|end)_of_(?:turn|image|utterance)|im_(?:start|end|patch)"
    r"|vision_(?:start|end)|(?:image|video|vision)_pad|(?:image|audio)_soft_token|img_context)>)"
    r"|<</?SYS>>|\[/?INST\]"
)


def clean_title(text: str) -> str:
    """A title, category or prompt on one line, without control characters and special tokens."""
    if text.isprintable() and "<" not in text and "[" not in text:
        return text
    cleaned = SPECIAL_TOKEN.sub(" ", CONTROLS.sub("", text))
    # CONTROLS has no white space, which separates a caption's words; here it may be a line break.
    if cleaned == text and not _BLANK_CONTROLS.search(text):
        return text
    return " ".join(cleaned.split())
