"""What administrators do to users, by page, HTTP and command: each act is an event, and nobody else can."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tastemaker.accounts import identity
from tastemaker.accounts.current_user import CurrentUser
from tastemaker.admin import users
from tastemaker.core.errors import Conflict
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM
from tastemaker.db.enums import ApiScope
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import transaction
from tests.accounts.test_identity import PASSWORD, Person
from tests.web.conftest import MakeProgram, make_key, program_with, url
from tests.web.test_campaigns import somebody
from tests.web.visitors import Visitor, sign_in

__all__ = ["program_with", "url"]

ACTS = statement(
    """
    SELECT concat_ws(' ', event_data ->> 'action', event_data ->> 'reason', metadata ->> 'actor') AS said
    FROM events WHERE event_type = 'admin_action' ORDER BY seq
    """,
    str,
    not_null="said",
)


@pytest.fixture
async def admin(url: str, database: Database, user: CurrentUser) -> AsyncIterator[Visitor]:
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        yield await sign_in(http, database, user)


async def test_the_pages_find_show_and_act(admin: Visitor, database: Database, url: str) -> None:
    bob = await somebody(database, "bob")
    assert "bob" in (await admin.get("/system/users")).text
    assert "/system/users/bob" in (await admin.get("/system/users?q=bo")).text
    assert "Nobody has this" in (await admin.get("/system/users?q=zzzz")).text
    assert (await admin.get("/system/users?q=..")).status_code == 422
    await admin.send("/system/users/bob/administrator", {"grant": "yes", "reason": "She runs it"})
    shown = (await admin.get("/system/users/bob")).text
    assert "grant admin: She runs it" in shown
    assert "Dismiss as administrator" in shown
    await admin.send("/system/users/bob/administrator", {"grant": "no"})
    await admin.send("/system/users/bob/plan", {"plan": "free", "reason": "A gift"})
    made = await admin.send("/system/users/bob/links", {"reason": "Forgot it"})
    assert made.status_code == 201
    link = made.text.partition('tabindex="0">')[2].partition("<")[0]
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        person = Person(http)
        path = link.removeprefix(url)
        assert (await person.post(path, email="bob@example.com", password=PASSWORD)).status_code == 303
        assert await person.is_in()
        await admin.send("/system/users/bob/sessions/revocation", {"reason": "Lost laptop"})
        assert not await person.is_in()
    assert (await admin.send("/system/users/bob/deletion", {"confirmed": "bo"})).status_code == 422
    assert (await admin.send("/system/users/bob/deletion", {"confirmed": "bob"})).status_code == 303
    async with transaction(database, SYSTEM) as tx:
        acts = await tx.many(ACTS)
    assert [act for act in acts if "grant_admin" in act] == ["grant_admin She runs it local"]
    assert "end_sessions Lost laptop local" in acts
    assert bob.user_id == "bob"


async def test_a_request_for_a_password_stands_at_the_administrators(admin: Visitor, url: str) -> None:
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        person = Person(http)
        await person.sign_up()
        await person.post("/password-reset", email="robin@example.com")
        await person.post("/password-reset", email="nobody@example.com")
        shown = (await admin.get("/system/users")).text
        waiting = shown.partition("Links not used yet")[2]
        assert "robin@example.com" in waiting
        assert "nobody@example.com" not in waiting
        assert (await http.get("/system/users")).status_code == 404, "for others there is no such page"
        assert (await person.post("/system/users", email="eve@example.com")).status_code == 404


async def test_programs_of_administrators_and_of_nobody_else(
    program_with: MakeProgram, database: Database, user: CurrentUser
) -> None:
    bob = await somebody(database, "bob")
    program = program_with(await make_key(database, user, ApiScope.ADMIN))
    ordinary = program_with(await make_key(database, bob, ApiScope.ACCOUNT_READ))
    without = program_with(await make_key(database, user, ApiScope.CAMPAIGNS_READ))
    path = "/api/v1/admin/users"
    assert [one["user_id"] for one in (await program.get(path)).json()["users"]] == ["bob", "local"]
    first = (await program.get(path, limit=1)).json()
    assert [one["user_id"] for one in (await program.get(path, after=first["next"])).json()["users"]] == [
        "local"
    ]
    assert (await ordinary.get(path)).status_code == (await without.get(path)).status_code == 403
    made = await program.post(path, {"email": "Robin@example.com", "full_name": "Robin"}, key="once")
    again = await program.post(path, {"email": "Robin@example.com", "full_name": "Robin"}, key="once")
    assert made.status_code == 201
    assert again.json() == made.json()
    assert (await program.post(path, {"email": "robin@example.com"})).status_code == 409
    here = f"{path}/{made.json()['user_id']}"
    shown = (await program.get(here)).json()
    assert shown["profile"]["email"] == "robin@example.com"
    assert shown["sign_in"] is None
    assert "digest" not in str(shown)
    granted = await program.http.put(f"{here}/administrator", json={"reason": "She runs it"})
    assert granted.json()["is_admin"] is True
    assert (await program.http.delete(f"{here}/administrator")).json()["is_admin"] is False
    events = (await program.get(f"{here}/events")).json()["events"]
    assert {one["event_type"] for one in events} == {"user_registered", "admin_action"}
    assert (await program.get(f"{path}/nobody")).status_code == 404
    assert (await program.http.delete(here)).status_code == 202
    async with transaction(database, SYSTEM) as tx:
        await users.set_administrator(tx, bob.user_id, is_admin=True, actor=user.user_id)
        await users.set_administrator(tx, user.user_id, is_admin=False, actor=bob.user_id)
    assert (await program.get(path)).status_code == 404, "the key of one who was dismissed"


async def test_the_last_administrator_stays(database: Database, user: CurrentUser) -> None:
    async with transaction(database, SYSTEM) as tx:
        with pytest.raises(Conflict, match="last administrator"):
            await users.set_administrator(tx, user.user_id, is_admin=False, actor=user.user_id)
        first = await identity.invite(tx, email=None, created_by=ExternalUserId("local"))
        assert first.link.email is None


async def test_served_pages_of_users_need_the_origin(admin: Visitor, database: Database) -> None:
    await somebody(database, "bob")
    answered = await admin.send(
        "/system/users/bob/administrator", {"grant": "yes"}, origin="https://evil.example"
    )
    assert answered.status_code == 403
