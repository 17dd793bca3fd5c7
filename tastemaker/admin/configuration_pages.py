"""`/system/configuration`: every key with its value, its bounds and its history, and changing it."""

from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Path
from fastapi.responses import Response

from tastemaker.accounts.sessions import Visit
from tastemaker.admin.access import NO_NUL, Administrator, Typed, Word, actor_of, as_system
from tastemaker.config_store.queries import Change, StoredValue, list_changes
from tastemaker.config_store.service import (
    Setting,
    find_key,
    list_settings,
    list_unused,
    set_value,
    unset_value,
)
from tastemaker.core.errors import InvalidInput
from tastemaker.db.transaction import Transaction
from tastemaker.web.pages import page, redirect

CONFIGURATION: Final = "/system/configuration"
MOST_CHANGES: Final = 50

Name = Annotated[str, Path(max_length=200, pattern=NO_NUL)]

router = APIRouter(include_in_schema=False)


@router.get(CONFIGURATION)
async def show_configuration(visit: Administrator, category: Word = "") -> Response:
    async def work(tx: Transaction) -> tuple[list[Setting], Sequence[StoredValue], list[Change]]:
        return await list_settings(tx), await list_unused(tx), await list_changes(tx, None, limit=10)

    settings, unused, changes = await as_system(visit, work)
    categories = list(dict.fromkeys(one.key.category for one in settings))
    groups = {
        name: [one for one in settings if one.key.category == name]
        for name in categories
        if category in {"", name}
    }
    return page(
        visit.request,
        "admin/configuration.html",
        groups=groups,
        categories=categories,
        category=category,
        unused=unused,
        changes=changes,
    )


@router.get(f"{CONFIGURATION}/{{name}}")
async def show_key(visit: Administrator, name: Name) -> Response:
    return await _key_page(visit, name)


@router.post(f"{CONFIGURATION}/{{name}}")
async def change_key(visit: Administrator, name: Name, value: Typed = "") -> Response:
    async def work(tx: Transaction) -> Setting:
        return await set_value(tx, name, value, actor=actor_of(visit))

    try:
        changed = await as_system(visit, work)
    except InvalidInput as error:
        return await _key_page(visit, name, typed=value, wrong=str(error))
    when = "within seconds" if changed.key.hot else "when the processes are restarted"
    said = f"{changed.key.name} is {changed.value}. It takes effect {when}."
    return redirect(f"{CONFIGURATION}/{changed.key.name}", said=said)


@router.post(f"{CONFIGURATION}/{{name}}/default")
async def reset_key(visit: Administrator, name: Name) -> Response:
    """Back to the default; a row that no code reads is removed."""

    async def work(tx: Transaction) -> Setting | None:
        return await unset_value(tx, name, actor=actor_of(visit))

    reset = await as_system(visit, work)
    if reset is None:
        return redirect(CONFIGURATION, said=f"Removed {name}, which no code reads.")
    said = f"{reset.key.name} is {reset.value} again, its default."
    return redirect(f"{CONFIGURATION}/{reset.key.name}", said=said)


async def _key_page(
    visit: Visit, name: str, *, typed: str | None = None, wrong: str | None = None
) -> Response:
    known = find_key(name)

    async def work(tx: Transaction) -> tuple[Setting, list[Change]]:
        found = next(one for one in await list_settings(tx) if one.key is known)
        return found, await list_changes(tx, known.name, limit=MOST_CHANGES)

    setting, changes = await as_system(visit, work)
    return page(
        visit.request,
        "admin/configuration_key.html",
        status=422 if wrong else 200,
        setting=setting,
        key=known,
        default=known.write(known.default),
        typed=setting.value if typed is None else typed,
        wrong=wrong,
        changes=changes,
    )
