"""Classification of failed requests: retry later, give up the clip, or stop the job."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from livecc.errors import LiveccError
from livecc.stages.make_prompts.small_replies import TooLargeReplyError

#: A service that asks for a longer wait has exhausted a quota of hours or days, not of seconds.
LONGEST_WAIT_SECONDS = 300.0

_MESSAGE_CHARACTERS = 300
_QUOTA_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
_CLIP_CODES = frozenset(
    {"content_filter", "content_policy_violation", "context_length_exceeded", "invalid_prompt"}
)


class RetryLaterError(Exception):
    """The same request may succeed later.

    `retry_after`: seconds the service asks to wait. `billed`: it may have cost what was reserved.
    `reached`: the service responded.
    """

    def __init__(
        self,
        reason: str,
        *,
        retry_after: float | None = None,
        billed: bool = False,
        reached: bool = True,
    ) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.billed = billed
        self.reached = reached


class ClipRefusedError(Exception):
    """The service refuses to answer for this clip.

    `certain`: the clip itself is the reason, so it never needs to be asked again.
    """

    def __init__(self, reason: str, *, certain: bool) -> None:
        super().__init__(reason)
        self.certain = certain


@dataclass(frozen=True)
class Verdict:
    """Classifies the errors of one service; removes `key` from every message."""

    address: str
    model: str
    key_variable: str | None
    key: str

    def of(self, error: Exception, *, answered: bool) -> Exception:
        """Classify an error of the `openai` package or of reading a reply.

        Returns RetryLaterError, ClipRefusedError, or LiveccError if no request of this job can
        succeed. `answered`: some request with the same settings succeeded, in this job or before.
        """
        import openai

        if isinstance(error, openai.APIStatusError):
            return self._of_status(error, answered)
        # The package's HTTP library is an implementation detail; match its errors by name.
        cause = error.__cause__ or error
        if type(cause).__name__ in ("ConnectError", "ConnectTimeout"):
            return RetryLaterError(self.clean(f"no connection ({cause})"), reached=False)
        if isinstance(cause, TooLargeReplyError):
            return RetryLaterError(self.clean(cause), billed=True)
        if isinstance(error, openai.APITimeoutError | TimeoutError):
            return RetryLaterError("no answer within the time limit", billed=True)
        if isinstance(error, openai.APIConnectionError):
            return RetryLaterError(self.clean(f"cut off ({cause})"), billed=True)
        # RecursionError: JSON that is nested too deeply.
        if isinstance(error, openai.APIError | ValueError | RecursionError):
            return RetryLaterError("the reply is not JSON of a chat completion", billed=True)
        return error

    def _of_status(self, error: Any, answered: bool) -> Exception:
        status, message = error.status_code, self.clean(_said(error))
        said = f"{self.address} said {status}: {message}"
        if status in (401, 403):
            key = f"the key in ${self.key_variable}" if self.key_variable else "no key"
            return LiveccError(f"{said}. It does not accept {key} for model {self.model!r}")
        if status == 404 or status < 400 or _names_unknown_model(error, by_words=not answered):
            return LiveccError(
                f"{said}. Check make_prompts.openai: the model ({self.model!r}; on Azure the "
                "deployment) and the address"
            )
        if status == 429 and (error.code in _QUOTA_CODES or error.type in _QUOTA_CODES):
            return LiveccError(f"{said}. Answers so far are kept; restart when there is quota")
        if status in (408, 409, 425, 429) or status >= 500:
            wait = retry_after(error.response.headers)
            if wait is not None and wait > LONGEST_WAIT_SECONDS:
                return LiveccError(
                    f"{said}. It asks to wait {wait:.0f} s; answers so far are kept, restart then"
                )
            return RetryLaterError(f"{status}: {message}", retry_after=wait)
        refused = f"the service refused the clip ({status}: {message})"
        if status == 413 or error.code in _CLIP_CODES or "context length" in message.lower():
            return ClipRefusedError(refused, certain=True)
        if answered:
            # The options worked for another clip, but may have changed since.
            return ClipRefusedError(refused, certain=False)
        return LiveccError(
            f"{said}. Check make_prompts.openai: response_format, output_limit, temperature and "
            "the model"
        )

    def clean(self, message: object) -> str:
        """On one line, not too long, without the key."""
        text = " ".join(str(message).split())
        if self.key:
            text = text.replace(self.key, "***")
        return text[:_MESSAGE_CHARACTERS] or "no message"


def _said(error: Any) -> str:
    """The service's own message if well-formed; the package adds a prefix to it."""
    said = error.body.get("message") if isinstance(error.body, dict) else None
    return said if isinstance(said, str) else str(error.message)


def _names_unknown_model(error: Any, *, by_words: bool) -> bool:
    """Whether a 400 or 422 means an unknown model, as some services return instead of 404.

    Only the error code is reliable: a message may quote the transcript.
    """
    if error.status_code not in (400, 422):
        return False
    if error.code in ("model_not_found", "invalid_model", "DeploymentNotFound"):
        return True
    text = str(error.message).lower()
    return (
        by_words
        and "model" in text
        and any(
            words in text
            for words in ("not found", "does not exist", "unknown model", "no such model")
        )
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a reply's headers ask to wait: `retry-after-ms`, or `Retry-After` (seconds or
    a date); None if missing or invalid."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after")
    seconds = _number(text)
    if seconds is not None or text is None:
        return seconds
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None
