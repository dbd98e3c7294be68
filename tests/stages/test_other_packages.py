"""Stages and engines of other packages: what is wrong with one is said before any job starts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from livecc import configuration
from livecc.errors import LiveccError
from livecc.stages import catalogue, plugins
from tests.workflow.packages import REPEATED_WORDS, TELLING_WORDS, install

STAGE = REPEATED_WORDS["repeated_words/declaration.py"]
ENGINE = TELLING_WORDS["telling_words.py"]
CACHED = (
    *("_entry_points", "package_stages", "stage_of_package", "package_tracks"),
    *("track_of_package", "package_engines", "_load"),
)


def forget() -> None:
    """Look anew at what is installed."""
    catalogue._catalogue.cache_clear()
    for name in CACHED:
        getattr(plugins, name).cache_clear()
    for name in [name for name in sys.modules if name.startswith(("repeated_", "telling_"))]:
        del sys.modules[name]


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in which packages can be installed."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    forget()
    yield folder
    forget()


@pytest.fixture
def check(packages: Path) -> Callable[..., str]:
    """The message for a configuration with these sections; "" when nothing is wrong."""
    (packages.parent / "one.jsonl").write_text("")

    def run(**sections: Any) -> str:
        forget()
        config = configuration.read_yaml(configuration.DEFAULTS_FILE)
        config["tracks"]["pretrain"]["inputs"] = ["one.jsonl"]
        for name, section in sections.items():
            merged = {**config.get(name, {}), **section} if isinstance(section, dict) else section
            config[name] = merged
        try:
            config = configuration.complete(config)
            configuration.check(config)
        except LiveccError as error:
            return str(error)
        return ""

    return run


def install_stage(
    folder: Path, text: str = STAGE, place: str = "repeated_words.declaration:STAGE"
) -> None:
    files = {**REPEATED_WORDS, "repeated_words/declaration.py": text}
    points = {"livecc.stages": {"repeated_words": place}}
    install(folder, "livecc-repeated-words", files, points)


def install_engine(
    folder: Path, text: str = ENGINE, name: str = "identify_language.telling_words"
) -> None:
    points = {"livecc.engines": {name: "telling_words:ENGINE"}}
    install(folder, "livecc-telling-words", {"telling_words.py": text}, points)


# --- stages --------------------------------------------------------------------------------------


def test_stage_takes_part_when_it_has_a_section(packages: Path, check: Callable[..., str]) -> None:
    install_stage(packages)
    assert check(repeated_words={}) == ""
    # A package that is installed alone changes nothing.
    config = configuration.complete(configuration.read_yaml(configuration.DEFAULTS_FILE))
    assert "repeated_words" not in config["resources"]
    config = configuration.complete({**config, "repeated_words": {}})
    assert config["repeated_words"] == {"enabled": True, "gate": "auto", "least_letters": 1}
    assert config["resources"]["repeated_words"]["mem_mb"] == 500
    assert config["environments"]["words"] is None
    names = [stage.name for stage in configuration.active_stages(config, "pretrain")]
    assert names[:3] == ["identify_language", "repeated_words", "score_lm_loss"]
    assert "repeated_words" not in {s.name for s in configuration.active_stages(config, "sft")}


def test_settings_of_a_stage(packages: Path, check: Callable[..., str]) -> None:
    install_stage(packages)
    good = {"repeated_words": {"gate": {"language": {"labels": ["en"]}}}, "retry_failed": []}
    assert check(**{**good, "retry_failed": ["repeated_words"]}) == ""
    assert check(repeated_words={}, environments={"words": sys.executable}) == ""
    assert check(repeated_words={}, score_lm_loss={"gate": {"repeated_words": {"max": 1}}}) == ""
    assert "repeated_words.least_letter: unknown key" in check(repeated_words={"least_letter": 2})
    assert "it must be a whole number" in check(repeated_words={"least_letters": "two"})
    message = check(repeated_words={"gate": {"lm_loss": {"max": 1}}})
    assert "repeated_words.gate.lm_loss: not scored before repeated_words" in message
    quality = {"table": "x.csv", "key": "clip", "column": "x"}
    message = check(repeated_words={}, external_scores={"repeated_words": quality})
    assert "external_scores.repeated_words: the name is already used by a stage" in message


def test_section_of_a_package_that_is_not_installed(check: Callable[..., str]) -> None:
    assert "repeated_words: unknown key" in check(repeated_words={})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (STAGE.replace("import Annotated", "import Anotated"), "cannot be loaded: ImportError"),
        (STAGE + "\n)", "cannot be loaded: SyntaxError"),
        ("STAGE = 3\n", "must be a ScoreStage, not a int"),
        ("STAG = 3\n", "cannot be loaded: AttributeError"),
        (STAGE.replace('"pretrain"', '"pretran"'), "not a track (did you mean 'pretrain'?)"),
        (STAGE.replace('"identify_language"', '"identify"'), "not one of its stages (did you mean"),
        (STAGE.replace('Join("pretrain", after="identify_language"),', ""), "`joins` is empty"),
        (STAGE.replace('    item="clip",\n', ""), "`item` is missing"),
        (STAGE.replace("lse: Band", "").replace('("repeated_words",), "too', '("repeats",), "too'),
         "uses 'repeats', which is not in `columns`"),
        (STAGE.replace('name="repeated_words"', 'name="repeats"'), "its own name is 'repeats'"),
        (STAGE.replace('"repeated_words": "float64"', '"lm_loss": "float64"')
         .replace('("repeated_words",)', '("lm_loss",)'), "'lm_loss' is already a rule or"),
    ],
    ids=range(11),
)  # fmt: skip
def test_wrong_stage(packages: Path, check: Callable[..., str], text: str, said: str) -> None:
    install_stage(packages, text)
    message = check(repeated_words={})
    assert said in message
    assert "repeated_words" in message
    assert check() == ""


def test_stage_in_two_packages(packages: Path, check: Callable[..., str]) -> None:
    install_stage(packages)
    points = {"livecc.stages": {"repeated_words": "repeated_words.declaration:STAGE"}}
    install(packages, "livecc-other", {}, points)
    message = check(repeated_words={})
    assert "defined by several packages" in message
    assert "livecc-other" in message


def test_module_that_is_not_there(packages: Path, check: Callable[..., str]) -> None:
    install_stage(packages, place="no_such_module:STAGE")
    message = check(repeated_words={})
    assert "(no_such_module:STAGE, package livecc-repeated-words): cannot be loaded" in message


# --- engines -------------------------------------------------------------------------------------


def test_engine_with_options(packages: Path, check: Callable[..., str]) -> None:
    install_engine(packages)
    assert check(identify_language={"engine": "telling_words"}) == ""
    own = {"telling_words": {"word": "avec"}}
    assert check(identify_language={"engine": "telling_words", **own}) == ""
    # What is set of it may stay there while another one is chosen.
    assert check(identify_language={"engine": "langid", **own}) == ""
    wrong = {"engine": "telling_words", "telling_words": {"wrod": "avec"}}
    message = check(identify_language=wrong)
    assert "identify_language.telling_words.wrod: unknown key" in message
    assert "did you mean 'word'" in message


def test_unknown_engine(packages: Path, check: Callable[..., str]) -> None:
    install_engine(packages)
    message = check(identify_language={"engine": "teling_words"})
    assert "identify_language.engine: 'teling_words' is not allowed (did you mean" in message
    assert "allowed: langid, telling_words, xlm_roberta" in message


@pytest.mark.parametrize(
    "stage", ["transcribe", "identify_language", "score_talking_head", "make_prompts"]
)
def test_engines_bring_their_own_models(
    packages: Path, check: Callable[..., str], stage: str
) -> None:
    install_engine(packages, name=f"{stage}.telling_words")
    assert check(**{stage: {"engine": "telling_words"}}) == ""
    config = configuration.read_yaml(configuration.DEFAULTS_FILE)
    config["tracks"] = {name: {"inputs": ["one.jsonl"], "videos": "."} for name in config["tracks"]}
    config[stage]["engine"] = "telling_words"
    assert stage not in configuration.models(configuration.complete(config))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ENGINE.replace(', version="1"', ""), "has no `version`"),
        (ENGINE.replace("import Engine", "import Engin"), "cannot be loaded: ImportError"),
        (ENGINE.replace('on_gpu="no"', 'on_gpu="often"'), "`on_gpu` must be one of yes, asked, no"),
        (
            ENGINE.replace("telling_words:Te", "telling_words.Te"),
            '`place` must read "module:Class"',
        ),
        ("ENGINE = dict\n", "must be an Engine, not a type"),
    ],
    ids=range(5),
)
def test_wrong_engine(packages: Path, check: Callable[..., str], text: str, said: str) -> None:
    install_engine(packages, text)
    message = check(identify_language={"engine": "telling_words"})
    assert said in message
    assert "telling_words" in message
    assert check() == ""
