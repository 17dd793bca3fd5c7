"""`/api/v1/exclusions` and `/api/v1/suppressions` over real HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.core.settings import Settings
from tastemaker.db.pool import Database
from tastemaker.providers.registry import Registry
from tastemaker.searches.installation import Installation
from tests.web.conftest import MakeProgram, Program, app_over, make_key, served
from tests.web.test_campaigns import somebody

EXCLUSIONS = "/api/v1/exclusions"
SUPPRESSIONS = "/api/v1/suppressions"


def people(*accounts: str) -> list[dict[str, str]]:
    return [{"platform": "tiktok", "account": account} for account in accounts]


async def test_creators_are_excluded_listed_and_readmitted(program: Program) -> None:
    said = await program.post(EXCLUSIONS, {"creators": people("@Chess", "rook"), "note": "ours"}, key="k1")
    assert (said.status_code, said.json()) == (200, {"added": 2, "known": 0}), said.text
    assert (await program.post(EXCLUSIONS, {"creators": people("chess")})).json() == {"added": 0, "known": 1}
    first = (await program.get(EXCLUSIONS, limit=1)).json()
    rest = (await program.get(EXCLUSIONS, limit=1, after=first["next"])).json()
    shown = [*first["exclusions"], *rest["exclusions"]]
    assert {(one["platform"], one["kind"], one["value"], one["note"]) for one in shown} == {
        ("TikTok", "handle", "chess", "ours"),
        ("TikTok", "handle", "rook", "ours"),
    }
    assert (await program.http.delete(f"{EXCLUSIONS}/{shown[0]['id']}")).status_code == 204
    assert (await program.http.delete(f"{EXCLUSIONS}/{shown[0]['id']}")).status_code == 404
    assert len((await program.get(EXCLUSIONS)).json()["exclusions"]) == 1


async def test_a_campaign_has_a_list_of_its_own(program: Program) -> None:
    campaign = await program.campaign()
    await program.post(EXCLUSIONS, {"creators": people("chess"), "campaign_id": campaign})
    assert len((await program.get(EXCLUSIONS, campaign_id=campaign)).json()["exclusions"]) == 1
    other = await program.campaign("Other")
    assert (await program.get(EXCLUSIONS, campaign_id=other)).json()["exclusions"] == []


async def test_a_file_is_taken_whole_or_not_at_all(program: Program) -> None:
    async def send(content: bytes) -> httpx.Response:
        return await program.http.post(
            f"{EXCLUSIONS}/imports", content=content, headers={"Content-Type": "text/csv"}
        )

    said = await send("\ufeffPlatform,Handle\r\ntiktok,chess\r\nyoutube,@rook\r\n".encode())
    assert said.json() == {"added": 2, "known": 0}, said.text
    refused = await send(b"platform,handle\ntiktok,good\ntiktok,not a handle!\n")
    assert (refused.status_code, "Line 3" in refused.json()["detail"]) == (422, True)
    for wrong in (b"", b"\xff\xfe\x00", b"name\nchess\n"):
        assert (await send(wrong)).status_code == 422
    assert len((await program.get(EXCLUSIONS)).json()["exclusions"]) == 2


async def test_anothers_list_is_not_there(
    program: Program, database: Database, program_with: MakeProgram
) -> None:
    campaign = await program.campaign()
    await program.post(EXCLUSIONS, {"creators": people("chess")})
    (mine,) = (await program.get(EXCLUSIONS)).json()["exclusions"]
    other = program_with(await make_key(database, await somebody(database, "mallory")))
    assert (await other.get(EXCLUSIONS)).json()["exclusions"] == []
    assert (await other.http.delete(f"{EXCLUSIONS}/{mine['id']}")).status_code == 404
    stolen = {"creators": people("rook"), "campaign_id": campaign}
    assert (await other.post(EXCLUSIONS, stolen)).status_code == 404
    assert (await other.get(EXCLUSIONS, campaign_id=campaign)).status_code == 404


@pytest.fixture
async def admin(database: Database, user: CurrentUser, tmp_path: Path) -> AsyncIterator[Program]:
    """Of an installation with a data directory of its own, where the key of suppressions is."""
    app = app_over(database, installation=Installation(Settings(home=tmp_path), Registry(())))
    headers = {"Authorization": f"Bearer {await make_key(database, user)}"}
    async with served(app) as url, httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as http:
        yield Program(http)


async def test_a_person_is_suppressed_and_the_list_names_nobody(admin: Program) -> None:
    (person,) = people("@Chess")
    said = await admin.post(SUPPRESSIONS, {**person, "reason": "asked for it"}, key="k1")
    assert (said.status_code, said.json()) == (200, {"searches": 0}), said.text
    assert (
        await admin.post(SUPPRESSIONS, {**person, "reason": "asked for it"}, key="k1")
    ).json() == said.json()
    listed = await admin.get(SUPPRESSIONS)
    assert [one["reason"] for one in listed.json()["suppressions"]] == ["asked for it"]
    assert "chess" not in listed.text.lower()
    assert (await admin.post(f"{SUPPRESSIONS}/removals", person)).status_code == 204
    assert (await admin.post(f"{SUPPRESSIONS}/removals", person)).status_code == 404
    assert (await admin.get(SUPPRESSIONS)).json()["suppressions"] == []


async def test_only_an_administrator_suppresses(database: Database, program_with: MakeProgram) -> None:
    other = program_with(await make_key(database, await somebody(database, "mallory")))
    (person,) = people("@Chess")
    assert (await other.get(SUPPRESSIONS)).status_code == 403
    assert (await other.post(SUPPRESSIONS, person)).status_code == 403
    assert (await other.post(f"{SUPPRESSIONS}/removals", person)).status_code == 403
