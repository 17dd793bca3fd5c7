"""`tastemaker config …`: what is set, what it means, and changing it."""

from typing import Annotated, Any

import typer

from tastemaker.cli import screen
from tastemaker.cli.groups import group
from tastemaker.cli.listing import Listing, answer, show_table
from tastemaker.cli.options import Json, Limit
from tastemaker.cli.plain_text import plain
from tastemaker.cli.session import Session, with_session
from tastemaker.cli.table import Column
from tastemaker.config_store.queries import Change, StoredValue, list_changes
from tastemaker.config_store.service import (
    Setting,
    find_key,
    list_settings,
    list_unused,
    set_value,
    unset_value,
)
from tastemaker.core.display import UNKNOWN, moment
from tastemaker.db.claims import SYSTEM
from tastemaker.db.transaction import transaction

config_app = group("config")

Name = Annotated[str, typer.Argument(metavar="KEY", help="A key, such as timeouts.standard_job_timeout.")]

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


def _change_row(change: Change) -> tuple[str, ...]:
    return (
        moment(change.timestamp),
        plain(change.name),
        UNKNOWN if change.old is None else plain(change.old),
        UNKNOWN if change.new is None else plain(change.new),
        plain(change.actor or UNKNOWN),
    )


def _change_document(change: Change) -> dict[str, Any]:
    return {
        "at": change.timestamp.isoformat(),
        "key": change.name,
        "old": change.old,
        "new": change.new,
        "by": change.actor,
    }


UNUSED: Listing[StoredValue] = Listing(
    "unused",
    UNUSED_COLUMNS,
    lambda one: (plain(one.name), plain(one.value)),
    empty="Every row is read by something.",
    document=lambda one: {"key": one.name, "value": one.value},
)
CHANGES = Listing(
    "changes", CHANGE_COLUMNS, _change_row, empty="Nothing was changed.", document=_change_document
)


@config_app.command("list")
@with_session
async def show_all(
    session: Session,
    *,
    unused: Annotated[
        bool, typer.Option("--unused", help="Only rows that no code reads. They can be removed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show every key with its value, or the rows that no code reads."""
    async with transaction(session.database, SYSTEM) as tx:
        rows = await list_unused(tx)
        settings = [] if unused else await list_settings(tx)
    if unused:
        UNUSED.show(rows, as_json=as_json)
        return
    if as_json:
        screen.write_json({"settings": [_document(one) for one in settings], "unused": len(rows)})
        return
    show_table(SETTING_COLUMNS, [_row(one) for one in settings])
    for setting in settings:
        if setting.trouble:
            screen.say(f"{setting.trouble} Running processes keep what they read before.", style="yellow")
    if rows:
        sentence = f"{len(rows)} more rows are read by nothing: `tastemaker config list --unused`."
        screen.say(sentence, style="dim")


@config_app.command()
@with_session
async def get(session: Session, key: Name, *, as_json: Json = False) -> None:
    """Show one key: its value, meaning and accepted values."""
    known = find_key(key)
    async with transaction(session.database, SYSTEM) as tx:
        setting = next(one for one in await list_settings(tx) if one.key is known)
    if as_json:
        screen.write_json({"setting": _document(setting)})
        return
    is_default = " (the default)" if setting.is_default else f" (default {known.write(known.default)})"
    screen.show(f"{known.name} = {plain(setting.value)}{is_default}")
    screen.show(known.meaning)
    screen.show(f"Accepted: {known.range}. {_takes_effect(setting)}")
    if setting.trouble:
        screen.say(setting.trouble, style="yellow")


@config_app.command("set")
@with_session
async def change(
    session: Session,
    key: Name,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="A number, a duration (90s), true or false.")],
    *,
    as_json: Json = False,
) -> None:
    """Change a key. Every running process has the value within seconds, unless a restart is needed."""
    async with transaction(session.database, SYSTEM) as tx:
        setting = await set_value(tx, key, value, actor=_actor(session))
    _say_changed(setting, as_json=as_json)


@config_app.command()
@with_session
async def unset(session: Session, key: Name, *, as_json: Json = False) -> None:
    """Reset a key to its default, or remove a row that no code reads."""
    async with transaction(session.database, SYSTEM) as tx:
        setting = await unset_value(tx, key, actor=_actor(session))
    if setting is not None:
        _say_changed(setting, as_json=as_json)
    else:
        answer({"setting": None}, "Removed a row that no code reads.", as_json=as_json)


@config_app.command()
@with_session
async def history(
    session: Session,
    key: Annotated[str | None, typer.Argument(metavar="[KEY]", help="Only the changes of this key.")] = None,
    *,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Show the changes with their times and authors, the latest first."""
    async with transaction(session.database, SYSTEM) as tx:
        changes = await list_changes(tx, key, limit=limit)
    if key is not None and not changes:
        find_key(key)
    CHANGES.show(changes, as_json=as_json)


def _say_changed(setting: Setting, *, as_json: bool) -> None:
    default = ", its default" if setting.is_default else ""
    sentence = f"{setting.key.name} is {plain(setting.value)}{default}. {_takes_effect(setting)}"
    answer({"setting": _document(setting)}, sentence, as_json=as_json)


def _takes_effect(setting: Setting) -> str:
    if setting.key.hot:
        return "A change takes effect within seconds."
    return "A change takes effect when the processes are restarted."


def _actor(session: Session) -> str:
    return f"{session.user.user_id} (command line)"


def _row(setting: Setting) -> tuple[str, ...]:
    key = setting.key
    return key.name, plain(setting.value), key.write(key.default), key.meaning


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
