"""SECURITY.md tells the truth: the public routes it lists are all, and what it names exists."""

import re

from tastemaker.asgi import create_app
from tastemaker.core.settings import Settings
from tests.rules.source import ROOT
from tests.rules.test_docs_settings import expected_rows
from tests.rules.test_routes import PUBLIC, route_calls

PAGE = (ROOT / "SECURITY.md").read_text()
SECTION = re.compile(r"^## (.+?)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
ROUTE = re.compile(r"`((?:GET|POST|PUT|PATCH|DELETE) /[^`]*)`")
FAMILY = re.compile(r"`(/[a-z0-9/_-]+)/…`")
PATH = re.compile(r"`(/[a-z-]*)`")
VARIABLE = re.compile(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`")


def sections(page: str) -> dict[str, str]:
    return dict(SECTION.findall(page))


def test_it_lists_the_public_routes() -> None:
    assert set(ROUTE.findall(sections(PAGE)["Who may call what"])) == set(PUBLIC)


def test_every_route_belongs_to_a_family_that_it_names() -> None:
    paths = {call.partition(" ")[2] for call in route_calls(create_app().routes)}
    families, single = set(FAMILY.findall(PAGE)), set(PATH.findall(PAGE))
    public = {call.partition(" ")[2] for call in PUBLIC}
    assert {
        family for family in families if not any(path.startswith(f"{family}/") for path in paths)
    } == set()
    assert {
        path for path in paths - public - single if not any(path.startswith(f"{one}/") for one in families)
    } == set()


def test_the_settings_that_it_names_exist_and_every_secret_is_named() -> None:
    known = set(re.findall(r"`([A-Z_]+)`", " ".join(row[0] for row in expected_rows(Settings))))
    assert set(VARIABLE.findall(PAGE)) <= known
    secrets = [
        row[0]
        for row, field in zip(expected_rows(Settings), Settings.model_fields.values(), strict=True)
        if "SecretStr" in str(field.annotation)
    ]
    unnamed = [
        names for names in secrets if not set(re.findall(r"`([A-Z_]+)`", names)) & set(VARIABLE.findall(PAGE))
    ]
    assert unnamed == []
