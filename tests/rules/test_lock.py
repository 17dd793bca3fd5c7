"""The lock: every package by its hash, from no index in particular, within the ranges we declare."""

import re
import tomllib
from collections.abc import Iterator

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.rules.source import ROOT, Source, Violation, assert_holds

LOCKS = ["requirements/run.lock", "requirements/dev.lock", "requirements/installer.lock"]
DECLARED = {
    "requirements/run.lock": ["build"],
    "requirements/dev.lock": ["build", "dev"],
}

PIN = re.compile(r"^(?P<name>[A-Za-z0-9][\w.-]*)==(?P<version>[^\s;]+)(\s*;\s*(?P<marker>[^\\]+?))?\s*\\?$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")
COMMENT = re.compile(r"^    # ")
PLACE = re.compile(r"://|\b(index-url|find-links|trusted-host)\b|^-|\s@\s|\bfile:")


def faults(lock: Source) -> Iterator[Violation]:
    """Lines that name a place, lines of another form, and pins without a hash."""
    open_pin: tuple[int, str] | None = None
    for number, line in enumerate(lock.lines, 1):
        if PLACE.search(line):
            yield Violation(lock.path, number, f"names a place to get packages from: {line.strip()}")
        elif PIN.match(line):
            if open_pin:
                yield Violation(lock.path, open_pin[0], f"{open_pin[1]} has no hash")
            open_pin = (number, line.rstrip(" \\"))
        elif HASH.match(line):
            open_pin = None
        elif not COMMENT.match(line):
            yield Violation(lock.path, number, f"is neither a pin nor a hash: {line.strip()!r}")
    if open_pin:
        yield Violation(lock.path, open_pin[0], f"{open_pin[1]} has no hash")


def out_of_range(lock: Source, requirements: list[Requirement]) -> Iterator[Violation]:
    pins = _pins(lock)
    for requirement in requirements:
        versions = pins.get(canonicalize_name(requirement.name), [])
        if not versions:
            yield Violation(lock.path, 1, f"{requirement} is not locked")
        for version in versions:
            if not requirement.specifier.contains(version, prereleases=True):
                yield Violation(lock.path, 1, f"{requirement} is locked at {version}")


@pytest.mark.parametrize("path", LOCKS)
def test_the_lock_is_hashed_and_names_no_place(path: str) -> None:
    lock = _read(path)
    assert _pins(lock)
    assert_holds(faults, [lock])


@pytest.mark.parametrize("path", DECLARED)
def test_the_lock_satisfies_what_the_project_declares(path: str) -> None:
    assert_holds(lambda lock: out_of_range(lock, _declared(path)), [_read(path)])


def test_both_locks_agree() -> None:
    run, dev = _pins(_read(LOCKS[0])), _pins(_read(LOCKS[1]))
    assert {name: dev.get(name) for name in run} == run


def test_the_project_builds_with_what_is_locked() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert set(pyproject["build-system"]["requires"]) <= set(pyproject["dependency-groups"]["build"])


GOOD = f"typer==0.16.0 \\\n    --hash=sha256:{'0' * 64}\n    # via tastemaker\n"


@pytest.mark.parametrize(
    "planted",
    [
        "--index-url https://packages.example.com/simple\n" + GOOD,
        GOOD + "rich==14.0\n    # via typer\n",
        "rich==14.0 \\\n" + GOOD,
        GOOD + "rich>=14\n",
        GOOD + "rich @ https://packages.example.com/rich.whl\n",
        GOOD.replace("0" * 64, "0" * 63),
    ],
)
def test_planted_faults_are_found(planted: str) -> None:
    assert list(faults(Source("run.lock", planted)))
    assert not list(faults(Source("run.lock", GOOD)))


def test_planted_ranges_are_found() -> None:
    lock = Source("run.lock", GOOD)
    assert not list(out_of_range(lock, [Requirement("typer>=0.16,<1")]))
    assert list(out_of_range(lock, [Requirement("typer>=0.17")]))
    assert list(out_of_range(lock, [Requirement("rich>=14")]))


def _read(path: str) -> Source:
    return Source(path, (ROOT / path).read_text())


def _pins(lock: Source) -> dict[str, list[Version]]:
    pins: dict[str, list[Version]] = {}
    for line in lock.lines:
        if pin := PIN.match(line):
            pins.setdefault(canonicalize_name(pin["name"]), []).append(Version(pin["version"]))
    return pins


def _declared(path: str) -> list[Requirement]:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    texts = [*pyproject["project"]["dependencies"]]
    for group in DECLARED[path]:
        texts += pyproject["dependency-groups"][group]
    return [Requirement(text) for text in texts]
