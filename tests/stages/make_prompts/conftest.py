"""A chat service on loopback and options that point to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.stages.make_prompts.chat_server import KEY, ChatServer
from tests.stages.make_prompts.prompt_shards import VARIABLE, section


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    """The key is in the environment; proxies of this machine are not asked for loopback."""
    monkeypatch.setenv(VARIABLE, KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ChatServer().running() as running:
        yield running


@pytest.fixture
def pointing(server: ChatServer) -> Callable[..., dict[str, Any]]:
    """The section make_prompts with the loopback service as its engine."""

    def make(**over: Any) -> dict[str, Any]:
        over = {"base_url": f"{server.address}/v1", "key_variable": VARIABLE, **over}
        return section(**{"model": "test-model", "concurrency": 4, "retries": 3, **over})

    return make
