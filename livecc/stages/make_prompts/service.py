"""Concurrent requests to a service with OpenAI's chat interface.

At most `concurrency` clips are in flight, and no more are read ahead. Rows are yielded as they
complete, and a clip is started only after earlier rows were consumed, so a killed job loses at most
the clips in flight. When the job has to stop (rejected key, `max_cost`, SIGTERM), no new requests
are sent, but results in flight are awaited and yielded first.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Iterator
from dataclasses import fields
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from livecc.declaration import Setup
from livecc.errors import LiveccError
from livecc.models.addresses import is_this_machine
from livecc.scores.job import Item, Row
from livecc.stages.make_prompts.answers import ANSWER_SCHEMA
from livecc.stages.make_prompts.dialogue import Dialogue, Message, Reply
from livecc.stages.make_prompts.pace import Pace
from livecc.stages.make_prompts.service_errors import ClipRefusedError, RetryLaterError, Verdict
from livecc.stages.make_prompts.settings import OPENAI_URL, ChatOptions, Question, Service
from livecc.stages.make_prompts.small_replies import small_replies_client
from livecc.stages.make_prompts.spending import OverBudgetError, Price, Spending

log = logging.getLogger(__name__)

NAME = "openai"
#: Consecutive clips without an answer after all retries before the job stops (service down).
MOST_UNANSWERED = 10
#: Seconds to wait for requests in flight after SIGTERM or SIGINT. Slurm allows 30 s between SIGTERM
#: and SIGKILL.
GRACE_SECONDS = 10.0
# Upper bounds of random waits in seconds: doubled with every attempt up to the longest.
_FIRST_BACKOFF, _LONGEST_BACKOFF = 0.5, 60.0
_CONNECT_SECONDS = 10.0
# Allowance for tokens that a service adds to a message: roles, and the schema of the answer.
_HIDDEN_TOKENS = 256


class _StoppedError(Exception):
    """The job is stopping; the request was not sent."""


class ServiceEngine:
    """See `livecc.scores.job.Engine`; for one pass over a shard."""

    local: ClassVar[bool] = False
    paid: ClassVar[bool] = True

    @classmethod
    def load(cls, setup: Setup, spending: Spending) -> Self:
        settings, service = setup.options["settings"], dict(setup.options["service"])
        chat = ChatOptions(**{field.name: settings[field.name] for field in fields(ChatOptions)})
        tries = service.pop("tries")
        return cls(Question.of(settings), chat, Service(**service), tries, spending)

    def __init__(
        self, question: Question, chat: ChatOptions, service: Service, tries: int, money: Spending
    ) -> None:
        """Raises LiveccError when the key is missing from the environment."""
        self.question = question
        self.chat = chat
        self.service = service
        self.tries = tries
        self.spending = money
        self.price = Price(service.input_price, service.output_price)
        key = _key(service.key_variable)
        self._key = key
        self._verdict = Verdict(service.address, chat.model, service.key_variable, key)
        self._stopping = asyncio.Event()
        self._settled = asyncio.Event()
        self._pace = Pace(service.requests_per_minute, self._sleep)
        self._under_way = 0
        self._reached = False
        self._answered = money.answered()
        self._unanswered = 0

    def __call__(self, items: Iterator[Item[str]]) -> Iterator[list[tuple[str, Row]]]:
        tasks: set[asyncio.Task[tuple[str, Row]]] = set()
        stop: BaseException | None = None
        deadline: float | None = None
        self._loop = asyncio.new_event_loop()
        self._client = self._loop.run_until_complete(self._connect())
        try:
            while True:
                try:
                    while stop is None and len(tasks) < self.service.concurrency:
                        item = next(items, None)
                        if item is None:
                            break
                        tasks.add(self._loop.create_task(self._ask(item)))
                except Exception as broken_input:
                    # Requests in flight are paid for.
                    stop = broken_input
                    self._stopping.set()
                if not tasks:
                    break
                try:
                    done = self._loop.run_until_complete(_first(tasks, deadline))
                except (KeyboardInterrupt, SystemExit) as signal:
                    if stop is None:
                        log.warning("stopping: waiting for %d requests in flight", len(tasks))
                    stop, deadline = signal, self._loop.time() + GRACE_SECONDS
                    self._stopping.set()
                    continue
                if not done:
                    break
                tasks -= done
                rows = []
                for task in done:
                    error = task.exception()
                    if error is None:
                        rows.append(task.result())
                    elif not isinstance(error, _StoppedError):
                        stop = stop or error
                        self._stopping.set()
                if rows:
                    yield rows
            if stop is not None:
                raise stop
        finally:
            self._loop.run_until_complete(self._end())
            self._loop.close()

    async def _connect(self) -> Any:
        import openai

        # No redirects: they could send the transcript, or even the key, elsewhere. So could a proxy
        # what goes to this machine over plain http.
        address = urlsplit(self.service.address)
        here = address.scheme == "http" and is_this_machine(address.hostname or "")
        http = small_replies_client(follow_redirects=False, trust_env=not here)
        seconds = self.service.timeout_seconds
        # Retries are handled here, so that each request is paced, counted and paid for.
        common: dict[str, Any] = {
            "api_key": self._key or "none",
            "max_retries": 0,
            "timeout": openai.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS)),
            "http_client": http,
        }
        if self.service.azure_endpoint:
            return openai.AsyncAzureOpenAI(
                azure_endpoint=self.service.azure_endpoint,
                api_version=self.service.azure_api_version,
                **common,
            )
        # Always passed explicitly: the package would otherwise read the environment.
        return openai.AsyncOpenAI(base_url=self.service.base_url or OPENAI_URL, **common)

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        # Retrieve their errors, so that asyncio does not log them.
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.close()

    async def _ask(self, item: Item[str]) -> tuple[str, Row]:
        """The row of one clip. Raises LiveccError when the job has to stop."""
        dialogue = Dialogue(self.question, item.payload, NAME, self.tries)
        row: Row | None = None
        while row is None:
            try:
                reply = await self._reply(dialogue.messages)
            except ClipRefusedError as error:
                if not error.certain:
                    self._note_unanswered(error)
                return item.id, dialogue.fail(str(error), transient=not error.certain)
            except RetryLaterError as error:
                self._note_unanswered(error)
                reason = f"no answer from {self.service.address}: {error}"
                return item.id, dialogue.fail(reason, transient=True)
            row = dialogue.receive(reply)
        return item.id, row

    def _note_unanswered(self, error: Exception) -> None:
        self._unanswered += 1
        if not self._reached:
            raise LiveccError(
                f"{self.service.address} cannot be reached: {error}. Check the address in "
                "make_prompts.openai and the network of this machine"
            )
        # Several may fail at once; each message names the same bound.
        if self._unanswered >= MOST_UNANSWERED:
            raise LiveccError(
                f"{self.service.address} gave no answer for {MOST_UNANSWERED} clips in a row; last "
                f"error: {error}. Answers so far are kept; restart when it works"
            )

    async def _reply(self, messages: list[Message]) -> Reply:
        """The reply to `messages`, after at most `retries` retries.

        Raises RetryLaterError when all attempts failed.
        """
        import tenacity

        backoff = tenacity.wait_random_exponential(multiplier=_FIRST_BACKOFF, max=_LONGEST_BACKOFF)

        def wait(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.retry_after if isinstance(error, RetryLaterError) else None
            return (asked or 0.0) + backoff(state)

        attempts = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(RetryLaterError),
            stop=tenacity.stop_after_attempt(self.service.retries + 1),
            wait=wait,
            sleep=self._sleep,
            before_sleep=_log_retry,
            reraise=True,
        )
        reply: Reply = await attempts(self._request, messages)
        return reply

    async def _request(self, messages: list[Message]) -> Reply:
        """One request."""
        await self._pace.turn()
        reserved = self._highest_cost(messages)
        number = await self._reserve(reserved)
        self._under_way += 1
        try:
            # The client's timeout applies to each chunk; a slow stream would never time out.
            async with asyncio.timeout(self.service.timeout_seconds):
                completion = await self._client.chat.completions.create(**self._body(messages))
            reply = _read(completion)
        except Exception as error:
            meaning = self._verdict.of(error, answered=self._answered)
            later = meaning if isinstance(meaning, RetryLaterError) else None
            self._reached = self._reached or later is None or later.reached
            if later and later.retry_after:
                self._pace.pause(later.retry_after)
            billed = later is not None and later.billed
            self._settle(number, reserved if billed else 0.0, Reply(None))
            if meaning is error:
                raise
            raise meaning from None
        finally:
            self._under_way -= 1
        self._reached = self._answered = True
        self._unanswered = 0
        self._settle(number, self._cost(reply, reserved), reply)
        return reply

    def _body(self, messages: list[Message]) -> dict[str, Any]:
        model = self.chat.model
        if self.service.azure_endpoint:
            model = self.service.azure_deployment or model
        body: dict[str, Any] = {
            "model": model,
            "messages": messages,
            self.service.output_limit: self.chat.max_output_tokens,
        }
        if self.chat.temperature is not None:
            body["temperature"] = self.chat.temperature
        if self.chat.response_format == "json_object":
            body["response_format"] = {"type": "json_object"}
        elif self.chat.response_format == "json_schema":
            schema = {"name": "query", "strict": True, "schema": ANSWER_SCHEMA}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body

    # --- money -----------------------------------------------------------------------------------

    def _highest_cost(self, messages: list[Message]) -> float:
        """Upper bound of a request's cost: a token is at least one byte."""
        size = sum(len(message["content"].encode()) + _HIDDEN_TOKENS for message in messages)
        return self.price.cost(size, self.chat.max_output_tokens)

    def _cost(self, reply: Reply, reserved: float) -> float:
        if reply.input_tokens is None or reply.output_tokens is None:
            return reserved
        return self.price.cost(reply.input_tokens, reply.output_tokens)

    async def _reserve(self, cost: float) -> int:
        """Reserve the maximum cost; if needed, wait for requests in flight to settle for less.

        Raises LiveccError when the budget does not suffice.
        """
        while True:
            if self._stopping.is_set():
                raise _StoppedError
            try:
                return self.spending.reserve(cost)
            except OverBudgetError:
                if self._under_way == 0:
                    raise LiveccError(
                        f"max_cost {self.service.max_cost:g} may be exceeded by the next request: "
                        f"{self.spending.spent():.4f} is spent with these settings, over all runs "
                        f"and shards, and it may cost {cost:.4f}. Answers so far are kept; raise "
                        "make_prompts.openai.max_cost to continue"
                    ) from None
            self._settled.clear()
            await self._settled.wait()

    def _settle(self, number: int, cost: float, reply: Reply) -> None:
        self.spending.settle(number, cost, reply.input_tokens or 0, reply.output_tokens or 0)
        self._settled.set()

    async def _sleep(self, seconds: float) -> None:
        """Sleep. Raises _StoppedError as soon as the job is stopping."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
            raise _StoppedError


def _key(variable: str | None) -> str:
    if variable is None:
        return ""
    key = os.environ.get(variable, "").strip()
    if not key:
        raise LiveccError(
            f"the environment variable {variable} is not set: it must contain the service's key "
            "(make_prompts.openai.key_variable; null for a service without keys)"
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise LiveccError(
            f"the environment variable {variable} is not a valid key: it contains blanks or "
            "special characters"
        )
    return key


async def _first(
    tasks: set[asyncio.Task[tuple[str, Row]]], deadline: float | None
) -> set[asyncio.Task[tuple[str, Row]]]:
    """The finished tasks, as soon as there is one; none if the deadline comes first."""
    left = None if deadline is None else max(0.0, deadline - asyncio.get_running_loop().time())
    done, _ = await asyncio.wait(tasks, timeout=left, return_when=asyncio.FIRST_COMPLETED)
    return done


def _read(completion: Any) -> Reply:
    """Parse a reply. Raises ValueError if it is not a chat completion, as some services return."""
    choices = getattr(completion, "choices", None)
    if not isinstance(choices, list) or not choices:
        raise ValueError("no chat completion")
    message = getattr(choices[0], "message", None)
    if message is None:
        raise ValueError("no chat completion")
    usage = getattr(completion, "usage", None)
    counts = {
        "input_tokens": _count(getattr(usage, "prompt_tokens", None)),
        "output_tokens": _count(getattr(usage, "completion_tokens", None)),
    }
    problem = None
    if choices[0].finish_reason == "length":
        problem = "it was cut off at max_output_tokens"
    elif choices[0].finish_reason == "content_filter":
        problem = "the service's content filter cut it off"
    elif getattr(message, "refusal", None):
        problem = "the model refused to answer"
    content = getattr(message, "content", None)
    return Reply(content if isinstance(content, str) else None, problem, **counts)


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < 2**31 else None


def _log_retry(state: Any) -> None:
    log.debug(
        "asking again in %.1f s, try %d: %s",
        *(state.next_action.sleep, state.attempt_number, state.outcome.exception()),
    )
