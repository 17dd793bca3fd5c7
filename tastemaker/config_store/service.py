"""Changing the configuration: checked here and by the database, written down with who did it."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from tastemaker.config_store import keys as _declarations  # noqa: F401 - declares every key
from tastemaker.config_store import queries
from tastemaker.config_store.declaration import DECLARED, ConfigKey
from tastemaker.config_store.queries import StoredValue
from tastemaker.core.errors import InvalidInput, NotFound
from tastemaker.db.transaction import Transaction

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A declared key with the value in force. `is_default`: no row says otherwise.

    `trouble`: why the row cannot be used; the default, or what a process read before, applies.
    """

    key: ConfigKey[Any]
    value: str
    is_default: bool
    trouble: str | None = None


def find_key(name: str) -> ConfigKey[Any]:
    """By `category.key`. Raises NotFound, with the nearest name where there is one."""
    category, _, key = name.strip().partition(".")
    declared = DECLARED.get((category, key))
    if declared is not None:
        return declared
    near = difflib.get_close_matches(name, [one.name for one in DECLARED.values()], n=1)
    hint = f" Did you mean {near[0]}?" if near else " `tastemaker config list` shows them."
    raise NotFound(f"Nothing reads a key {name[:80]!r}.{hint}")


async def list_settings(tx: Transaction) -> list[Setting]:
    """Every declared key, by name."""
    stored = {(one.category, one.key): one for one in await queries.list_values(tx)}
    return [_setting(key, stored.get(place)) for place, key in sorted(DECLARED.items())]


async def current_value(tx: Transaction, key: ConfigKey[T]) -> T:
    """For a verb that has a tx and no `Configuration`; the default where the row cannot be read."""
    stored = await queries.find_value(tx, key.category, key.key)
    if stored is None:
        return key.default
    try:
        return key.parse(stored)
    except InvalidInput:
        return key.default


async def list_unused(tx: Transaction) -> Sequence[StoredValue]:
    """Rows that nothing reads: left by an older version, or brought along by adoption."""
    return [one for one in await queries.list_values(tx) if (one.category, one.key) not in DECLARED]


async def set_value(tx: Transaction, name: str, value: str, *, actor: str) -> Setting:
    """Raises NotFound, InvalidInput. The event of the change is written by the database, as for plain SQL."""
    key = find_key(name)
    written = key.write(key.parse(value))
    await queries.act_as(tx, actor)
    await queries.set_value(tx, key, written)
    return Setting(key=key, value=written, is_default=False)


async def unset_value(tx: Transaction, name: str, *, actor: str) -> Setting | None:
    """Back to the default; None for a key that nothing reads. Raises NotFound, InvalidInput without a row."""
    category, _, key = name.strip().partition(".")
    await queries.act_as(tx, actor)
    if not await queries.unset_value(tx, category, key):
        declared = find_key(name)
        raise InvalidInput(f"{declared.name} has its default already: {declared.write(declared.default)}.")
    known = DECLARED.get((category, key))
    return None if known is None else Setting(key=known, value=known.write(known.default), is_default=True)


def _setting(key: ConfigKey[Any], stored: StoredValue | None) -> Setting:
    if stored is None:
        return Setting(key=key, value=key.write(key.default), is_default=True)
    try:
        return Setting(key=key, value=key.write(key.parse(stored.value)), is_default=False)
    except InvalidInput as error:
        return Setting(key=key, value=stored.value, is_default=False, trouble=str(error))
