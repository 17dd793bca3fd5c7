"""A browser without JavaScript: cookies, forms with their Origin, and pages."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.accounts.queries import insert_user
from tastemaker.accounts.service import get_current_user
from tastemaker.accounts.sessions import make_link
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.transaction import transaction
from tests.web.conftest import app_over, served


@asynccontextmanager
async def browsing(
    database: Database, user: CurrentUser, app: FastAPI | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """Signed in as the user. Each request sends the Origin that a form of our own page has."""
    async with transaction(database, user.claim) as tx:
        link = await make_link(tx, user.user_id)
    async with (
        served(app or app_over(database)) as url,
        httpx.AsyncClient(base_url=url, timeout=30, headers={"Origin": url}) as browser,
    ):
        signed = await browser.get("/sign-in", params={"token": link})
        assert signed.status_code == 303, signed.text
        yield browser


async def somebody_else(database: Database, name: str = "bob", *, is_admin: bool = False) -> CurrentUser:
    async with transaction(database, SYSTEM) as tx:
        await insert_user(tx, ExternalUserId(name), full_name=name, plan="self_hosted", is_admin=is_admin)
        return await get_current_user(tx, ExternalUserId(name))


async def submit(browser: httpx.AsyncClient, path: str, **fields: object) -> httpx.Response:
    """Send a form, and follow to the page that it leads to."""
    return await browser.post(path, data=fields, follow_redirects=True)
