"""No call in the tree could run code of a model, or ask the terminal for leave to do so."""

from __future__ import annotations

import ast
from functools import cache
from typing import Any

from tests.support.places import REPOSITORY


@cache
def calls() -> list[tuple[str, str, dict[str | None, Any]]]:
    """Each call: its place, what is called, and its keyword arguments, None if not constant."""
    found = []
    for folder in ("livecc", "scripts", "plugins", "benchmarks"):
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    words = {
                        word.arg: word.value.value if isinstance(word.value, ast.Constant) else None
                        for word in node.keywords
                    }
                    place = f"{path.relative_to(REPOSITORY)}:{node.lineno}"
                    found.append((place, ast.unparse(node.func), words))
    return found


def test_every_load_says_that_no_code_is_trusted() -> None:
    loads = [
        (place, words)
        for place, called, words in calls()
        if called.endswith(".from_pretrained")
        or called == "pipeline"
        or (called.endswith(".from_config") and called.startswith("AutoModel"))
    ]
    assert len(loads) > 10
    wrong = [place for place, words in loads if words.get("trust_remote_code") is not False]
    assert wrong == []


def test_every_load_of_a_pickle_takes_tensors_alone() -> None:
    loads = [(place, words) for place, called, words in calls() if called == "torch.load"]
    assert loads
    assert [place for place, words in loads if words.get("weights_only") is not True] == []
    names = {called for _, called, _ in calls()}
    assert not names & {"pickle.load", "pickle.loads", "joblib.load", "np.load", "numpy.load"}


def test_no_program_is_given_the_terminal() -> None:
    """Benchmarks are run by hand, and their programs ask nothing."""
    runs = [
        (place, words)
        for place, called, words in calls()
        if called in ("subprocess.run", "subprocess.Popen") and not place.startswith("benchmarks")
    ]
    assert len(runs) > 5
    assert [place for place, words in runs if not {"stdin", "input"} & words.keys()] == []
