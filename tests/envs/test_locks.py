"""The lock files: what they hold, that they agree with the ranges, and where they are used."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from envs import lock
from tests.support.places import REPOSITORY

ENVS = REPOSITORY / "envs"
MAKEFILE = (REPOSITORY / "Makefile").read_text()
LOCKS = ("cpu", "cuda", "dev")
RENEW = "run make locks"


def requirements_in(file: Path) -> Iterator[Requirement]:
    """What a file of envs/ asks for, and what those that it names ask for."""
    for line in file.read_text().splitlines():
        line = line.partition("#")[0].strip()
        if line.startswith("-r "):
            yield from requirements_in(file.with_name(line.removeprefix("-r ")))
        elif line:
            yield Requirement(line)


def variable(name: str) -> str:
    [value] = re.findall(rf"^{name} := (.*)", MAKEFILE, re.MULTILINE)
    return str(value).strip("'")


def asked_of(name: str) -> list[Requirement]:
    """All that a lock must hold."""
    if name == "dev":
        return [*requirements_in(ENVS / "dev.txt"), Requirement(variable("READER"))]
    files = variable("REQUIREMENTS").split()
    asked = [found for file in files for found in requirements_in(REPOSITORY / file)]
    if name == "cuda":
        asked = [found for found in asked if found.name != "onnxruntime"]
        asked.append(Requirement(variable("ONNXRUNTIME_cuda")))
    return [*asked, Requirement(variable("TORCH_cpu")), Requirement(variable("BUILD"))]


def environments(name: str) -> list[dict[str, str]]:
    """What markers see on each Python and machine that a lock covers."""
    return [
        {
            "implementation_name": "cpython",
            "os_name": "posix",
            "platform_machine": machine,
            "platform_python_implementation": "CPython",
            "platform_system": "Linux",
            "python_full_version": f"{major}.{minor}.7",
            "python_version": f"{major}.{minor}",
            "sys_platform": "linux",
        }
        for machine, (major, minor) in product(lock.MACHINES[name], lock.PYTHONS)
    ]


@cache
def pins(name: str) -> list[lock.Pin]:
    return list(lock.read((lock.LOCKS / f"{name}.txt").read_text()))


def versions(name: str, environment: dict[str, str]) -> dict[str, str]:
    """Package -> the version that a lock has for an environment. Fails if it has two."""
    found: dict[str, str] = {}
    for pin in pins(name):
        requirement = Requirement(pin.requirement)
        if requirement.marker is None or requirement.marker.evaluate(environment):
            [specifier] = requirement.specifier
            assert pin.name not in found, f"{name}: two versions of {pin.name} in {environment}"
            found[pin.name] = specifier.version
    return found


def lacking(asked: list[Requirement], held: dict[str, str]) -> list[str]:
    """What is asked for and not held in a version that is allowed."""
    return [
        f"{requirement} (locked: {held.get(canonicalize_name(requirement.name))})"
        for requirement in asked
        if not requirement.specifier.contains(
            held.get(canonicalize_name(requirement.name), "0.dev0"), prereleases=True
        )
        or canonicalize_name(requirement.name) not in held
    ]


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_has_hashes(name: str) -> None:
    found = pins(name)
    assert len(found) > 20
    for pin in found:
        assert pin.hashes, f"{pin.name}: no hash"
        for digest in pin.hashes:
            assert re.fullmatch("sha256:[0-9a-f]{64}", digest), f"{pin.name}: {digest}"


@pytest.mark.parametrize("name", LOCKS)
def test_no_address_is_in_a_lock(name: str) -> None:
    """Neither of an index nor of a file: everybody has these from where they have packages from."""
    text = (lock.LOCKS / f"{name}.txt").read_text()
    assert not re.findall(r".*(?:://|--index-url|--extra-index-url|--find-links| @ ).*", text)
    assert not re.findall(r"^#.* /.*", text, re.MULTILINE)


@pytest.mark.parametrize("name", LOCKS)
def test_locked_versions_are_in_the_ranges(name: str) -> None:
    for environment in environments(name):
        held = versions(name, environment)
        missing = lacking(asked_of(name), held)
        assert not missing, f"{name}: {'; '.join(missing)}: {RENEW} ({environment})"


def test_locks_that_are_installed_together_agree() -> None:
    """The dev packages go on top of the others, and cuda differs from cpu in its builds alone."""
    for environment in environments("cuda"):
        cpu, cuda, dev = (versions(name, environment) for name in LOCKS)
        assert {n: v for n, v in dev.items() if cpu.get(n, v) != v} == {}, RENEW
        assert dict(cpu.items() ^ cuda.items()).keys() == {"onnxruntime", "onnxruntime-gpu"}, RENEW


def test_nothing_that_a_package_needs_is_missing() -> None:
    """Locks are installed without looking at what packages need, so they must hold all of it."""
    if not lock.covers("cpu"):
        pytest.skip("the lock does not hold here")
    here = environments("cpu")[0] | {
        "platform_machine": platform.machine(),
        "python_version": "{}.{}".format(*sys.version_info),
        "python_full_version": platform.python_version(),
    }
    held = versions("cpu", here)
    installed = {canonicalize_name(d.name): d.version for d in metadata.distributions()}
    # Builds of torch from other places have needs of their own, as they have versions.
    same = [name for name, version in held.items() if installed.get(name) == version]
    if not same:
        pytest.skip("other versions are installed")
    waiting = [(name, "") for name in same]
    seen = set(waiting)
    while waiting:
        name, extra = waiting.pop()
        if name not in same:
            continue
        asked = [
            requirement
            for requirement in map(Requirement, metadata.requires(name) or ())
            if requirement.marker is None or requirement.marker.evaluate(here | {"extra": extra})
        ]
        assert lacking(asked, held) == [], f"{name}: {RENEW}"
        extras = {(canonicalize_name(needed.name), e) for needed in asked for e in needed.extras}
        waiting += extras - seen
        seen |= extras


SMALL = """\
# made by a person
alpha==1.0 ; sys_platform == 'linux' \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via beta
nvidia-cublas==13.1 \\
    --hash=sha256:cc
    # via torch
torch==2.13.0 \\
    --hash=sha256:dd
"""


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(lock, "LOCKS", tmp_path)
    (tmp_path / "cpu.txt").write_text(SMALL)
    return tmp_path / "cpu.txt"


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ([], [line for line in SMALL.splitlines() if not re.match(r"\s*#", line)]),
        (
            ["--without-torch"],
            [
                "alpha==1.0 ; sys_platform == 'linux' \\",
                "    --hash=sha256:aa \\",
                "    --hash=sha256:bb",
            ],
        ),
        (["--without-hashes", "--only", "torch"], ["torch==2.13.0"]),
    ],
)
@pytest.mark.usefixtures("small")
def test_parts_of_a_lock(
    options: list[str],
    shown: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["lock.py", "show", "cpu", *options])
    lock.main()
    assert capsys.readouterr().out.splitlines() == shown


@pytest.mark.parametrize("line", ["alpha>=1", "-r other.txt", "alpha @ file:///alpha.whl"])
def test_line_that_pins_nothing(line: str) -> None:
    with pytest.raises(ValueError, match="not an exact version"):
        list(lock.read(f"{line}\n"))


COVERED = {"sys.platform": "linux", "machine": "x86_64", "libc": ("glibc", "2.36")}


@pytest.mark.parametrize(
    ("differs", "cpu", "cuda"),
    [
        ({}, True, True),
        ({"machine": "aarch64"}, True, False),
        ({"machine": "riscv64"}, False, False),
        ({"sys.platform": "darwin", "libc": ("", "")}, False, False),
        ({"libc": ("glibc", "2.17")}, False, False),
        ({"libc": ("", "")}, False, False),
        ({"version": (3, 10, 1)}, False, False),
        ({"version": (3, 99, 0)}, False, False),
    ],
)
def test_where_locks_hold(
    differs: dict[str, Any], cpu: bool, cuda: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not where a package would have to be compiled, or has no build at all."""
    machine = COVERED | {"version": (*lock.PYTHONS[0], 4)} | differs
    monkeypatch.setattr(sys, "platform", machine["sys.platform"])
    monkeypatch.setattr(sys, "version_info", machine["version"])
    monkeypatch.setattr(platform, "machine", lambda: machine["machine"])
    monkeypatch.setattr(platform, "libc_ver", lambda: machine["libc"])
    assert (lock.covers("cpu"), lock.covers("cuda")) == (cpu, cuda)


def test_platforms_are_said_as_uv_knows_them() -> None:
    assert next(iter(lock.platforms("cuda"))) == "x86_64-manylinux_2_28 3.11"
    assert len(list(lock.platforms("cpu"))) == 2 * len(lock.PYTHONS)
