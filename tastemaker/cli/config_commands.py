"""`tastemaker config …`: what is set, what it means, and changing it."""

from typing import Any

from tastemaker.cli import screen
from tastemaker.cli.listing_commands import show_table
from tastemaker.cli.numbers import UNKNOWN, moment
from tastemaker.cli.plain_text import plain
from tastemaker.cli.session import Session
from tastemaker.cli.table import Column
from tastemaker.config_store.queries import Change, list_changes
from tastemaker.config_store.service import (
    Setting,
    find_key,
    list_settings,
    list_unused,
    set_value,
    unset_value,
)
from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import session_scope

SETTING_COLUMNS = (
    Column(title="Key", least=40, most=60),
    Column(title="Value", least=5, most=40),
    Column(title="Default", most=20, rank=2, style="dim"),
    Column(title="Meaning", least=20, most=110, rank=1),
)
UNUSED_COLUMNS = (Column(title="Key", least=40, most=60), Column(title="Value", least=5))
CHANGE_COLUMNS = (
    Column(title="When (UTC)", least=16),
    Column(title="Key", least=40, most=60),
    Column(title="From", least=5),
    Column(title="To", least=5),
    Column(title="By", least=8, rank=1),
)


async def show_settings(session: Session, *, unused: bool, as_json: bool) -> None:
    if unused:
        await _show_unused(session, as_json=as_json)
        return
    async with session_scope(session.database, SYSTEM) as reading:
        settings = await list_settings(reading)
        rest = len(await list_unused(reading))
    if as_json:
        screen.write_json({"settings": [_document(one) for one in settings], "unused": rest})
        return
    show_table(SETTING_COLUMNS, [_row(one) for one in settings])
    for setting in settings:
        if setting.trouble:
            screen.say(f"{setting.trouble} Running processes keep what they read before.", style="yellow")
    if rest:
        screen.say(f"{rest} more rows are read by nothing: `tastemaker config list --unused`.", style="dim")


async def show_setting(session: Session, name: str, *, as_json: bool) -> None:
    key = find_key(name)
    async with session_scope(session.database, SYSTEM) as reading:
        setting = next(one for one in await list_settings(reading) if one.key is key)
    if as_json:
        screen.write_json({"setting": _document(setting)})
        return
    is_default = " (the default)" if setting.is_default else f" (default {key.write(key.default)})"
    screen.show(f"{key.name} = {plain(setting.value)}{is_default}")
    screen.show(key.meaning)
    screen.show(f"Accepted: {key.range}. {_takes_effect(setting)}")
    if setting.trouble:
        screen.say(setting.trouble, style="yellow")


async def change(session: Session, name: str, value: str, *, as_json: bool) -> None:
    async with session_scope(session.database, SYSTEM) as writing:
        setting = await set_value(writing, name, value, actor=_actor(session))
    _say_changed(setting, as_json=as_json)


async def reset(session: Session, name: str, *, as_json: bool) -> None:
    async with session_scope(session.database, SYSTEM) as writing:
        setting = await unset_value(writing, name, actor=_actor(session))
    if setting is not None:
        _say_changed(setting, as_json=as_json)
    elif as_json:
        screen.write_json({"setting": None})
    else:
        screen.show("Removed; nothing read it.")


async def show_history(session: Session, name: str | None, *, limit: int, as_json: bool) -> None:
    async with session_scope(session.database, SYSTEM) as reading:
        changes = await list_changes(reading, name, limit=limit)
    if name is not None and not changes:
        find_key(name)
    if as_json:
        screen.write_json({"changes": [_change_document(one) for one in changes]})
    elif not changes:
        screen.show("Nothing was changed.")
    else:
        show_table(CHANGE_COLUMNS, [_change_row(one) for one in changes])


async def _show_unused(session: Session, *, as_json: bool) -> None:
    async with session_scope(session.database, SYSTEM) as reading:
        rows = await list_unused(reading)
    if as_json:
        screen.write_json({"unused": [{"key": one.name, "value": one.value} for one in rows]})
    elif not rows:
        screen.show("Every row is read by something.")
    else:
        show_table(UNUSED_COLUMNS, [(plain(one.name), plain(one.value)) for one in rows])


def _say_changed(setting: Setting, *, as_json: bool) -> None:
    if as_json:
        screen.write_json({"setting": _document(setting)})
        return
    default = ", its default" if setting.is_default else ""
    screen.show(f"{setting.key.name} is {plain(setting.value)}{default}. {_takes_effect(setting)}")


def _takes_effect(setting: Setting) -> str:
    if setting.key.hot:
        return "A change takes effect within seconds."
    return "A change takes effect when the processes are restarted."


def _actor(session: Session) -> str:
    return f"{session.user.user_id} (command line)"


def _row(setting: Setting) -> tuple[str, ...]:
    key = setting.key
    return key.name, plain(setting.value), key.write(key.default), key.meaning


def _change_row(change: Change) -> tuple[str, ...]:
    return (
        moment(change.timestamp),
        plain(change.name),
        UNKNOWN if change.old is None else plain(change.old),
        UNKNOWN if change.new is None else plain(change.new),
        plain(change.actor or UNKNOWN),
    )


def _document(setting: Setting) -> dict[str, Any]:
    key = setting.key
    return {
        "key": key.name,
        "value": setting.value,
        "is_default": setting.is_default,
        "default": key.write(key.default),
        "type": key.kind.value,
        "accepted": key.range,
        "meaning": key.meaning,
        "hot": key.hot,
        "trouble": setting.trouble,
    }


def _change_document(change: Change) -> dict[str, Any]:
    return {
        "at": change.timestamp.isoformat(),
        "key": change.name,
        "old": change.old,
        "new": change.new,
        "by": change.actor,
    }
