"""The built-in identity over HTTP: sign up, sign in, links that work once, and those who attack them."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest

from tastemaker.accounts import identity
from tastemaker.accounts.current_user import CurrentUser
from tastemaker.accounts.sessions import COOKIE, make_link
from tastemaker.config_store.keys import OPEN_SIGN_UP
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import transaction
from tests.web.conftest import app_over, served

EMAIL, PASSWORD = "robin@example.com", "correct horse battery"
COUNT = statement(
    """
    SELECT (SELECT count(*) FROM users) * 1000000 + (SELECT count(*) FROM user_subscriptions) * 10000
         + (SELECT count(*) FROM user_billing) * 100 + (SELECT count(*) FROM user_usage) AS counts
    """,
    int,
    not_null="counts",
)
CREDENTIALS = statement("SELECT email FROM credentials ORDER BY email", str)
EXPIRE_LINKS = statement("UPDATE account_links SET expires_at = app_now()")
EVERYTHING = statement(
    "SELECT event_data::text || coalesce(metadata::text, '') AS said FROM events", str, not_null="said"
)


@dataclass
class Person:
    """A browser, and what it posts like one."""

    http: httpx.AsyncClient

    async def post(self, path: str, **fields: str | list[str]) -> httpx.Response:
        origin = str(self.http.base_url).rstrip("/")
        return await self.http.post(path, data=fields, headers={"Origin": origin})

    async def sign_up(self, email: str = EMAIL, password: str = PASSWORD) -> httpx.Response:
        return await self.post("/sign-up", email=email, password=password, full_name="Robin")

    async def sign_in(self, email: str = EMAIL, password: str = PASSWORD) -> httpx.Response:
        return await self.post("/sign-in", email=email, password=password)

    async def is_in(self) -> bool:
        return (await self.http.get("/settings/account")).status_code == 200


@pytest.fixture
async def url(database: Database, user: CurrentUser) -> AsyncIterator[str]:
    async with served(app_over(database)) as url:
        yield url


@pytest.fixture
async def robin(url: str) -> AsyncIterator[Person]:
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        yield Person(http)


@pytest.fixture
async def other(url: str) -> AsyncIterator[Person]:
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        yield Person(http)


async def test_sign_up_out_and_in(robin: Person, database: Database) -> None:
    signed_up = await robin.sign_up("  Robin@Example.com ")
    assert (signed_up.status_code, signed_up.headers["location"]) == (303, "/onboarding")
    before = robin.http.cookies[COOKIE]
    assert EMAIL in (await robin.http.get("/settings/account")).text
    async with transaction(database, SYSTEM) as tx:
        assert await tx.only(COUNT) == 2_020_202, "the local user and this one, with a row in each table"
    await robin.post("/sign-out")
    assert not await robin.is_in()
    assert (await robin.sign_in()).status_code == 303
    assert robin.http.cookies[COOKIE] != before
    again = robin.http.cookies[COOKIE]
    await robin.sign_in()
    async with httpx.AsyncClient(base_url=robin.http.base_url, cookies={COOKIE: again}) as old:
        assert (await old.get("/settings/account")).status_code == 303, "a sign-in ends the session before"


async def test_one_address_is_one_user_however_many_sign_up_at_once(url: str, database: Database) -> None:
    async def sign_up() -> int:
        async with httpx.AsyncClient(base_url=url, timeout=60) as http:
            return (await Person(http).sign_up()).status_code

    answers = await asyncio.gather(*(sign_up() for _ in range(8)))
    assert sorted(answers) == [303] + [409] * 7
    async with transaction(database, SYSTEM) as tx:
        assert await tx.many(CREDENTIALS) == [EMAIL]
        assert await tx.only(COUNT) == 2_020_202, "nothing is left of those who came too late"


async def test_a_wrong_password_and_no_account_look_the_same(robin: Person, other: Person) -> None:
    await robin.sign_up()
    wrong = await other.sign_in(password="not this one")
    nobody = await other.sign_in("nobody@example.com")
    assert wrong.status_code == nobody.status_code == 403
    assert wrong.text.replace(EMAIL, "") == nobody.text.replace("nobody@example.com", "")
    resets = [
        (await other.post("/password-reset", email=email)).text.replace(email, "")
        for email in (EMAIL, "nobody@example.com")
    ]
    assert resets[0] == resets[1]


async def test_attempts_are_limited_by_account_also_at_once(robin: Person, other: Person) -> None:
    await robin.sign_up()
    answers = await asyncio.gather(*(other.sign_in(password=f"wrong {n}") for n in range(15)))
    assert sorted(one.status_code for one in answers) == [403] * 10 + [429] * 5
    refused = await other.sign_in()
    assert refused.status_code == 429, "also with the right password"
    assert "Try again in 15 minutes" in refused.text
    assert (await other.sign_in("somebody.else@example.com")).status_code == 403


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("robin", PASSWORD),
        (EMAIL, "short"),
        (EMAIL, EMAIL),
        ("a@b@c", PASSWORD),
        ("", ""),
        (EMAIL, "aaaaaaaaaaaa"),
    ],
)
async def test_what_is_no_address_or_no_password_is_refused(robin: Person, email: str, password: str) -> None:
    refused = await robin.sign_up(email, password)
    assert refused.status_code == 422
    assert not await robin.is_in()


async def test_the_first_administrator_takes_over_the_local_user(
    robin: Person, other: Person, database: Database, user: CurrentUser
) -> None:
    async with transaction(database, SYSTEM) as tx:
        first = (await identity.make_first_link(tx)).url("")
    async with transaction(database, user.claim) as tx:
        local = await make_link(tx, user.user_id)
    assert "Become the administrator" in (await robin.http.get(first)).text
    joined = await robin.post(first, email=EMAIL, password=PASSWORD)
    assert joined.status_code == 303
    assert (await robin.http.get("/system/jobs")).status_code == 200
    assert (await other.post(first, email="eve@example.com", password=PASSWORD)).status_code == 403
    refused = await other.http.get("/sign-in", params={"token": local})
    assert refused.status_code == 403, "links of this machine are over"
    assert await robin.is_in()
    async with transaction(database, SYSTEM) as tx:
        again = (await identity.make_first_link(tx)).url("")
    assert "Choose a new password" in (await other.http.get(again)).text, "for who has forgotten it"
    await other.post(again, password="another good password")
    assert not await robin.is_in(), "a new password ends every session"
    assert (await other.http.get("/system/jobs")).status_code == 200


async def test_a_link_is_refused_when_expired_replaced_or_made_up(
    robin: Person, database: Database, user: CurrentUser
) -> None:
    async with transaction(database, SYSTEM) as tx:
        old = (await identity.invite(tx, email=EMAIL, created_by=user.user_id)).url("")
        new = (await identity.invite(tx, email=EMAIL, created_by=user.user_id)).url("")
    assert (await robin.http.get(old)).status_code == 403
    assert (await robin.http.get(new)).status_code == 200
    foreign = await robin.http.post(
        new, data={"password": PASSWORD}, headers={"Origin": "https://evil.example"}
    )
    assert foreign.status_code == 403
    async with transaction(database, SYSTEM) as tx:
        await tx.run(EXPIRE_LINKS)
    for link in (new, "/account-links/made-up", f"/account-links/{'x' * 500}", "/account-links/%00"):
        assert (await robin.post(link, password=PASSWORD)).status_code == 403
    assert not await robin.is_in()


async def test_an_invited_person_has_the_invited_address(
    robin: Person, other: Person, database: Database, user: CurrentUser
) -> None:
    async with transaction(database, SYSTEM) as tx:
        link = (await identity.invite(tx, email=EMAIL, created_by=user.user_id)).url("")
    await robin.post(link, email="eve@example.com", password=PASSWORD, full_name="Robin")
    assert (await other.sign_in("eve@example.com")).status_code == 403
    assert (await other.sign_in()).status_code == 303
    assert (await other.http.get("/system/jobs")).status_code == 404, "no administrator"


async def test_sessions_and_the_password_are_changed_by_their_owner_alone(
    robin: Person, other: Person, url: str
) -> None:
    await robin.sign_up()
    await other.sign_in()
    shown = (await robin.http.get("/settings/account")).text
    (session,) = re.findall(r"/sessions/([0-9a-f-]{36})/revocation", shown)
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        eve = Person(http)
        await eve.sign_up("eve@example.com")
        assert (await eve.post(f"/settings/account/sessions/{session}/revocation")).status_code == 404
    assert await other.is_in()
    await robin.post(f"/settings/account/sessions/{session}/revocation")
    assert not await other.is_in()
    wrong = await robin.post("/settings/account/password", password="wrong", new_password="a new password")
    assert wrong.status_code == 403
    await other.sign_in()
    await robin.post("/settings/account/password", password=PASSWORD, new_password="a new password")
    assert await robin.is_in()
    assert not await other.is_in()
    assert (await other.sign_in()).status_code == 403
    assert (await other.sign_in(password="a new password")).status_code == 303
    await robin.post("/settings/account/profile", full_name="Robin R.", business_name="Soap & Co")
    assert "Soap &amp; Co" in (await robin.http.get("/settings/account")).text


async def test_sign_up_can_be_closed(database: Database) -> None:
    async with (
        served(app_over(database, config={OPEN_SIGN_UP: False})) as url,
        httpx.AsyncClient(base_url=url, timeout=30) as http,
    ):
        assert (await Person(http).sign_up()).status_code == 403
        assert "by invitation" in (await http.get("/sign-up")).text


async def test_no_secret_is_in_logs_or_events(
    robin: Person, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with transaction(database, SYSTEM) as tx:
        first = (await identity.make_first_link(tx)).secret
    await robin.post(f"/account-links/{first}", email="admin@example.com", password=PASSWORD)
    await robin.sign_up(password="canary-of-a-password")
    await robin.sign_in(password="canary-of-a-password")
    await robin.sign_in(password="canary-wrong")
    async with transaction(database, SYSTEM) as tx:
        events = " ".join(await tx.many(EVERYTHING))
    ours = [record for record in caplog.records if not record.name.startswith(("httpcore", "httpx"))]
    assert ours
    said = events + " ".join(record.getMessage() for record in ours)
    for secret in ("canary", PASSWORD, first, robin.http.cookies.get(COOKIE, "none yet"), EMAIL, "admin@"):
        assert secret not in said
