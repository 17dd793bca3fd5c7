"""Members over HTTP: who joins, what an editor and a viewer can, and that a removal is felt at once."""

import asyncio

import psycopg
import pytest

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.accounts.queries import FIND_CURRENT_USER
from tastemaker.campaigns import service as campaigns
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM, NotAMember, Tenant
from tastemaker.db.enums import MemberRole
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import read_one, transaction
from tastemaker.journeys import members
from tests.accounts.test_identity import Person, other, robin, url
from tests.web.conftest import MakeProgram, make_key, program_with

__all__ = ["other", "program_with", "robin", "url"]

EVE = statement("SELECT user_id FROM users WHERE email = 'eve@example.com'", ExternalUserId)
ROBIN = statement("SELECT user_id FROM users WHERE email = 'robin@example.com'", ExternalUserId)
ACTORS = statement(
    """
    SELECT tenant_id || ' by ' || (metadata ->> 'actor') AS said FROM events
    WHERE event_type = 'campaign_changed' ORDER BY seq
    """,
    str,
    not_null="said",
)
SEATS = statement("""
    UPDATE user_usage SET plan_features = '{"seats": 1}' FROM users
    WHERE users.email = 'robin@example.com' AND user_usage.user_id = users.id
""")
MEMBERS = statement("SELECT member_id FROM members", ExternalUserId)


@pytest.fixture
async def two(robin: Person, other: Person, database: Database) -> tuple[ExternalUserId, ExternalUserId]:
    """Robin, who owns an account, and Eve."""
    await robin.sign_up()
    await other.sign_up("eve@example.com")
    async with transaction(database, SYSTEM) as tx:
        return await tx.only(ROBIN), await tx.only(EVE)


async def invited(owner: Person, role: str) -> str:
    made = await owner.post("/settings/members", role=role)
    assert made.status_code == 201, made.text
    return made.text.partition('id="secret" tabindex="0">')[2].partition("<")[0].partition("/memberships")[2]


async def a_campaign(database: Database, owner: ExternalUserId) -> str:
    async with transaction(database, Tenant(owner)) as tx:
        user = await tx.only(FIND_CURRENT_USER, user_id=owner)
        made = await campaigns.create_campaign(tx, user, name="Winter")
    return f"/campaigns/{made.id}"


async def test_an_editor_works_under_the_own_name_until_removed(
    robin: Person, other: Person, two: tuple[ExternalUserId, ExternalUserId], database: Database
) -> None:
    owner, eve = two
    winter = await a_campaign(database, owner)
    assert (await other.http.get(winter)).status_code == 404
    path = f"/memberships{await invited(robin, 'editor')}"
    assert "as an editor" in (await other.http.get(path)).text
    assert (await robin.post(path)).status_code == 409, "not in one's own account"
    assert (await other.post(path)).headers["location"] == "/"
    assert (await other.post(path)).status_code == 403, "the link works once"
    shown = await other.http.get(winter)
    assert "Winter" in shown.text
    assert "You work in the account of" in shown.text
    assert (await other.post(winter, name="Spring")).status_code == 303
    async with transaction(database, SYSTEM) as tx:
        assert await tx.many(ACTORS) == [f"{owner} by {eve}"]
    for owners_only in ("/settings/keys", "/settings/account/export", "/settings/account/deletion"):
        assert (await other.http.get(owners_only)).status_code == 403
    assert (await other.post("/settings/members", role="editor")).status_code == 403
    await robin.post(f"/settings/members/{eve}/removal")
    assert (await other.http.get(winter)).status_code == 404
    assert (await other.post(winter, name="Mine")).status_code == 404
    with pytest.raises(NotAMember):
        async with transaction(database, Tenant(owner, eve)):
            pass


async def test_a_viewer_writes_nothing_by_page_or_by_statement(
    robin: Person, other: Person, two: tuple[ExternalUserId, ExternalUserId], database: Database
) -> None:
    owner, eve = two
    winter = await a_campaign(database, owner)
    await other.post(f"/memberships{await invited(robin, 'viewer')}")
    assert "Winter" in (await other.http.get(winter)).text
    assert (await other.http.get("/")).status_code == 200
    refused = await other.post(winter, name="Spring")
    assert refused.status_code == 403
    assert "You are a viewer" in refused.text
    for path in ("/searches", "/settings/exclusions", f"{winter}/archival", f"{winter}/deletion"):
        assert (await other.post(path)).status_code == 403
    change = statement("UPDATE campaigns SET name = 'Spring' WHERE user_id = %(user_id)s")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        async with transaction(database, Tenant(owner, eve)) as tx:
            await tx.run(change, user_id=owner)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        await read_one(database, Tenant(owner, eve), change, user_id=owner)
    assert (await other.post("/settings/accounts/own/visit")).status_code == 303
    assert "Winter" not in (await other.http.get("/campaigns")).text
    assert (await other.post(f"/settings/accounts/{owner}/visit")).status_code == 303
    assert (await other.post(f"/settings/accounts/{owner}/leaving")).status_code == 303
    assert (await other.post(f"/settings/accounts/{owner}/visit")).status_code == 404


async def test_nobody_makes_a_member_of_oneself(
    two: tuple[ExternalUserId, ExternalUserId], database: Database, other: Person
) -> None:
    owner, eve = two
    assert (await other.post(f"/settings/accounts/{owner}/visit")).status_code == 404
    with pytest.raises(NotAMember):
        async with transaction(database, Tenant(owner, eve)):
            pass
    add = statement("""
        INSERT INTO members (tenant_id, member_id, role, created_at)
        VALUES (%(mine)s, %(yours)s, 'editor', app_now())
    """)
    for claim, mine, yours in ((Tenant(eve), owner, eve), (Tenant(eve), eve, owner)):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with transaction(database, claim) as tx:
                await tx.run(add, mine=mine, yours=yours)


async def test_seats_of_the_plan_also_at_once(
    robin: Person, two: tuple[ExternalUserId, ExternalUserId], database: Database, user: CurrentUser
) -> None:
    _, eve = two
    links = [await invited(robin, "editor") for _ in range(2)]
    async with transaction(database, SYSTEM) as tx:
        await tx.run(SEATS)

    async def join(link: str, person: ExternalUserId) -> str:
        try:
            async with transaction(database, SYSTEM) as tx:
                await members.join(tx, link.strip("/"), person)
        except Exception as error:  # noqa: BLE001 - its kind is compared
            return type(error).__name__
        return "joined"

    answers = await asyncio.gather(join(links[0], eve), join(links[1], user.user_id))
    assert sorted(answers) == ["NotInPlan", "joined"]
    async with transaction(database, SYSTEM) as tx:
        assert len(await tx.many(MEMBERS)) == 1
    refused = await robin.post("/settings/members", role="editor")
    assert "1 members, and 1 are taken" in refused.text


async def test_an_administrators_rights_are_not_lent(
    robin: Person, database: Database, user: CurrentUser, program_with: MakeProgram
) -> None:
    """A member of an administrator's account sees no page of the system."""
    await robin.sign_up()
    async with transaction(database, SYSTEM) as tx:
        person = await tx.only(ROBIN)
        await members.set_role(tx, user.user_id, person, MemberRole.EDITOR)
    assert (await robin.post(f"/settings/accounts/{user.user_id}/visit")).status_code == 303
    assert (await robin.http.get("/campaigns")).status_code == 200
    assert (await robin.http.get("/system/users")).status_code == 404
    program = program_with(await make_key(database, user))
    assert (await program.get("/api/v1/account")).status_code == 200
