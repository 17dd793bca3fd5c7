"""Browser sessions over HTTP: the link works once, on this machine; the cookie ends with the session."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.accounts.sessions import COOKIE, make_link, prune
from tastemaker.core.settings import get_settings
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import transaction
from tests.web.conftest import app_over, served

EXPIRE = statement("UPDATE browser_sessions SET expires_at = app_now() - interval '1 second'")
COUNT = statement("SELECT count(*) FROM browser_sessions", int, not_null="count")
DIGESTS = statement("SELECT encode(digest, 'hex') FROM browser_sessions", str, not_null="encode")


@pytest.fixture
async def browser(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with served(app_over(database)) as url, httpx.AsyncClient(base_url=url, timeout=30) as client:
        yield client


@pytest.fixture
async def link(database: Database, user: CurrentUser) -> str:
    async with transaction(database, user.claim) as tx:
        return await make_link(tx, user.user_id)


async def test_a_link_signs_in_once(browser: httpx.AsyncClient, link: str, database: Database) -> None:
    assert (await browser.get("/")).headers["location"] == "/sign-in"
    signed = await browser.get("/sign-in", params={"token": link})
    assert (signed.status_code, signed.headers["location"]) == (303, "/")
    cookie = signed.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert (await browser.get("/")).status_code == 200
    async with httpx.AsyncClient(base_url=browser.base_url) as other:
        again = await other.get("/sign-in", params={"token": link})
    assert again.status_code == 403
    assert "used already" in again.text
    async with transaction(database, SYSTEM) as tx:
        (kept,) = await tx.many(DIGESTS)
    assert kept not in (link, browser.cookies[COOKIE])


async def test_a_session_cannot_be_prepared(browser: httpx.AsyncClient, link: str) -> None:
    """Neither a chosen cookie nor the link's own secret is a session."""
    browser.cookies.set(COOKIE, link)
    assert (await browser.get("/")).status_code == 303
    browser.cookies.clear()
    browser.cookies.set(COOKIE, "chosen")
    signed = await browser.get("/sign-in", params={"token": link})
    assert COOKIE in signed.headers["set-cookie"]
    assert "chosen" not in signed.headers["set-cookie"]


async def test_an_expired_link_and_an_expired_session_are_refused(
    browser: httpx.AsyncClient, link: str, database: Database, user: CurrentUser
) -> None:
    await browser.get("/sign-in", params={"token": link})
    async with transaction(database, user.claim) as tx:
        fresh = await make_link(tx, user.user_id)
        await tx.run(EXPIRE)
    assert (await browser.get("/")).status_code == 303
    assert (await browser.get("/sign-in", params={"token": fresh})).status_code == 403
    async with transaction(database, SYSTEM) as tx:
        assert await prune(tx, batch=10) == 2
        assert await tx.only(COUNT) == 0


@pytest.mark.parametrize("token", ["", "x", "x" * 150, "\u0000", "é", "' OR true --"])
async def test_a_made_up_token_is_refused(browser: httpx.AsyncClient, token: str) -> None:
    assert (await browser.get("/sign-in", params={"token": token})).status_code == 403


async def test_links_work_on_loopback_only(browser: httpx.AsyncClient, link: str) -> None:
    refused = await browser.get("/sign-in", params={"token": link}, headers={"Host": "creators.example.com"})
    assert refused.status_code == 403
    assert "127.0.0.1" in refused.text
    assert (await browser.get("/sign-in", params={"token": link})).status_code == 303


async def test_links_are_refused_beside_a_public_address(
    browser: httpx.AsyncClient, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(get_settings(), "public_url", "https://creators.example.com")
    assert (await browser.get("/sign-in", params={"token": link})).status_code == 403


async def test_signing_out_ends_the_session(browser: httpx.AsyncClient, link: str) -> None:
    await browser.get("/sign-in", params={"token": link})
    kept = browser.cookies[COOKIE]
    origin = str(browser.base_url).rstrip("/")
    assert (await browser.post("/sign-out", headers={"Origin": origin})).headers["location"] == "/sign-in"
    browser.cookies.set(COOKIE, kept)
    assert (await browser.get("/")).status_code == 303


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://127.0.0.1"])
async def test_a_form_of_another_site_is_refused(
    browser: httpx.AsyncClient, link: str, origin: str | None
) -> None:
    await browser.get("/sign-in", params={"token": link})
    refused = await browser.post("/sign-out", headers={"Origin": origin} if origin else {})
    assert refused.status_code == 403
    assert (await browser.get("/")).status_code == 200


async def test_htmx_is_sent_to_sign_in_by_its_own_header(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/sign-in")


async def test_pages_allow_no_inline_script(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/sign-in")
    assert "script-src 'self';" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert " style=" not in answer.text
    assert "onclick" not in answer.text
