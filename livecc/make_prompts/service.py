"""Asks a service with OpenAI's chat interface about clips, many at a time.

At most `concurrency` clips are under way, and no more are read ahead. Rows are handed out as they
come, and a clip is begun only when those before it were taken: so a job that is killed loses at
most the clips under way. When the job has to stop (a key that is not accepted, `max_cost`, SIGTERM)
no request is sent any more, but what is under way is waited for and handed out first.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Iterator
from typing import Any

from livecc.errors import LiveccError
from livecc.make_prompts.answers import ANSWER_SCHEMA
from livecc.make_prompts.dialogue import Dialogue, Message, Reply
from livecc.make_prompts.pace import Pace
from livecc.make_prompts.service_errors import ClipRefusedError, RetryLaterError, Verdict
from livecc.make_prompts.settings import OPENAI_URL, ChatOptions, Question, Service
from livecc.make_prompts.spending import OverBudgetError, Price, Spending
from livecc.scoring import Item, Row

log = logging.getLogger(__name__)

NAME = "openai"
#: Clips in a row that got no answer, after all retries, before the job stops: the service is down.
MOST_UNANSWERED = 10
#: How long a job that was told to end (SIGTERM, SIGINT) waits for requests under way. Slurm gives
#: 30 s between SIGTERM and SIGKILL.
GRACE_SECONDS = 10.0
# Random waits up to these many seconds: doubled with every try up to the longest.
_FIRST_BACKOFF, _LONGEST_BACKOFF = 0.5, 60.0
_CONNECT_SECONDS = 10.0
# What a service may add to a message's own tokens: its roles, and the schema of the answer.
_HIDDEN_TOKENS = 256


class _StoppedError(Exception):
    """The job is stopping; the request was not sent."""


class ServiceEngine:
    """See `livecc.scoring.Engine`; for one pass over a shard."""

    def __init__(
        self, question: Question, chat: ChatOptions, service: Service, tries: int, money: Spending
    ) -> None:
        """Raises LiveccError when the key is not in the environment."""
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
                    # What is under way is paid for.
                    stop = broken_input
                    self._stopping.set()
                if not tasks:
                    break
                try:
                    done = self._loop.run_until_complete(_first(tasks, deadline))
                except (KeyboardInterrupt, SystemExit) as signal:
                    if stop is None:
                        log.warning("told to end: waiting for %d requests under way", len(tasks))
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

        # A redirected request would carry the transcript, and maybe the key, to another place.
        http = openai.DefaultAsyncHttpxClient(follow_redirects=False)
        seconds = self.service.timeout_seconds
        # Retries are made here, so that each request is paced, counted and paid for.
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
        # Never left to the package: it would look into the environment.
        return openai.AsyncOpenAI(base_url=self.service.base_url or OPENAI_URL, **common)

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        # Their errors are taken, so that asyncio does not log them.
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.close()

    async def _ask(self, item: Item[str]) -> tuple[str, Row]:
        """One clip to its row. Raises LiveccError when the job has to stop."""
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
        # Several may fail at the same moment; whichever is reported tells of the same bound.
        if self._unanswered >= MOST_UNANSWERED:
            raise LiveccError(
                f"{self.service.address} gave no answer for {MOST_UNANSWERED} clips in a row, the "
                f"last time: {error}. Answers so far are kept; start again when it works"
            )

    async def _reply(self, messages: list[Message]) -> Reply:
        """What came back for `messages`, after as many tries as `retries` allows.

        Raises RetryLaterError when they did not suffice.
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
            # The client's own limit is for each piece of a reply; a trickle would never end.
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
        """The most that a request can cost: a token is at least one byte."""
        size = sum(len(message["content"].encode()) + _HIDDEN_TOKENS for message in messages)
        return self.price.cost(size, self.chat.max_output_tokens)

    def _cost(self, reply: Reply, reserved: float) -> float:
        if reply.input_tokens is None or reply.output_tokens is None:
            return reserved
        return self.price.cost(reply.input_tokens, reply.output_tokens)

    async def _reserve(self, cost: float) -> int:
        """Put money aside, when it must be that of requests under way that cost less than feared.

        Raises LiveccError when there is not enough.
        """
        while True:
            if self._stopping.is_set():
                raise _StoppedError
            try:
                return self.spending.reserve(cost)
            except OverBudgetError:
                if self._under_way == 0:
                    raise LiveccError(
                        f"max_cost {self.service.max_cost:g} may be passed by the next request: "
                        f"{self.spending.spent():.4f} is spent with these settings, by all runs "
                        f"and shards together, and it may cost {cost:.4f}. Answers so far are "
                        "kept; raise make_prompts.openai.max_cost to go on"
                    ) from None
            self._settled.clear()
            await self._settled.wait()

    def _settle(self, number: int, cost: float, reply: Reply) -> None:
        self.spending.settle(number, cost, reply.input_tokens or 0, reply.output_tokens or 0)
        self._settled.set()

    async def _sleep(self, seconds: float) -> None:
        """Wait. Raises _StoppedError as soon as the job is stopping."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
            raise _StoppedError


def _key(variable: str | None) -> str:
    if variable is None:
        return ""
    key = os.environ.get(variable, "").strip()
    if not key:
        raise LiveccError(
            f"the environment variable {variable} is not set: it must hold the key of the service "
            "(make_prompts.openai.key_variable; null for a service without keys)"
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise LiveccError(
            f"the environment variable {variable} holds no key: there are blanks or special "
            "characters in it"
        )
    return key


async def _first(
    tasks: set[asyncio.Task[tuple[str, Row]]], deadline: float | None
) -> set[asyncio.Task[tuple[str, Row]]]:
    """Those that are done, as soon as one is; none when the deadline comes first."""
    left = None if deadline is None else max(0.0, deadline - asyncio.get_running_loop().time())
    done, _ = await asyncio.wait(tasks, timeout=left, return_when=asyncio.FIRST_COMPLETED)
    return done


def _read(completion: Any) -> Reply:
    """Raises ValueError for what is no chat completion; services are not always what they say."""
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
