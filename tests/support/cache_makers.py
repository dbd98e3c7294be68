"""A small score cache for the tests of the cache command."""

from __future__ import annotations

from pathlib import Path

from livecc.scores.cache import ScoreCache
from livecc.scores.fingerprint import content_key
from livecc.stages.make_prompts.spending import Spending

LOSS_OLD, LOSS_NEW, PROMPTS = "0" * 16, "1" * 16, "abcdef0123456789"


def make_cache(root: Path) -> Path:
    """Two models' losses of two shards, and answers that were paid for; returns the folder."""
    for name, model in ((LOSS_OLD, "one"), (LOSS_NEW, "two")):
        for shard in ("a", "b.c"):
            settings = {"version": "1", "model": model, "prompts": {"system": "Be\nbrief."}}
            score(root, "score_lm_loss", name, f"pretrain.{shard}", settings, n=20)
    score(root, "make_prompts", PROMPTS, "sft.a", {"engine": "openai"}, n=4)
    with Spending(root / "make_prompts" / PROMPTS / "spending", "sft.a", 5.0) as spending:
        spending.settle(spending.reserve(1.5), 1.25, 100, 10)
    return root


def score(
    root: Path, stage: str, name: str, writer: str, settings: dict[str, object], n: int
) -> None:
    """`n` items, every fifth failed."""
    with ScoreCache(root, stage, name, writer, settings=settings) as cache:
        keys = [content_key(writer, str(i)) for i in range(n)]
        missing = keys[len(cache.find(keys)) :]
        cache.append(
            (key, {"status": "failed" if i % 5 == 0 else "ok", "reason": None, "x": i})
            for i, key in enumerate(missing)
        )
        cache.record_job(scored=len(missing), failed=n // 5, load_seconds=1.0, seconds=2.0)


def contents(root: Path) -> dict[str, bytes]:
    """Every file below a folder that is not hidden or a lock."""
    files = {str(path.relative_to(root)): path for path in sorted(root.rglob("*"))}
    return {
        name: path.read_bytes()
        for name, path in files.items()
        if path.is_file() and "locks/" not in name
    }
