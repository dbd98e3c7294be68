"""The dialogue about one clip: ask, validate the answer, retry a limited number of times."""

from __future__ import annotations

from dataclasses import dataclass, field

from livecc.scores.job import Row, failed, ok
from livecc.stages.make_prompts.answers import InvalidAnswerError, parse_answer
from livecc.stages.make_prompts.leaks import leaked_words
from livecc.stages.make_prompts.settings import Question

Message = dict[str, str]

# Maximum characters of an unusable answer to quote in a retry, which limits the cost of long ones.
_QUOTED_CHARACTERS = 1_000


@dataclass(frozen=True)
class Reply:
    """A model's reply: its text, or the `problem` why there is none.

    Token counts are None if the service does not provide them.
    """

    text: str | None
    problem: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


@dataclass
class Dialogue:
    """`messages` are to be sent next; `receive` takes the reply."""

    question: Question
    transcript: str
    engine: str
    tries: int
    messages: list[Message] = field(init=False)

    def __post_init__(self) -> None:
        # Half of a surrogate pair cannot be encoded.
        text = self.question.text(self.transcript).encode("utf-8", "replace").decode()
        self.messages = [{"role": "user", "content": text}]
        self._left = self.tries
        self._input_tokens: int | None = 0
        self._output_tokens: int | None = 0

    def receive(self, reply: Reply) -> Row | None:
        """The clip's row, or None if a retry is needed (with the new `messages`).

        The row's tokens are the sum over all tries; null if any try did not provide them.
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
        """The row of a clip without an answer."""
        return failed(reason, transient=transient, answer=None, query=None, **self._counts())

    def _correct(self, reply: Reply, reason: str) -> None:
        """Ask again, quoting the unusable answer and its problem.

        Only the last answer is quoted: greedy decoding needs new input, but no history.
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
