"""A new user's first steps, what they take along, and leaving: over HTTP."""

import pytest

from tastemaker.accounts.api_keys import ORDINARY_SCOPES
from tastemaker.accounts.current_user import CurrentUser
from tastemaker.accounts.service import complete_onboarding
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM, Tenant
from tastemaker.db.enums import ApiScope
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import transaction
from tastemaker.journeys.account_deletion import erase_some_of
from tastemaker.journeys.data_export_queries import OWNERS
from tests.accounts.test_identity import EMAIL, PASSWORD, Person, other, robin, url
from tests.migrations.declared_rights import OF_A_TENANT
from tests.web.conftest import MakeProgram, make_key, program_with

__all__ = ["other", "program_with", "robin", "url"]

STEPS = statement(
    """
    SELECT event_type || ' ' || coalesce(event_data ->> 'step', '') AS step FROM events
    WHERE aggregate_type = 'onboarding' ORDER BY seq
    """,
    str,
    not_null="step",
)
JOBS = statement("SELECT job_type FROM background_jobs WHERE job_type = 'complete_onboarding'", str)
NEW_USER = statement("SELECT user_id FROM users WHERE user_id <> 'local'", ExternalUserId)


@pytest.fixture
async def newcomer(robin: Person) -> Person:
    await robin.sign_up()
    return robin


async def test_the_steps_are_taken_in_order_and_resumed(newcomer: Person, database: Database) -> None:
    assert "Step 1 of 3" in (await newcomer.http.get("/onboarding")).text
    assert (await newcomer.post("/onboarding/intent", brand_description="Soap")).status_code == 409
    assert (await newcomer.post("/onboarding/info", full_name=" ")).status_code == 422
    await newcomer.post("/onboarding/info", full_name="Robin", business_name="Soap & Co")
    assert "Step 2 of 3" in (await newcomer.http.get("/onboarding")).text
    await newcomer.post("/onboarding/info", full_name="Robin R.")
    assert "Step 2 of 3" in (await newcomer.http.get("/onboarding")).text, "a correction moves nothing"
    await newcomer.post("/onboarding/intent", brand_description="")
    assert "Self-hosted" in (await newcomer.http.get("/onboarding")).text
    assert (await newcomer.post("/onboarding/plan", plan="no_such")).status_code == 404
    for _ in range(2):
        assert (await newcomer.post("/onboarding/plan", plan="self_hosted")).headers["location"] == "/"
    assert (await newcomer.http.get("/onboarding")).headers["location"] == "/"
    async with transaction(database, SYSTEM) as tx:
        user_id = await tx.only(NEW_USER)
        assert await tx.many(JOBS) == ["complete_onboarding"], "one, although the plan was chosen twice"
    async with transaction(database, Tenant(user_id)) as tx:
        assert [await complete_onboarding(tx, user_id) for _ in range(2)] == [True, False]
    async with transaction(database, SYSTEM) as tx:
        assert await tx.many(STEPS) == [
            "onboarding_started info_captured",
            "onboarding_advanced intent_captured",
            "onboarding_advanced plan_selected",
            "onboarding_completed ",
        ]


async def test_the_data_of_one_person_and_of_nobody_else(
    newcomer: Person, other: Person, program_with: MakeProgram, database: Database, user: CurrentUser
) -> None:
    await other.sign_up("eve@example.com")
    await newcomer.post("/settings/account/profile", full_name="Robin", business_name="Soap & Co")
    file = await newcomer.http.get("/settings/account/export")
    assert "attachment" in file.headers["content-disposition"]
    held = file.json()
    assert held["tables"]["users"][0]["business_name"] == "Soap & Co"
    assert held["tables"]["credentials"][0]["email"] == EMAIL
    assert {one["event_type"] for one in held["tables"]["events"]} >= {"user_registered", "profile_changed"}
    for foreign in ("eve@", "argon2", '"local"', "digest"):
        assert foreign not in file.text
    program = program_with(await make_key(database, user, ApiScope.ACCOUNT_READ, ApiScope.ACCOUNT_WRITE))
    assert (await program.get("/api/v1/account")).json()["user_id"] == "local"
    changed = await program.http.patch("/api/v1/account", json={"industry": "Soap"})
    assert changed.json()["industry"] == "Soap"
    assert (await program.http.patch("/api/v1/account", json={"is_admin": False})).status_code == 422


def test_every_table_of_a_user_is_in_the_export() -> None:
    assert OWNERS == OF_A_TENANT


async def test_leaving_asks_for_the_password_and_closes_every_way_in(
    newcomer: Person, other: Person, database: Database
) -> None:
    await other.sign_in()
    assert (await newcomer.post("/settings/account/deletion", password="wrong")).status_code == 403
    gone = await newcomer.post("/settings/account/deletion", password=PASSWORD)
    assert gone.headers["location"] == "/sign-in"
    assert not await other.is_in()
    assert (await other.sign_in()).status_code == 403
    async with transaction(database, SYSTEM) as tx:
        user_id = await tx.only(NEW_USER)
    while await erase_some_of(database, user_id):
        pass
    async with transaction(database, SYSTEM) as tx:
        assert await tx.one(NEW_USER) is None
    assert (await other.sign_up()).status_code == 303, "the address is free again"


async def test_two_users_do_not_see_each_other(
    newcomer: Person, other: Person, program_with: MakeProgram
) -> None:
    """What is another's is as if it were not there, for programs and in browsers."""
    await other.sign_up("eve@example.com")
    robins, eves = [program_with(await _key(person)) for person in (newcomer, other)]
    campaign = await robins.campaign("Winter")
    key_id = (await newcomer.http.get("/settings/keys")).text.partition("/settings/keys/")[2][:36]
    for path in (f"/api/v1/campaigns/{campaign}", f"/api/v1/campaigns/{campaign}/results"):
        assert (await robins.get(path)).status_code == 200
        assert (await eves.get(path)).status_code == 404
    assert (await newcomer.http.get(f"/campaigns/{campaign}")).status_code == 200
    assert (await other.http.get(f"/campaigns/{campaign}")).status_code == 404
    assert "Winter" not in (await other.http.get("/campaigns")).text
    assert (await other.post(f"/settings/keys/{key_id}/revocation")).status_code == 404
    await newcomer.post(f"/settings/keys/{key_id}/revocation")
    refused = await robins.get(f"/api/v1/campaigns/{campaign}")
    assert (refused.status_code, "revoked" in refused.json()["detail"]) == (401, True)


async def _key(person: Person) -> str:
    """Made and shown in the browser."""
    made = await person.post("/settings/keys", name="Mine", scopes=[*ORDINARY_SCOPES])
    return made.text.partition('id="secret" tabindex="0">')[2].partition("<")[0]
