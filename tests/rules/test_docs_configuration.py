"""Every configuration key has its row in docs/reference/configuration.md, and a reader that reads it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tastemaker.config_store import keys
from tastemaker.config_store.declaring import DECLARED, ConfigKey
from tests.rules.markdown import table_rows
from tests.rules.source import ROOT

PAGE = "docs/reference/configuration.md"
COLUMNS = 5


def row_of(key: ConfigKey[Any]) -> list[str]:
    restart = "" if key.hot else " (restart)"
    default = f"`{key.write(key.default)}`"
    return [f"`{key.name}`{restart}", default, key.range, f"`{key.reader}`", key.meaning]


def differences(page: str, declared: Mapping[tuple[str, str], ConfigKey[Any]]) -> Iterator[str]:
    rows = [list(row) for row in table_rows(page) if len(row) == COLUMNS]
    expected = [row_of(key) for key in declared.values()]
    yield from (f"{PAGE} lacks | {' | '.join(row)} |" for row in expected if row not in rows)
    yield from (f"{PAGE}: no key is | {' | '.join(row)} |" for row in rows if row not in expected)


def unread(name: str, source: str) -> bool:
    """Whether the module only imports the constant, or does not even do that."""
    return len(re.findall(rf"\b{name}\b", source)) < 2


def test_every_key_is_documented() -> None:
    rows = [*differences((ROOT / PAGE).read_text(), DECLARED)]
    assert not [row for row in rows if "Default | Accepted" not in row], "\n" + "\n".join(rows)


def test_every_key_is_read_by_its_reader() -> None:
    names = {id(value): name for name, value in vars(keys).items() if isinstance(value, ConfigKey)}
    for key in DECLARED.values():
        module = ROOT / "tastemaker" / f"{key.reader.replace('.', '/')}.py"
        assert not unread(names[id(key)], module.read_text()), f"{key.reader} does not read {key.name}"


def test_violations_are_found() -> None:
    (key, *_) = DECLARED.values()
    assert [*differences("", {(key.category, key.key): key})]
    assert [*differences("| `a.b` | `1` | a number | `x` | Nothing. |", {})]
    assert unread("SOME_KEY", "from x import SOME_KEY\n")
    assert not unread("SOME_KEY", "from x import SOME_KEY\nconfig[SOME_KEY]\n")
