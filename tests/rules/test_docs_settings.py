"""docs/reference/settings.md is what `Settings` says: each variable, its default, its meaning."""

from collections.abc import Iterator

from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from tastemaker.core.settings import Settings
from tests.rules.markdown import table_rows
from tests.rules.source import ROOT

PAGE = "docs/reference/settings.md"


def expected_rows(settings: type[BaseSettings]) -> list[tuple[str, ...]]:
    """Variable, default and description of every field, as the page's table shows them."""
    prefix = settings.model_config.get("env_prefix", "")
    return [
        (_variable(name, field, prefix), _default(name, field), field.description or "")
        for name, field in settings.model_fields.items()
    ]


def differences(page: str, settings: type[BaseSettings]) -> Iterator[str]:
    expected, written = expected_rows(settings), table_rows(page)
    for row in expected:
        if row not in written:
            yield f"missing in {PAGE}:  | {' | '.join(row)} |"
    for row in written:
        if row not in expected:
            yield f"no such setting:  | {' | '.join(row)} |"


def test_every_setting_is_documented() -> None:
    found = list(differences((ROOT / PAGE).read_text(), Settings))
    assert not found, "\n" + "\n".join(found)


def test_every_setting_has_a_meaning() -> None:
    assert [row[0] for row in expected_rows(Settings) if not row[2]] == []


def test_planted_differences_are_found() -> None:
    rows = [f"| {' | '.join(row)} |" for row in expected_rows(Settings)]
    table = ["| Variable | Default | Meaning |", "|---|---|---|", *rows]
    assert not list(differences("\n".join(table), Settings))
    assert list(differences("\n".join(table[:-1]), Settings))
    assert list(differences("\n".join([*table, "| `TASTEMAKER_GONE` | none | x |"]), Settings))
    assert list(differences("\n".join(table).replace("`1`", "`2`"), Settings))


def _variable(name: str, field: FieldInfo, prefix: str) -> str:
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return " or ".join(f"`{choice}`" for choice in alias.choices)
    return f"`{alias or (prefix + name).upper()}`"


def _default(name: str, field: FieldInfo) -> str:
    if name == "home":
        return "the platform's data directory"
    return "none" if field.default is None else f"`{field.default}`"
