"""Campaigns put away, taken back and deleted over real HTTP, and what they found read together."""

import asyncio
from pathlib import Path
from uuid import UUID

import pytest

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.core.ids import CampaignId
from tastemaker.db.enums import ApiScope
from tastemaker.db.pool import Database
from tastemaker.searches.maintenance import erase_next_batch
from tests.searches.rows import one
from tests.web.conftest import MakeProgram, Program, make_key, wanted, working
from tests.web.test_campaigns import somebody

PATH = "/api/v1/campaigns"


async def test_a_campaign_is_archived_and_taken_back(program: Program) -> None:
    campaign = await program.campaign()
    away = await program.post(f"{PATH}/{campaign}/archival")
    assert (away.status_code, away.json()["status"]) == (200, "archived")
    assert (await program.post(f"{PATH}/{campaign}/archival")).status_code == 409
    refused = await program.post("/api/v1/searches", await wanted(program, campaign_id=campaign))
    assert refused.status_code == 409, "an archived campaign takes no search"
    back = await program.http.delete(f"{PATH}/{campaign}/archival")
    assert (back.status_code, back.json()["status"]) == (200, "draft")
    assert (await program.http.delete(f"{PATH}/{campaign}/archival")).status_code == 409


async def test_a_campaign_is_not_archived_while_it_searches(program: Program) -> None:
    campaign = await program.campaign()
    await program.post("/api/v1/searches", await wanted(program, campaign_id=campaign))
    refused = await program.post(f"{PATH}/{campaign}/archival")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:tastemaker:problem:conflict")


async def test_the_creators_of_all_searches_are_read_together_and_deleted(
    program: Program, database: Database, user: CurrentUser, corpus: Path
) -> None:
    campaign = await program.campaign()
    body = await wanted(program, campaign_id=campaign, platforms=["tiktok", "youtube"], target=12)
    started = (await program.post("/api/v1/searches", body)).json()["searches"]
    async with working(database, corpus):
        while (await program.get(f"{PATH}/{campaign}")).json()["status"] != "completed":
            await asyncio.sleep(0.05)
    path = f"{PATH}/{campaign}/results"
    first = (await program.get(path, limit=20)).json()
    rest = (await program.get(path, limit=20, after=first["next"])).json()
    assert (len(first["creators"]), len(rest["creators"]), rest["next"]) == (20, 4, None)
    both = [*first["creators"], *rest["creators"]]
    assert {creator["search_id"] for creator in both} == {search["id"] for search in started}
    assert len({(creator["platform"], creator["stable_id"]) for creator in both}) == 24

    deleted = await program.http.delete(f"{PATH}/{campaign}", headers={"Idempotency-Key": "once"})
    assert (deleted.status_code, deleted.content) == (204, b"")
    again = await program.http.delete(f"{PATH}/{campaign}", headers={"Idempotency-Key": "once"})
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (204, "true")
    assert (await program.http.delete(f"{PATH}/{campaign}")).status_code == 404
    assert (await program.get(path)).status_code == 404
    assert (await program.get(f"/api/v1/searches/{started[0]['id']}")).status_code == 404
    while await erase_next_batch(database, user.user_id, CampaignId(UUID(campaign))) is not None:
        pass
    assert await one(database, "SELECT count(*) FROM search_creators") == 0


@pytest.mark.parametrize("path", ["", "/archival", "/results"])
async def test_anothers_campaign_is_neither_read_nor_ended(
    database: Database, program: Program, program_with: MakeProgram, path: str
) -> None:
    mine = await program.campaign()
    other = program_with(await make_key(database, await somebody(database, "mallory")))
    for campaign in (mine, str(UUID(int=1))):
        address = f"{PATH}/{campaign}{path}"
        assert (await other.get(address)).status_code in {404, 405}
        assert (await other.http.post(address)).status_code in {404, 405}
        assert (await other.http.delete(address)).status_code in {404, 405}
    assert (await program.get(f"{PATH}/{mine}")).json()["status"] == "draft"


async def test_each_needs_its_scope(
    database: Database, user: CurrentUser, program: Program, program_with: MakeProgram
) -> None:
    campaign = await program.campaign()
    reader = program_with(await make_key(database, user, ApiScope.CAMPAIGNS_READ))
    assert (await reader.get(f"{PATH}/{campaign}")).status_code == 200
    assert (await reader.get(f"{PATH}/{campaign}/results")).status_code == 403
    assert (await reader.http.delete(f"{PATH}/{campaign}")).status_code == 403
    assert (await reader.post(f"{PATH}/{campaign}/archival")).status_code == 403
    assert (await reader.get("/api/v1/costs")).status_code == 403
