"""The chat of a clip as token ids, and which of them are scored.

A clip is presented to the language model as a chat of three turns: the system prompt, a request
with the video's title and (pre-training only) the transcript so far, and the clip's words as the
assistant's answer. The tokens of the answer, without the end of turn, are scored. They are located
by their character offsets in the rendered chat, so any chat template works, and no content of a
title or transcript (such as `<|im_end|>`) can shift them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from livecc.errors import LiveccError
from livecc.formats.unspaced import pieces_of
from livecc.inference.chat_template import FIXED_DATE, dateless_template
from livecc.sections import defaults_of
from livecc.stages.score_lm_loss.declaration import PromptTexts

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Placeholder for the answer while the template is rendered: private-use characters that no template
# trims, splits or rewrites. The answer itself never passes through the template.
_ANSWER_MARK = "\ue0f0answer\ue0f1"

# A context is shortened in blocks of this fraction of the model's context, so that the next clips
# of the video keep the same first word and so share their prefix.
_BLOCK_PART = 8
_MIN_BLOCK_WORDS = 16


@dataclass(frozen=True)
class Prompts:
    """The prompts around a clip, with placeholders `{title}` and `{context}`."""

    system: str
    with_context: str
    without_context: str

    def __post_init__(self) -> None:
        for name in ("with_context", "without_context"):
            try:
                getattr(self, name).format(title="", context="")
            except (KeyError, IndexError, ValueError) as error:
                raise LiveccError(
                    f"the prompt {name} is not a valid format text ({error!r}): only {{title}} and "
                    "{context} may stand in braces; double any other brace"
                ) from None
        if "{context}" not in self.with_context:
            raise LiveccError("the prompt with_context does not contain {context}: add it")

    def request(self, title: str, context: str | None) -> str:
        """The user's turn."""
        if context is None:
            return self.without_context.format(title=title)
        return self.with_context.format(title=title, context=context)


PAPER_PROMPTS = Prompts(**defaults_of(PromptTexts))


@dataclass(frozen=True)
class LossRequest:
    """One clip to score.

    `key` is returned with the result. `context` is the transcript before the clip; None selects the
    prompt without context (an empty string is an empty context). `text` holds the clip's words,
    stripped and joined by single spaces.
    """

    key: str
    title: str
    context: str | None
    text: str


@dataclass(frozen=True)
class EncodedClip:
    """The chat of a clip up to its last scored token.

    `ids[first_scored:]` are the scored tokens; `ids[:-1]` is what the model reads.
    """

    key: str
    ids: NDArray[np.int64]
    first_scored: int
    dropped_context_words: int

    @property
    def targets(self) -> NDArray[np.int64]:
        return self.ids[self.first_scored :]


@dataclass(frozen=True)
class Refusal:
    """The reason why a clip cannot be scored."""

    key: str
    reason: str
    prompt_tokens: int = 0


class ChatEncoder:
    """Converts requests to token ids with the chat template of a Hugging Face tokenizer.

    If the template rejects system turns, the system prompt is put at the beginning of the user's
    turn, followed by an empty line (`system_role` is then False).
    """

    def __init__(
        self,
        tokenizer: Any,
        prompts: Prompts,
        *,
        max_tokens: int,
        known_tokens: int,
        mode: str,
        source: str,
    ) -> None:
        """`max_tokens` limits the whole chat; `known_tokens` is the number of token ids the model
        has embeddings for (fine-tuned tokenizers may have more); `source` names the model in
        messages.

        Raises LiveccError when the tokenizer has no chat template or no character offsets, or
        when its template does not print the assistant's text.
        """
        if mode not in ("paper", "default"):
            raise LiveccError(f"mode is {mode!r}: it must be 'paper' or 'default'")
        if not getattr(tokenizer, "is_fast", False):
            raise LiveccError(
                f"{source}: its tokenizer has no fast version (tokenizer.json), which is needed to "
                "find the scored tokens; choose another model"
            )
        self.tokenizer = tokenizer
        self.prompts = prompts
        self.max_tokens = max_tokens
        self.known_tokens = known_tokens
        self.mode = mode
        self._template = dateless_template(tokenizer, source)
        self.system_role = True
        try:
            self._frame("title", "context")
        except Exception as first_error:
            self.system_role = False
            try:
                self._frame("title", "context")
            except Exception:
                raise LiveccError(
                    f"{source}: its chat template cannot render a system, a user and an assistant "
                    f"turn ({_one_line(first_error)}); choose an instruction-tuned chat model"
                ) from None

    def encode(self, requests: Sequence[LossRequest]) -> list[EncodedClip | Refusal]:
        """One entry per request, in order; a Refusal for a request that cannot be scored."""
        reasons = [_unusable(request) for request in requests]
        usable = [
            request for request, reason in zip(requests, reasons, strict=True) if reason is None
        ]
        encoded = iter(self._encode_usable(usable))
        return [
            next(encoded) if reason is None else Refusal(request.key, reason)
            for request, reason in zip(requests, reasons, strict=True)
        ]

    def _encode_usable(self, requests: Sequence[LossRequest]) -> list[EncodedClip | Refusal]:
        if not requests:
            return []
        clips: list[EncodedClip | Refusal] = []
        for request, chat in zip(requests, self._tokenize(requests), strict=True):
            if chat.total > self.max_tokens:
                if self.mode == "paper" or not request.context:
                    clips.append(self._too_long(request, chat))
                else:
                    clips.append(self._encode_shortened(request, chat))
            else:
                clips.append(self._clip(request, chat, 0))
        return clips

    def _clip(self, request: LossRequest, chat: _Chat, dropped: int) -> EncodedClip | Refusal:
        if chat.first_scored == 0:
            return Refusal(request.key, "the chat template prints nothing before the answer")
        ids = chat.ids[: chat.last_scored + 1].copy()
        # On a GPU, such an id aborts the process with an assertion that cannot be caught.
        if ids.max() >= self.known_tokens:
            token = self.tokenizer.convert_ids_to_tokens(int(ids.max()))
            return Refusal(request.key, f"the model does not know the token {token!r}")
        return EncodedClip(request.key, ids, chat.first_scored, dropped)

    def _encode_shortened(self, request: LossRequest, whole: _Chat) -> EncodedClip | Refusal:
        """Drop as few blocks of the context's oldest words as needed for the chat to fit.

        The number depends only on this clip and its context.
        """
        words = pieces_of(request.context or "")
        block = max(_MIN_BLOCK_WORDS, self.max_tokens // _BLOCK_PART)
        cuts = [*range(block, len(words), block), len(words)]
        excess = whole.total - self.max_tokens
        # A first guess from the tokens of the context. Tokenization may differ slightly after a
        # cut, so the length of the whole chat decides.
        context = self.tokenizer(
            [request.context], add_special_tokens=False, truncation=False, verbose=False
        ).encodings[0]
        offset = 0
        tokens_before = []
        position = 0
        for cut in cuts:
            offset += sum(map(len, words[position:cut]))
            position = cut
            token = context.char_to_token(offset) if cut < len(words) else len(context.ids)
            tokens_before.append(len(context.ids) if token is None else token)
        start = next((i for i, n in enumerate(tokens_before) if n >= excess), len(cuts) - 1)
        for cut in cuts[max(0, start - 1) :]:
            shorter = LossRequest(request.key, request.title, "".join(words[cut:]), request.text)
            chat = self._tokenize([shorter])[0]
            if chat.total <= self.max_tokens:
                return self._clip(request, chat, cut)
        return self._too_long(request, chat, " even without its context")

    def _too_long(self, request: LossRequest, chat: _Chat, how: str = "") -> Refusal:
        return Refusal(
            request.key,
            f"the chat has {chat.total} tokens{how}, more than the {self.max_tokens} "
            "that the model reads",
            chat.first_scored,
        )

    def _frame(self, title: str, context: str | None) -> tuple[str, str]:
        """The rendered chat before and after the answer."""
        request = self.prompts.request(title, context)
        if self.system_role:
            turns = [{"role": "system", "content": self.prompts.system}]
        else:
            turns = []
            request = f"{self.prompts.system}\n\n{request}"
        turns += [
            {"role": "user", "content": request},
            {"role": "assistant", "content": _ANSWER_MARK},
        ]
        rendered = self.tokenizer.apply_chat_template(
            turns, chat_template=self._template, tokenize=False, date_string=FIXED_DATE
        )
        before, mark, after = rendered.rpartition(_ANSWER_MARK)
        if not mark:
            raise ValueError("the assistant's text is not in the rendered chat")
        return before, after

    def _tokenize(self, requests: Sequence[LossRequest]) -> list[_Chat]:
        frames = [self._frame(request.title, request.context) for request in requests]
        encodings = self.tokenizer(
            [
                before + request.text + after
                for request, (before, after) in zip(requests, frames, strict=True)
            ],
            # The template prints the special tokens itself.
            add_special_tokens=False,
            truncation=False,
            padding=False,
            verbose=False,
        ).encodings
        return [
            _Chat(encoding, len(before), len(before) + len(request.text))
            for encoding, request, (before, _) in zip(encodings, requests, frames, strict=True)
        ]


class _Chat:
    """A tokenized chat with the token span of its answer."""

    def __init__(self, encoding: Any, start: int, end: int) -> None:
        """`start`, `end`: the answer's characters in the rendered chat."""
        self.ids = np.asarray(encoding.ids, dtype=np.int64)
        self.total = len(self.ids)
        self.first_scored = _first_token(encoding, start, end)
        self.last_scored = _last_token(encoding, self.first_scored, end, self.total)


def _first_token(encoding: Any, start: int, end: int) -> int:
    """The first token of the characters [start, end).

    Tokenizers may exclude a blank from its token's offsets. The token of a leading blank is then
    the one after the last token before the answer.
    """
    token = encoding.char_to_token(start)
    if token is not None:
        return int(token)
    for position in range(start - 1, -1, -1):
        before = encoding.char_to_token(position)
        if before is not None:
            return int(before) + 1
    return int(next(t for t in map(encoding.char_to_token, range(start, end)) if t is not None))


def _last_token(encoding: Any, first: int, end: int, total: int) -> int:
    """The last token of the characters [.., end), not before `first`."""
    after = encoding.char_to_token(end)
    last = None
    for position in range(end - 1, -1, -1):
        last = encoding.char_to_token(position)
        if last is not None:
            break
    last = first if last is None else max(int(last), first)
    if after is not None and after > last:
        return int(after) - 1
    # One character may be several tokens (bytes of an emoji), all with the same offsets.
    while last + 1 < total and encoding.token_to_chars(last + 1) == encoding.token_to_chars(last):
        last += 1
    return last


def _unusable(request: LossRequest) -> str | None:
    if not request.text.strip():
        return "the clip has no text"
    try:
        f"{request.title}{request.context or ''}{request.text}".encode()
    except UnicodeEncodeError:
        return "its title or words hold half of a surrogate pair, which is not a character"
    return None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
