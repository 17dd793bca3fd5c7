"""Every configuration key has its row in docs/reference/configuration.md, and something that reads it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tastemaker.config_store import keys
from tastemaker.config_store.declaration import DECLARED, ConfigKey
from tests.rules.markdown import table_rows
from tests.rules.source import ROOT, package_sources

PAGE = "docs/reference/configuration.md"
COLUMNS = 4


def row_of(key: ConfigKey[Any]) -> list[str]:
    restart = "" if key.hot else " (restart)"
    default = f"`{key.write(key.default)}`"
    return [f"`{key.name}`{restart}", default, key.range, key.meaning]


def differences(page: str, declared: Mapping[tuple[str, str], ConfigKey[Any]]) -> Iterator[str]:
    rows = [list(row) for row in table_rows(page) if len(row) == COLUMNS]
    expected = [row_of(key) for key in declared.values()]
    yield from (f"{PAGE} lacks | {' | '.join(row)} |" for row in expected if row not in rows)
    yield from (f"{PAGE}: no key is | {' | '.join(row)} |" for row in rows if row not in expected)


def uses(name: str, source: str) -> bool:
    """Whether a module does more with the constant than import it."""
    return len(re.findall(rf"\b{name}\b", source)) >= 2


def test_every_key_is_documented() -> None:
    rows = [*differences((ROOT / PAGE).read_text(), DECLARED)]
    assert not [row for row in rows if "Default | Accepted" not in row], "\n" + "\n".join(rows)


def test_every_key_is_read() -> None:
    modules = [
        source.text for source in package_sources() if source.path != "tastemaker/config_store/keys.py"
    ]
    for name, value in vars(keys).items():
        if isinstance(value, ConfigKey):
            assert any(uses(name, module) for module in modules), f"nothing reads {value.name}"


def test_violations_are_found() -> None:
    (key, *_) = DECLARED.values()
    assert [*differences("", {(key.category, key.key): key})]
    assert [*differences("| `a.b` | `1` | a number | Nothing. |", {})]
    assert not uses("SOME_KEY", "from x import SOME_KEY\n")
    assert uses("SOME_KEY", "from x import SOME_KEY\nconfig[SOME_KEY]\n")
