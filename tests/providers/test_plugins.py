"""Providers of other packages: found by their entry points, checked, and harmless where they do not fit."""

import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from tastemaker.core.platforms import Platform
from tastemaker.core.settings import Settings
from tastemaker.providers.plugins import GROUP, KnownProvider, installed_plugins
from tastemaker.providers.registry import load_registry

EXAMPLE = Path(__file__).parents[2] / "examples" / "roster"

Install = Callable[[str, str], None]

GOOD = """
    from dataclasses import replace

    from tastemaker.core.platforms import Platform
    from tastemaker.providers.plugins import ProviderPlugin
    from tastemaker.providers.scrapecreators import ScrapeCreatorsTikTok

    def build(settings):
        assert set(settings) == {"OTHER_KEY"}, "no other setting is handed over"
        adapter = ScrapeCreatorsTikTok(settings["OTHER_KEY"], base_url="http://127.0.0.1:9")
        adapter.declaration = replace(adapter.declaration, name="other")
        return adapter

    PROVIDER = ProviderPlugin(
        name="other", platforms=frozenset({Platform.TIKTOK}), needs=("OTHER_KEY",), build=build
    )
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """`install(name, code)`: a package as pip leaves it, with one entry point."""
    for variable in ("YOUTUBE_API_KEY", "SCRAPECREATORS_API_KEY", "TASTEMAKER_PROVIDERS"):
        monkeypatch.delenv(variable, raising=False)

    def make(name: str, code: str) -> None:
        module = f"{name}_{tmp_path.name}".replace("-", "_")
        (tmp_path / f"{module}.py").write_text(dedent(code))
        about = tmp_path / f"{name}-1.2.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        (about / "entry_points.txt").write_text(f"[tastemaker.providers]\n{name} = {module}:PROVIDER\n")
        monkeypatch.syspath_prepend(tmp_path)

    return make


def only(environ: dict[str, str]) -> KnownProvider:
    """The one that a test installed."""
    (known,) = installed_plugins(environ)
    return known


def test_a_package_s_provider_answers_after_ours(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("others", GOOD)
    monkeypatch.setenv("OTHER_KEY", "made-up-key")
    registry = load_registry(Settings())
    assert registry.searches[Platform.TIKTOK].declaration.name == "other"
    monkeypatch.setenv("SCRAPECREATORS_API_KEY", "made-up-key")
    assert load_registry(Settings()).searches[Platform.TIKTOK].declaration.name == "scrapecreators_tiktok"
    monkeypatch.setenv("TASTEMAKER_PROVIDERS", "other")
    assert load_registry(Settings()).searches[Platform.TIKTOK].declaration.name == "other"


def test_what_it_needs_and_who_brought_it_is_known(install: Install) -> None:
    install("others", GOOD)
    known = only({})
    assert (known.name, known.package, known.adapter, known.problem) == ("other", "others 1.2", None, None)
    assert (known.needs, known.missing) == (("OTHER_KEY",), ("OTHER_KEY",))


@pytest.mark.parametrize(
    ("was", "becomes", "problem"),
    [
        ("PROVIDER = ProviderPlugin(", "PROVIDER = dict(", "is no ProviderPlugin"),
        ('name="other", platforms', 'name="other", contract=99, platforms', "was made for contract 99"),
        ('name="other", platforms', 'name="Other One", platforms', "its name is not"),
        ('needs=("OTHER_KEY",)', 'needs=("other key",)', "not names of environment variables"),
        ('name="other")', 'name="another")', "its declaration has another name"),
        ("Platform.TIKTOK})", "Platform.YOUTUBE})", "or other platforms"),
        ("return adapter", "return None", "it fails with AttributeError"),
        ("from dataclasses", "import nowhere\n    from dataclasses", "it fails with ModuleNotFoundError"),
        (
            "return adapter",
            "return type('Adapter', (), {'declaration': adapter.declaration})()",
            "and has no method for it",
        ),
    ],
)
def test_one_that_does_not_fit_says_why_and_harms_nobody(
    install: Install, monkeypatch: pytest.MonkeyPatch, was: str, becomes: str, problem: str
) -> None:
    assert was in GOOD
    install("others", GOOD.replace(was, becomes))
    known = only({"OTHER_KEY": "made-up-key"})
    assert known.problem is not None
    assert problem in known.problem
    assert known.adapter is None
    monkeypatch.setenv("SCRAPECREATORS_API_KEY", "made-up-key")
    assert set(load_registry(Settings()).searches) == set(Platform)


def test_nobody_takes_the_name_of_ours_or_of_another(install: Install) -> None:
    install("thief", GOOD.replace('"other"', '"youtube"'))
    stolen = next(one for one in load_registry(Settings()).known if one.package == "thief 1.2")
    assert stolen.problem == "youtube is the name of a provider that is built in"
    assert stolen.name != "youtube"


def test_two_of_one_name_are_told_apart(install: Install) -> None:
    install("one", GOOD)
    install("two", GOOD)
    found = {known.package: known for known in installed_plugins({})}
    assert found["one 1.2"].problem is None
    assert found["two 1.2"].problem == "there is another provider with the name other"


def test_the_example_is_found_by_the_entry_point_that_it_declares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    about = tmp_path / "tastemaker_roster-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 1.0\n")
    points = project["entry-points"][GROUP].items()
    lines = [f"{name} = {value}" for name, value in points]
    (about / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines]))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(EXAMPLE)
    monkeypatch.setenv("ROSTER_API_KEY", "made-up-key")
    monkeypatch.setenv("ROSTER_URL", "http://127.0.0.1:9")
    monkeypatch.delenv("SCRAPECREATORS_API_KEY", raising=False)
    registry = load_registry(Settings())
    assert registry.searches[Platform.INSTAGRAM].declaration.name == "roster"
    assert registry.lookups[Platform.INSTAGRAM].declaration.name == "roster"
    (known,) = installed_plugins(os.environ)
    assert known.package == "tastemaker-roster 1.0"
