"""The engine `openai` against a real HTTP server: what it asks, retries, keeps and pays."""

from __future__ import annotations

import email.utils
import gzip
import json
import logging
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from livecc.errors import LiveccError
from livecc.stages.make_prompts import service, service_errors
from tests.stages.make_prompts.chat_server import (
    GENERIC,
    KEY,
    ChatServer,
    Reply,
    Request,
    completion,
    error,
    no,
    yes,
)
from tests.stages.make_prompts.prompt_shards import VARIABLE, Shard, text_of

Pointing = Callable[..., dict[str, Any]]


@pytest.fixture
def shard(tmp_path: Path) -> Shard:
    return Shard(tmp_path, [text_of(n) for n in range(6)])


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between retries of milliseconds."""
    monkeypatch.setattr(service, "_FIRST_BACKOFF", 0.01)


def statuses(rows: list[dict[str, Any]]) -> list[str]:
    return [row["status"] for row in rows]


# --- answers -----------------------------------------------------------------------------------


def test_every_clip_is_asked_about_once(
    server: ChatServer, pointing: Pointing, shard: Shard
) -> None:
    server.answer = lambda request, _n: no() if request.clip == "clip-2" else yes()
    rows = shard.run(pointing())
    assert statuses(rows) == ["ok"] * 6
    assert [row["answer"] for row in rows] == ["YES", "YES", "NO", "YES", "YES", "YES"]
    assert [row["query"] for row in rows] == [GENERIC, GENERIC, "", GENERIC, GENERIC, GENERIC]
    assert {row["engine"] for row in rows} == {"openai"}
    assert {(row["input_tokens"], row["output_tokens"]) for row in rows} == {(100, 10)}
    assert server.per_clip() == {f"clip-{n}": 1 for n in range(6)}
    assert server.most_at_once <= 4
    details = shard.stats()["details"]
    assert (details["requests"], details["input_tokens"], details["output_tokens"]) == (6, 600, 60)


def test_request_holds_model_prompt_key_and_format(
    server: ChatServer, pointing: Pointing, shard: Shard
) -> None:
    shard.run(pointing(temperature=0.5, max_output_tokens=99))
    request = next(request for request in server.requests if request.clip == "clip-0")
    assert request.path == "/v1/chat/completions"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    body = request.body
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("test-model", 0.5, 99)
    assert body["response_format"]["json_schema"]["schema"]["required"] == ["result", "query"]
    (message,) = body["messages"]
    assert message["role"] == "user"
    assert f'"{text_of(0)}"' in message["content"]
    assert "\n4. The text holds no garbled characters." in message["content"]


def test_what_is_not_set_is_not_sent(server: ChatServer, pointing: Pointing, shard: Shard) -> None:
    shard.run(pointing(response_format="text", output_limit="max_completion_tokens"))
    body = server.requests[0].body
    assert sorted(body) == ["max_completion_tokens", "messages", "model"]


def test_azure(server: ChatServer, pointing: Pointing, shard: Shard) -> None:
    azure = {"base_url": None, "azure_endpoint": server.address, "azure_deployment": "my-gpt"}
    rows = shard.run(pointing(**azure))
    assert statuses(rows) == ["ok"] * 6
    request = server.requests[0]
    assert request.path == "/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21"
    assert request.headers["api-key"] == KEY
    assert "authorization" not in request.headers


def test_service_without_keys(
    server: ChatServer, pointing: Pointing, shard: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "not-for-this-service")
    assert statuses(shard.run(pointing(key_variable=None))) == ["ok"] * 6
    assert "not-for-this-service" not in str([request.headers for request in server.requests])


def test_proxy_is_not_asked_about_this_machine(
    server: ChatServer, pointing: Pointing, shard: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_PROXY")
    with ChatServer().running() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.address)
        assert statuses(shard.run(pointing())) == ["ok"] * 6
        assert (server.count(), proxy.count()) == (6, 0)


def compressed(encoding: str, n_bytes: int) -> Reply:
    pack = {"gzip": gzip.compress, "zstd": zstandard.ZstdCompressor().compress}[encoding]
    return Reply(body=pack(b" " * n_bytes), headers={"Content-Encoding": encoding})


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(body=b" " * 5 * 10**6), "larger than 4 MiB"),
        (Reply(status=500, body=b" " * 5 * 10**6), "larger than 4 MiB"),
        (compressed("gzip", 20 * 10**6), "larger than 4 MiB"),
        (compressed("zstd", 20 * 10**6), "an encoding that was not asked for, 'zstd'"),
    ],
)
def test_reply_of_any_size(
    server: ChatServer, pointing: Pointing, shard: Shard, reply: Reply, reason: str
) -> None:
    server.answer = lambda request, _n: reply if request.clip == "clip-2" else yes()
    rows = shard.run(pointing(retries=1))
    assert statuses(rows) == ["ok", "ok", "failed", "ok", "ok", "ok"]
    assert reason in rows[2]["reason"]


def test_compressed_reply_is_read(server: ChatServer, pointing: Pointing, shard: Shard) -> None:
    data = gzip.compress(json.dumps(yes().body).encode())
    server.answer = lambda _request, _n: Reply(body=data, headers={"Content-Encoding": "gzip"})
    assert statuses(shard.run(pointing())) == ["ok"] * 6


@pytest.mark.usefixtures("quick")
def test_reply_that_is_nested_too_deeply(
    server: ChatServer, pointing: Pointing, shard: Shard
) -> None:
    deep = Reply(body=b'{"choices":' + b"[" * 200_000)
    server.answer = lambda request, _n: deep if request.clip == "clip-2" else yes()
    rows = shard.run(pointing(retries=1))
    assert statuses(rows) == ["ok", "ok", "failed", "ok", "ok", "ok"]
    assert "the reply is not JSON of a chat completion" in rows[2]["reason"]


def test_fenced_answer_is_read(server: ChatServer, pointing: Pointing, shard: Shard) -> None:
    fenced = f'Sure!\n```json\n{{"result": "YES", "query": "{GENERIC}"}}\n```'
    server.answer = lambda _request, _n: completion(fenced)
    assert {row["query"] for row in shard.run(pointing())} == {GENERIC}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (completion('{"result": "YES", "query": "Comm'), "not a JSON object"),
        (completion({"result": "MAYBE", "query": ""}), "neither"),
        (completion({"query": "Comment, please."}), "neither"),
        (completion({"result": "YES"}), '"query" is no text'),
        (completion({"result": "YES", "query": 3}), '"query" is no text'),
        (completion({"result": "YES", "query": " ... "}), "holds no word"),
        (completion({"result": "YES", "query": "word " * 900}), "longer than"),
        (completion(["YES"]), "not a JSON object"),
        (completion(""), "not a JSON object"),
        (completion(None), "empty"),
        (completion(None, message={"refusal": "I cannot"}), "refused"),
        (completion('{"result": "N', finish_reason="length"), "cut off"),
        (completion(None, finish_reason="content_filter"), "content filter"),
    ],
)
def test_unusable_answer_is_asked_again_and_then_fails(
    server: ChatServer, pointing: Pointing, shard: Shard, bad: Reply, reason: str
) -> None:
    def answer(request: Request, n: int) -> Reply:
        if request.clip == "clip-1":
            return bad
        if request.clip == "clip-3" and n == 0:
            return bad
        return yes()

    server.answer = answer
    rows = shard.run(pointing(tries=3))
    assert statuses(rows) == ["ok", "failed", "ok", "ok", "ok", "ok"]
    assert rows[1]["reason"].startswith("no usable answer in 3 tries; the last one: ")
    assert reason in rows[1]["reason"]
    assert (rows[1]["answer"], rows[1]["query"]) == (None, None)
    assert (rows[1]["input_tokens"], rows[3]["input_tokens"]) == (300, 200)
    once = {f"clip-{n}": 1 for n in range(6)}
    assert server.per_clip() == {**once, "clip-1": 3, "clip-3": 2}


def test_asking_again_says_what_was_wrong(
    server: ChatServer, pointing: Pointing, shard: Shard
) -> None:
    leak = {"result": "YES", "query": f"Say that {' '.join(text_of(0).split()[2:9])}"}
    server.answer = lambda request, n: (
        completion(leak) if request.clip == "clip-0" and n < 2 else yes()
    )
    rows = shard.run(pointing(tries=3))
    assert statuses(rows) == ["ok"] * 6
    last = [request for request in server.requests if request.clip == "clip-0"][-1]
    assert [message["role"] for message in last.body["messages"]] == ["user", "assistant", "user"]
    assert json.loads(last.body["messages"][1]["content"]) == leak
    assert "repeats the transcript" in last.body["messages"][2]["content"]


def test_leak_fails_with_the_words(server: ChatServer, pointing: Pointing, shard: Shard) -> None:
    server.answer = lambda request, _n: (
        yes("Tell: HERE you can, see... how!") if request.clip == "clip-0" else yes()
    )
    rows = shard.run(pointing(tries=2))
    assert statuses(rows) == ["failed"] + ["ok"] * 5
    assert rows[0]["reason"].endswith('"query" repeats the transcript: "here you can see how"')
    assert server.per_clip()["clip-0"] == 2


def test_tokens_that_the_service_does_not_say(
    server: ChatServer, pointing: Pointing, shard: Shard
) -> None:
    answer = {"result": "YES", "query": GENERIC}
    server.answer = lambda _request, _n: completion(answer, tokens=None)
    rows = shard.run(pointing(input_price=1.0, output_price=1.0))
    assert statuses(rows) == ["ok"] * 6
    assert {row["input_tokens"] for row in rows} == {None}
    # The cost is what it may have been at most.
    assert shard.stats()["details"]["cost"] > 6 * 256e-6


# --- once ----------------------------------------------------------------------------------------


def test_second_run_asks_nothing_and_needs_no_key(
    server: ChatServer, pointing: Pointing, shard: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answer = lambda request, _n: completion("?") if request.clip == "clip-1" else yes()
    prices = {"input_price": 2.0, "output_price": 4.0}
    first = shard.run(pointing(**prices))
    table = shard.output.read_bytes()
    asked = server.count()
    assert asked == 5 + 3
    monkeypatch.delenv(VARIABLE)
    # Another address, pace and price, and more tries: the same answers.
    moved = pointing(base_url="http://127.0.0.1:9/v1", concurrency=1, tries=9, input_price=9.0)
    assert shard.run(moved) == first
    assert shard.output.read_bytes() == table
    assert server.count() == asked
    stats = shard.stats()
    assert (stats["found"], stats["scored"]) == (6, 0)
    # What it cost stays known, at the price of the day.
    assert stats["details"]["requests"] == 8
    assert stats["details"]["cost"] == pytest.approx(8 * (100 * 2 + 10 * 4) / 1e6)


@pytest.mark.parametrize(
    "over",
    [
        {"model": "another"},
        {"temperature": 0.0},
        {"prompt": "Say: {transcript} {conditions} clip?"},
        {"conditions": ["It rhymes."]},
        {"leak_words": 4},
        {"response_format": "text"},
    ],
)
def test_what_changes_answers_is_asked_anew(
    server: ChatServer, pointing: Pointing, shard: Shard, over: dict[str, Any]
) -> None:
    shard.run(pointing())
    shard.run(pointing(**over))
    assert server.count() == 12
    shard.run(pointing())
    assert server.count() == 12


def test_equal_texts_are_paid_for_once(
    server: ChatServer, pointing: Pointing, tmp_path: Path
) -> None:
    one = Shard(tmp_path, [text_of(n) for n in (0, 1, 0, 0)])
    rows = one.run(pointing())
    assert statuses(rows) == ["ok"] * 4
    two = Shard(tmp_path, [text_of(n) for n in (1, 2)], name="two")
    two.run(pointing())
    assert server.per_clip() == {"clip-0": 1, "clip-1": 1, "clip-2": 1}


def test_answers_of_other_shards_are_found(
    server: ChatServer, pointing: Pointing, tmp_path: Path
) -> None:
    Shard(tmp_path, [text_of(n) for n in range(5)]).run(pointing())
    Shard(tmp_path, [text_of(n) for n in range(5)], name="two").run(pointing())
    assert server.count() == 5


def test_clip_without_words_is_not_asked_about(
    server: ChatServer, pointing: Pointing, tmp_path: Path
) -> None:
    rows = Shard(tmp_path, ["", text_of(1), "... --"]).run(pointing())
    assert statuses(rows) == ["failed", "ok", "failed"]
    assert rows[0]["reason"] == "the clip has no words"
    assert server.count() == 1


def test_gate_keeps_clips_out(server: ChatServer, pointing: Pointing, shard: Shard) -> None:
    shard.run(pointing(), gate={"words_per_second": {"min": 2}})
    assert server.count() == 0
    assert shard.stats()["items"] == 0


# --- failures that pass ------------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "failure",
    [
        error(500),
        error(503),
        error(429, "slow down"),
        error(408),
        error(409),
        Reply(502, b"<html>bad gateway</html>", {"Content-Type": "text/html"}),
        Reply(200, b'{"choices": [{"mess', {}),
        Reply(200, b"<html>welcome to the hotel's network</html>", {"Content-Type": "text/html"}),
        Reply(200, {"object": "something else"}),
        Reply(200, {"choices": []}),
        Reply(200, {"choices": [None]}),
        Reply(200, {"choices": "none"}),
        Reply(200, []),
        Reply(200, b"x" * 100, cut_at=10),
    ],
)
def test_failure_that_passes_is_retried(
    server: ChatServer, pointing: Pointing, shard: Shard, failure: Reply
) -> None:
    server.answer = lambda _request, n: failure if n < 2 else yes()
    rows = shard.run(pointing())
    assert statuses(rows) == ["ok"] * 6
    assert server.per_clip() == {f"clip-{n}": 3 for n in range(6)}
    # Tokens of the answers; the failures said none.
    assert {row["input_tokens"] for row in rows} == {100}


@pytest.mark.usefixtures("quick")
def test_failure_that_stays_fails_the_clip_until_the_next_run(
    server: ChatServer, pointing: Pointing, shard: Shard
) -> None:
    server.answer = lambda request, _n: error(500, "oops") if request.clip == "clip-4" else yes()
    rows = shard.run(pointing(retries=2))
    assert statuses(rows) == ["ok", "ok", "ok", "ok", "failed", "ok"]
    assert rows[4]["reason"] == f"no answer from {server.address}/v1: 500: oops"
    assert server.per_clip()["clip-4"] == 3
    server.forget()
    server.answer = lambda _request, _n: yes()
    assert statuses(shard.run(pointing())) == ["ok"] * 6
    assert server.per_clip() == {"clip-4": 1}


@pytest.mark.usefixtures("quick")
def test_stalled_request_is_given_up(server: ChatServer, pointing: Pointing, shard: Shard) -> None:
    server.answer = lambda request, n: (
        Reply(body=b"{}", delay=2.0)
        if request.clip == "clip-0" or (request.clip == "clip-1" and n == 0)
        else yes()
    )
    rows = shard.run(pointing(timeout_seconds=0.3, retries=1))
    assert statuses(rows) == ["failed"] + ["ok"] * 5
    assert "no answer within the time limit" in rows[0]["reason"]
    assert server.per_clip()["clip-0"] == 2
    assert server.per_clip()["clip-1"] == 2


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("form", ["seconds", "milliseconds", "date"])
def test_retry_after_is_honoured_by_all_requests(
    server: ChatServer, pointing: Pointing, shard: Shard, form: str
) -> None:
    asked: list[float] = []

    def answer(_request: Request, _n: int) -> Reply:
        if asked:
            return yes()
        asked.append(time.time())
        if form == "seconds":
            return error(429, retry_after="1")
        if form == "milliseconds":
            return error(429, retry_after_ms="800", retry_after="60")
        return error(429, retry_after=email.utils.formatdate(time.time() + 2, usegmt=True))

    server.answer = answer
    assert statuses(shard.run(pointing(concurrency=1))) == ["ok"] * 6
    waited = server.requests[1].time - server.requests[0].time
    # A date has whole seconds.
    assert waited >= {"seconds": 1.0, "milliseconds": 0.8, "date": 0.9}[form]
    assert server.count() == 7


def test_requests_a_minute(server: ChatServer, pointing: Pointing, shard: Shard) -> None:
    shard.run(pointing(requests_per_minute=600))
    times = sorted(request.time for request in server.requests)
    # Six requests are five pauses of 0.1 s; the first may be late, no pause shorter.
    assert times[-1] - times[0] >= 0.4


def test_concurrency_is_used_and_bounded(
    server: ChatServer, pointing: Pointing, tmp_path: Path
) -> None:
    together = threading.Barrier(8)

    def answer(_request: Request, _n: int) -> Reply:
        # Nobody is answered before eight are asked about.
        together.wait(timeout=30)
        return yes()

    server.answer = answer
    shard = Shard(tmp_path, [text_of(n) for n in range(40)])
    assert statuses(shard.run(pointing(concurrency=8))) == ["ok"] * 40
    assert server.most_at_once == 8


# --- failures that do not ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (error(401, f"Incorrect API key provided: {KEY}"), ["401", f"${VARIABLE}", "***"]),
        (error(403, "not in your country"), ["403", "not in your country", "test-model"]),
        (error(404, "no such route"), ["404", "no such route", "address"]),
        (
            error(400, "The model `test-model` does not exist", "model_not_found"),
            ["400", "does not exist", "'test-model'"],
        ),
        (error(400, "Unknown parameter: response_format"), ["400", "response_format", "Check"]),
        (error(422, "bad field"), ["422", "bad field"]),
        (error(429, "You exceeded your quota", "insufficient_quota"), ["quota", "kept"]),
        (error(429, "daily limit", retry_after="7200"), ["daily limit", "7200 s"]),
        (Reply(302, {}, {"Location": "https://elsewhere.example/"}), ["302"]),
    ],
)
def test_failure_that_cannot_pass_stops_the_job(
    server: ChatServer, pointing: Pointing, shard: Shard, failure: Reply, words: list[str]
) -> None:
    server.answer = lambda _request, _n: failure
    with pytest.raises(LiveccError) as raised:
        shard.run(pointing())
    message = str(raised.value)
    assert [word for word in words if word not in message] == []
    assert KEY not in message
    assert "\n" not in message
    # Those under way at that moment, and no more.
    assert server.count() <= 4
    assert not shard.output.exists()


def test_answers_before_a_stop_are_kept(
    server: ChatServer, pointing: Pointing, tmp_path: Path
) -> None:
    shard = Shard(tmp_path, [text_of(n) for n in range(20)])

    def answer(request: Request, _n: int) -> Reply:
        if request.clip == "clip-8":
            return error(401, "key revoked")
        reply = yes()
        reply.delay = 0.2 if request.clip in ("clip-7", "clip-9") else 0.0
        return reply

    server.answer = answer
    with pytest.raises(LiveccError, match="key revoked"):
        shard.run(pointing())
    answered = set(server.per_clip()) - {"clip-8"}
    assert {f"clip-{n}" for n in range(8)} <= answered
    server.forget()
    server.answer = lambda _request, _n: yes()
    assert statuses(shard.run(pointing())) == ["ok"] * 20
    assert set(server.per_clip()) == {f"clip-{n}" for n in range(20)} - answered


@pytest.mark.parametrize(
    "refusal",
    [
        error(400, "filtered", "content_filter"),
        error(400, "This model's maximum context length is 10 tokens"),
        error(413, "too large"),
    ],
)
def test_clip_that_the_service_refuses_costs_itself_only(
    server: ChatServer, pointing: Pointing, shard: Shard, refusal: Reply
) -> None:
    server.answer = lambda request, _n: refusal if request.clip == "clip-0" else yes()
    rows = shard.run(pointing())
    assert statuses(rows) == ["failed"] + ["ok"] * 5
    assert rows[0]["reason"].startswith("the service refused the clip (4")
    assert server.per_clip()["clip-0"] == 1


def test_bad_request_after_good_ones_costs_itself_only(
    server: ChatServer, pointing: Pointing, shard: Shard
) -> None:
    server.answer = lambda request, _n: error(400, "odd") if request.clip == "clip-5" else yes()
    rows = shard.run(pointing(concurrency=1))
    assert statuses(rows) == ["ok"] * 5 + ["failed"]
    assert rows[5]["reason"] == "the service refused the clip (400: odd)"
    # Maybe it was not the clip: it is asked about again, and does not stop a job of its own.
    assert statuses(shard.run(pointing())) == ["ok"] * 5 + ["failed"]
    server.answer = lambda _request, _n: yes()
    assert statuses(shard.run(pointing())) == ["ok"] * 6


def test_option_that_stops_working_stops_the_job(
    server: ChatServer, pointing: Pointing, tmp_path: Path
) -> None:
    shard = Shard(tmp_path, [text_of(n) for n in range(40)])
    server.answer = lambda request, _n: (
        yes() if int(request.clip.split("-")[1]) < 5 else error(400, "unknown parameter")
    )
    with pytest.raises(LiveccError, match=r"10 clips in a row.*unknown parameter"):
        shard.run(pointing())
    server.answer = lambda _request, _n: yes()
    assert statuses(shard.run(pointing())) == ["ok"] * 40


@pytest.mark.usefixtures("quick")
def test_service_that_is_not_there(pointing: Pointing, shard: Shard) -> None:
    with pytest.raises(LiveccError, match=r"127\.0\.0\.1:9/v1 cannot be reached"):
        shard.run(pointing(base_url="http://127.0.0.1:9/v1", retries=1))


@pytest.mark.usefixtures("quick")
def test_service_that_goes_down_stops_the_job(
    server: ChatServer, pointing: Pointing, tmp_path: Path
) -> None:
    shard = Shard(tmp_path, [text_of(n) for n in range(60)])
    server.answer = lambda request, _n: (
        yes() if int(request.clip.split("-")[1]) < 5 else error(503, "maintenance")
    )
    with pytest.raises(LiveccError, match=r"10 clips in a row.*maintenance"):
        shard.run(pointing(retries=1, concurrency=2))
    assert server.count() < 40


@pytest.mark.parametrize("value", [None, "", "  "])
def test_missing_key(
    server: ChatServer,
    pointing: Pointing,
    shard: Shard,
    monkeypatch: pytest.MonkeyPatch,
    value: str | None,
) -> None:
    monkeypatch.delenv(VARIABLE)
    if value is not None:
        monkeypatch.setenv(VARIABLE, value)
    with pytest.raises(LiveccError, match=f"{VARIABLE} is not set"):
        shard.run(pointing())
    assert server.count() == 0


def test_key_with_odd_characters_is_not_shown(
    pointing: Pointing, shard: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "sk-secret\nsk-other")
    with pytest.raises(LiveccError, match="is not a valid key") as raised:
        shard.run(pointing())
    assert "secret" not in str(raised.value)


def test_line_end_after_the_key_is_no_part_of_it(
    server: ChatServer, pointing: Pointing, shard: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, f"{KEY}\n")
    shard.run(pointing())
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


# --- money ---------------------------------------------------------------------------------------

PRICES = {"input_price": 10.0, "output_price": 100.0}
COST = (100 * 10 + 10 * 100) / 1e6  # of one answer of the test server


def test_max_cost_stops_before_it_is_passed(
    server: ChatServer, pointing: Pointing, tmp_path: Path
) -> None:
    shard = Shard(tmp_path, [text_of(n) for n in range(60)])
    bound = 30 * COST + 0.04
    values = pointing(**PRICES, max_cost=bound, max_output_tokens=100)
    with pytest.raises(LiveccError, match=r"max_cost 0\.1 may be exceeded .*raise") as raised:
        shard.run(values)
    paid = server.count()
    assert paid * COST <= bound
    # The next one might have passed it: a token is a byte at least, an answer 100 tokens at most.
    assert paid * COST > bound - 0.04
    assert f"{paid * COST:.4f} is spent" in str(raised.value)
    assert not shard.output.exists()
    # Nothing is asked as long as the bound stays, and nothing twice when it is raised.
    with pytest.raises(LiveccError, match="max_cost"):
        shard.run(values)
    assert server.count() == paid
    rows = shard.run(pointing(**PRICES, max_cost=1.0, max_output_tokens=100))
    assert statuses(rows) == ["ok"] * 60
    assert server.per_clip() == {f"clip-{n}": 1 for n in range(60)}
    assert shard.stats()["details"]["cost"] == pytest.approx(60 * COST)


def test_max_cost_holds_over_shards_and_jobs_at_the_same_time(
    server: ChatServer, pointing: Pointing, tmp_path: Path
) -> None:
    def answer(_request: Request, _n: int) -> Reply:
        reply = yes()
        reply.delay = 0.02
        return reply

    server.answer = answer
    shards = [
        Shard(tmp_path, [text_of(100 * i + n) for n in range(60)], name=f"s{i}") for i in range(3)
    ]
    # Each shard alone has more to ask than may be paid for, whichever job comes first.
    bound = 50 * COST
    values = pointing(**PRICES, max_cost=bound, max_output_tokens=64)
    jobs = [shard.start(values) for shard in shards]
    outputs = [job.communicate(timeout=120) for job in jobs]
    assert [job.returncode for job in jobs] == [1, 1, 1], outputs
    assert all("max_cost" in stderr for _, stderr in outputs)
    assert 50 * COST - 0.1 < server.count() * COST <= bound


@pytest.mark.usefixtures("quick")
def test_requests_without_an_answer_count_as_paid(
    server: ChatServer, pointing: Pointing, shard: Shard
) -> None:
    server.answer = lambda request, _n: (
        Reply(body=b"{}", delay=1.0) if request.clip == "clip-0" else yes()
    )
    shard.run(pointing(**PRICES, timeout_seconds=0.2, retries=0))
    details = shard.stats()["details"]
    assert details["requests"] == 6
    assert details["cost"] > 5 * COST + 0.005


@pytest.mark.usefixtures("quick")
def test_requests_that_were_turned_away_cost_nothing(
    server: ChatServer, pointing: Pointing, shard: Shard
) -> None:
    server.answer = lambda _request, n: error(429) if n == 0 else yes()
    shard.run(pointing(**PRICES))
    assert shard.stats()["details"]["cost"] == pytest.approx(6 * COST)
    assert shard.stats()["details"]["requests"] == 12


# --- the command -------------------------------------------------------------------------------


def slow(request: Request, _n: int) -> Reply:
    """The later the clip, the longer it takes, so that answers come one after the other."""
    reply = yes()
    reply.delay = 0.05 + 0.01 * (int(request.clip.split("-")[1]) % 4)
    return reply


def wait_for_answers(server: ChatServer, count: int) -> None:
    limit = time.monotonic() + 60
    while server.answered < count:
        assert time.monotonic() < limit, "the job asks nothing"
        time.sleep(0.01)


def test_killed_job_pays_again_for_what_was_under_way_at_most(
    server: ChatServer, pointing: Pointing, tmp_path: Path
) -> None:
    server.answer = slow
    shard = Shard(tmp_path, [text_of(n) for n in range(60)])
    values = pointing(concurrency=4, **PRICES)
    for kill in (10, 25, 40):
        job = shard.start(values)
        wait_for_answers(server, kill)
        job.kill()
        job.communicate(timeout=60)
        assert job.returncode == -signal.SIGKILL
        assert not shard.output.exists()
    job = shard.start(values)
    _, log = job.communicate(timeout=120)
    assert job.returncode == 0, log
    assert statuses(shard.rows()) == ["ok"] * 60
    per_clip = server.per_clip()
    assert set(per_clip) == {f"clip-{n}" for n in range(60)}
    assert sum(per_clip.values()) <= 60 + 3 * 4
    # The same bytes as without a kill.
    table = shard.output.read_bytes()
    fresh = Shard(tmp_path / "fresh", [text_of(n) for n in range(60)])
    fresh.run(values)
    assert fresh.output.read_bytes() == table
    # What was spent is known, and what was under way is counted at its highest.
    details = shard.stats()["details"]
    assert details["requests"] >= sum(per_clip.values())
    assert details["cost"] >= sum(per_clip.values()) * COST - 1e-9


def test_terminated_job_keeps_all_that_was_under_way(
    server: ChatServer, pointing: Pointing, tmp_path: Path
) -> None:
    server.answer = slow
    shard = Shard(tmp_path, [text_of(n) for n in range(60)])
    job = shard.start(pointing())
    wait_for_answers(server, 12)
    job.send_signal(signal.SIGTERM)
    _, log = job.communicate(timeout=60)
    assert job.returncode == 143
    assert "Traceback" not in log
    job = shard.start(pointing())
    _, log = job.communicate(timeout=120)
    assert job.returncode == 0, log
    # A signal that comes just while answers are written may lose those under way.
    assert sum(server.per_clip().values()) <= 60 + 4


def test_key_is_nowhere(server: ChatServer, pointing: Pointing, tmp_path: Path) -> None:
    shard = Shard(tmp_path, [text_of(n) for n in range(3)])
    server.answer = lambda _request, n: error(500, f"bad {KEY}") if n == 0 else yes()
    logs = []
    for values in (pointing(), pointing(model="other", retries=0)):
        job = shard.start(values, LIVECC_LOG="DEBUG", OPENAI_LOG="debug")
        logs += job.communicate(timeout=60)
        assert job.returncode == 0, logs
    server.answer = lambda _request, _n: error(401, f"wrong key {KEY} ({KEY})")
    job = shard.start(pointing(model="third"), LIVECC_LOG="DEBUG", OPENAI_LOG="debug")
    logs += job.communicate(timeout=60)
    assert job.returncode == 1
    assert "Traceback" not in logs[-1]
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert "asking again" in "".join(logs)
    assert KEY not in "".join(logs)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 6
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []


def test_first_error_of_a_command_is_one_line(
    server: ChatServer, pointing: Pointing, shard: Shard
) -> None:
    server.answer = lambda _request, _n: error(404, "The model does not exist", "model_not_found")
    job = shard.start(pointing())
    out, log = job.communicate(timeout=60)
    assert job.returncode == 1
    assert out == ""
    assert [line for line in log.splitlines() if line.startswith("error: ")] == [log.strip()]


def test_retry_after_that_makes_no_sense() -> None:
    for text in ("soon", "-5", "nan", "inf", "Tue, 99 Foo 2024", ""):
        assert service_errors.retry_after({"retry-after": text}) in (None, 0.0)
    assert service_errors.retry_after({}) is None
    past = "Wed, 21 Oct 2015 07:28:00 GMT"
    assert service_errors.retry_after({"retry-after": past}) == 0.0


def test_no_log_of_the_http_library(
    pointing: Pointing, shard: Shard, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    shard.run(pointing())
    assert KEY not in caplog.text
