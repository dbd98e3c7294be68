"""The talk about one clip: ask, look at the answer, ask again a bounded number of times."""

from __future__ import annotations

from dataclasses import dataclass, field

from livecc.make_prompts.answers import InvalidAnswerError, parse_answer
from livecc.make_prompts.leaks import leaked_words
from livecc.make_prompts.settings import Question
from livecc.scoring import Row, failed, ok

Message = dict[str, str]

# What is quoted of an unusable answer when asking again: a model that rambles must not be paid for
# reading all of it once more.
_QUOTED_CHARACTERS = 1_000


@dataclass(frozen=True)
class Reply:
    """What came back: the model's text, or the `problem` why there is none.

    Token counts are None where the service does not say them.
    """

    text: str | None
    problem: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


@dataclass
class Dialogue:
    """`messages` is what to send next; `receive` takes what came back."""

    question: Question
    transcript: str
    engine: str
    tries: int
    messages: list[Message] = field(init=False)

    def __post_init__(self) -> None:
        # A character that is none (half of a surrogate pair) cannot be sent.
        text = self.question.text(self.transcript).encode("utf-8", "replace").decode()
        self.messages = [{"role": "user", "content": text}]
        self._left = self.tries
        self._input_tokens: int | None = 0
        self._output_tokens: int | None = 0

    def receive(self, reply: Reply) -> Row | None:
        """The clip's row, or None when it has to be asked again (with the new `messages`).

        The row's tokens are those of all tries; null when some try did not say its own.
        """
        self._input_tokens = _add(self._input_tokens, reply.input_tokens)
        self._output_tokens = _add(self._output_tokens, reply.output_tokens)
        self._left -= 1
        try:
            if reply.problem is not None or reply.text is None:
                raise InvalidAnswerError(reply.problem or "it is empty")
            answer = parse_answer(reply.text)
            leak = leaked_words(answer.query, self.transcript, self.question.leak_words)
            if leak is not None:
                raise InvalidAnswerError(f'"query" repeats the transcript: "{leak}"')
        except InvalidAnswerError as error:
            if self._left <= 0:
                return self.fail(f"no usable answer in {self.tries} tries; the last one: {error}")
            self._correct(reply, str(error))
            return None
        return ok(answer=answer.result, query=answer.query, **self._counts())

    def fail(self, reason: str, *, transient: bool = False) -> Row:
        """The row of a clip that gets no answer."""
        return failed(reason, transient=transient, answer=None, query=None, **self._counts())

    def _correct(self, reply: Reply, reason: str) -> None:
        """Ask again, with the unusable answer and what was wrong with it.

        Only the last one is kept: a greedy model needs to see something new, but no history.
        """
        del self.messages[1:]
        if reply.text:
            quoted = reply.text[:_QUOTED_CHARACTERS].encode("utf-8", "replace").decode()
            correction = f"This answer cannot be used: {reason}. Answer once more, JSON only."
            self.messages += [
                {"role": "assistant", "content": quoted},
                {"role": "user", "content": correction},
            ]

    def _counts(self) -> dict[str, str | int | None]:
        return {
            "engine": self.engine,
            "input_tokens": self._input_tokens,
            "output_tokens": self._output_tokens,
        }


def _add(total: int | None, more: int | None) -> int | None:
    return None if total is None or more is None else total + more
