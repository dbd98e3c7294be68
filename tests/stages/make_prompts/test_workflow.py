"""make_prompts as a rule: what runs again, what is paid for, and where the key is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from livecc.formats.samples import read_offsets, read_sample
from tests.stages.make_prompts.chat_server import GENERIC, KEY, ChatServer, error, no, yes
from tests.stages.make_prompts.prompt_shards import VARIABLE
from tests.workflow.running import FOLD, SUN, Project

pytestmark = pytest.mark.workflow

MERGED = ("sft", "default", "livecc_sft_default_with_seeks.jsonl")
Pointing = Callable[..., dict[str, Any]]


def spoken(video: str, words: list[str], n_words: int) -> dict[str, Any]:
    """A record with its transcript: a word every 0.4 s, sentences of ten words."""
    content = []
    for n in range(n_words):
        word = words[n % len(words)].strip(".") or "and"
        word = word.capitalize() if n % 10 == 0 else f"{word}." if n % 10 == 9 else word
        content.append([round(0.4 * n, 2), round(0.4 * n + 0.3, 2), word])
    return {"video": video, "title": video, "category": "Sports", "content": content}


@pytest.fixture
def project(tmp_path: Path, pointing: Pointing) -> Project:
    """Two shards, three videos, one clip each; the loopback service makes the prompts."""
    project = Project(tmp_path / "p")
    project.folder.mkdir()
    (project.folder / "videos").mkdir()
    project.write_input("one", [spoken("boat.mp4", FOLD, 150), spoken("sun.mp4", SUN, 160)])
    project.write_input("two", [spoken("both.mp4", [*SUN, *FOLD], 170)])
    project.config = {
        "device": "cpu",
        "tracks": {"sft": {"inputs": ["input/*.jsonl"], "videos": "videos"}},
        "transcribe": {"enabled": False},
        "score_lm_loss": {"enabled": False},
        # There are no video files.
        "probe_videos": {"enabled": False},
        "score_active_speaker": {"enabled": False},
        "make_prompts": pointing(input_price=10.0, output_price=100.0),
        "selections": {"default": {"sft": {"language": {"labels": ["en"]}}}},
    }
    return project


def run(project: Project) -> dict[str, int]:
    """The jobs that ran."""
    result = project.run(environment={VARIABLE: KEY, "NO_PROXY": "127.0.0.1"})
    assert result.status == 0, result.output[-5000:]
    assert KEY not in result.output
    return result.jobs()


def test_queries_reach_the_training_file_and_are_paid_for_once(
    server: ChatServer, project: Project
) -> None:
    server.answer = lambda request, _n: no() if "planets" not in str(request.body) else yes()
    assert run(project)["make_prompts"] == 2
    assert server.count() == 3
    merged = project.results(*MERGED)
    samples = [read_sample(merged, offset) for offset in read_offsets(merged)]
    assert [user["content"][0]["video"] for user, _ in samples] == ["both.mp4", "sun.mp4"]
    assert {user["content"][1]["text"] for user, _ in samples} == {GENERIC}
    decisions = pd.read_parquet(project.results("sft", "default", "decisions"))
    assert list(decisions[decisions.video == "boat.mp4"].rule) == ["prompt"]
    assert project.stats("make_prompts", "one", "sft")["details"]["requests"] == 2

    # What does not change an answer asks nothing: the address, the pace, prices, a threshold.
    service = project.config["make_prompts"]["openai"]
    service |= {"base_url": "http://127.0.0.1:9/v1", "concurrency": 2, "output_price": 1.0}
    project.config["selections"]["default"]["sft"]["prompt"] = {"answers": ["NO"]}
    assert "make_prompts" not in run(project)
    # Another prompt is another question, and the answers to the first one stay.
    service["base_url"] = f"{server.address}/v1"
    conditions = project.config["make_prompts"]["conditions"]
    project.config["make_prompts"]["conditions"] = ["It is live."]
    assert run(project)["make_prompts"] == 2
    assert server.count() == 6
    project.config["make_prompts"]["conditions"] = conditions
    assert run(project)["make_prompts"] == 2
    assert server.count() == 6

    files = [path for path in project.folder.rglob("*") if path.is_file()]
    assert any(".snakemake" in path.parts for path in files)
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []


def test_job_that_cannot_succeed_says_why_and_the_next_run_goes_on(
    server: ChatServer, project: Project
) -> None:
    server.answer = lambda _request, _n: error(401, f"wrong key {KEY}")
    environment = {VARIABLE: KEY, "NO_PROXY": "127.0.0.1"}
    result = project.run(environment=environment)
    assert result.status != 0
    assert f"It does not accept the key in ${VARIABLE}" in result.output
    assert KEY not in result.output
    assert "Traceback" not in result.output
    server.answer = lambda _request, _n: yes()
    assert run(project)["make_prompts"] == 2


def test_jobs_that_ask_a_service_take_turns(server: ChatServer, project: Project) -> None:
    project.write_input("three", [spoken("more.mp4", SUN, 170)])
    project.config["make_prompts"]["openai"]["concurrency"] = 1

    def slow(_request: Any, _n: int) -> Any:
        reply = yes()
        reply.delay = 0.3
        return reply

    server.answer = slow
    run(project)
    # Two cores, but one service.
    assert server.most_at_once == 1


def test_key_in_the_configuration_stops_before_any_job(project: Project) -> None:
    project.config["make_prompts"]["openai"]["api_key"] = KEY
    result = project.run()
    assert result.status != 0
    assert "make_prompts.openai.api_key: unknown key" in result.output
    assert KEY not in result.output
    assert result.jobs() == {}
