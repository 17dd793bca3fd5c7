"""People in browsers: a signed-in client that sends forms as the pages of the site do."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

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

Fields = Mapping[str, str | Sequence[str]]


@dataclass(frozen=True)
class Visitor:
    http: httpx.AsyncClient

    async def get(self, path: str, *, part: bool = False) -> httpx.Response:
        return await self.http.get(path, headers={"HX-Request": "true"} if part else {})

    async def send(
        self, path: str, form: Fields | None = None, *, part: bool = False, origin: str | None = None
    ) -> httpx.Response:
        """Post a form; the redirect is answered, not followed."""
        headers = {"Origin": origin or str(self.http.base_url).rstrip("/")}
        if part:
            headers["HX-Request"] = "true"
        data = {
            name: value if isinstance(value, str) else list(value) for name, value in (form or {}).items()
        }
        return await self.http.post(path, data=data, headers=headers)

    async def do(self, path: str, form: Fields | None = None) -> httpx.Response:
        """Post a form and read the page that it leads to."""
        answered = await self.send(path, form)
        assert answered.status_code == 303, answered.text
        return await self.get(answered.headers["location"])


async def sign_in(http: httpx.AsyncClient, database: Database, user: CurrentUser) -> Visitor:
    async with transaction(database, user.claim) as tx:
        token = await make_link(tx, user.user_id)
    answered = await http.get("/sign-in", params={"token": token})
    assert answered.status_code == 303, answered.text
    return Visitor(http)


@asynccontextmanager
async def browsing(
    database: Database, user: CurrentUser, app: FastAPI | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """A browser of its own, signed in, whose requests all have the Origin of the site."""
    async with (
        served(app or app_over(database)) as url,
        httpx.AsyncClient(base_url=url, timeout=30, headers={"Origin": url}) as http,
    ):
        yield (await sign_in(http, database, user)).http


async def submit(browser: httpx.AsyncClient, path: str, **fields: object) -> httpx.Response:
    """Send a form, and follow to the page that it leads to, or stay at what is wrong."""
    return await browser.post(path, data=fields, follow_redirects=True)


async def somebody_else(database: Database, name: str = "bob") -> CurrentUser:
    async with transaction(database, SYSTEM) as tx:
        await insert_user(tx, ExternalUserId(name), full_name=name, plan="self_hosted", is_admin=False)
        return await get_current_user(tx, ExternalUserId(name))
