"""The way out of marketing over HTTP, as a mail program and a person take it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from tastemaker.core.settings import get_settings
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import transaction
from tastemaker.mail.sequence import on_sign_up
from tests.mail.people import KEY, ROBIN, add_user, happens, statuses

LINK = f"/email/unsubscriptions/{KEY.token(ROBIN)}"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("TASTEMAKER_HOME", str(tmp_path))
    monkeypatch.setenv("TASTEMAKER_MAIL_KEY", KEY.secret.decode())
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.fixture
async def anybody(url: str) -> AsyncIterator[httpx.AsyncClient]:
    """Without a key and without a tx."""
    async with httpx.AsyncClient(base_url=url) as http:
        yield http


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def unsubscribed(database: Database) -> list[str]:
    async with transaction(database, SYSTEM) as tx:
        return await tx.many(statement("SELECT tenant_id || ' ' || source FROM email_unsubscriptions", str))


async def test_looking_at_the_link_changes_nothing(database: Database, anybody: httpx.AsyncClient) -> None:
    await add_user(database)
    page = await anybody.get(LINK)
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    assert '<form method="post">' in page.text
    assert "robin" not in page.text.lower()
    assert await unsubscribed(database) == []


async def test_one_click_is_enough_and_two_do_no_harm(database: Database, anybody: httpx.AsyncClient) -> None:
    await add_user(database)
    await happens(database, on_sign_up)
    for _ in range(2):
        done = await anybody.post(LINK, data=ONE_CLICK)
        assert (done.status_code, "no more tips" in done.text) == (200, True)
        assert "set-cookie" not in done.headers
    assert await unsubscribed(database) == [f"{ROBIN} link"]
    assert await statuses(database) == {"welcome": "scheduled", "abandonment": "cancelled"}


async def test_who_is_gone_is_not_told_apart(database: Database, anybody: httpx.AsyncClient) -> None:
    assert (await anybody.post(LINK, data=ONE_CLICK)).status_code == 200
    assert await unsubscribed(database) == []


@pytest.mark.parametrize("token", ["x", KEY.token(ROBIN)[:-1], f"{KEY.token(ROBIN)}x", "%00", "a.b.c"])
async def test_a_link_that_is_not_ours_is_a_404(
    database: Database, anybody: httpx.AsyncClient, token: str
) -> None:
    await add_user(database)
    for answer in (
        await anybody.get(f"/email/unsubscriptions/{token}"),
        await anybody.post(f"/email/unsubscriptions/{token}"),
    ):
        assert (answer.status_code, "does not work" in answer.text) == (404, True)
    assert await unsubscribed(database) == []


async def test_where_no_link_was_ever_made_none_works_and_no_key_is_made(
    anybody: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("TASTEMAKER_MAIL_KEY")
    get_settings.cache_clear()
    assert (await anybody.get(LINK)).status_code == 404
    assert (await anybody.post(LINK)).status_code == 404
    assert names_in(tmp_path) == []
