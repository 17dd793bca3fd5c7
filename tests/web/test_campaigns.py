"""`/api/v1/campaigns` over real HTTP."""

from uuid import UUID

import pytest

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.accounts.queries import insert_user
from tastemaker.accounts.service import get_current_user
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.transaction import transaction
from tests.web.conftest import MakeProgram, Program, make_key

PATH = "/api/v1/campaigns"


async def somebody(database: Database, name: str, plan: str = "self_hosted") -> CurrentUser:
    async with transaction(database, SYSTEM) as tx:
        await insert_user(tx, ExternalUserId(name), full_name=name, plan=plan, is_admin=False)
        return await get_current_user(tx, ExternalUserId(name))


async def test_a_campaign_is_made_shown_and_changed(program: Program) -> None:
    made = await program.post(PATH, {"name": " Chess \u202e ", "description": "In winter"})
    assert made.status_code == 201
    document = made.json()
    assert made.headers["Location"] == f"{PATH}/{document['id']}"
    assert (document["name"], document["status"], document["searches"]) == ("Chess", "draft", 0)
    assert (await program.get(made.headers["Location"])).json() == document
    changed = await program.http.patch(made.headers["Location"], json={"name": "Go"})
    assert (changed.json()["name"], changed.json()["description"]) == ("Go", "In winter")
    assert (await program.http.patch(made.headers["Location"], json={"description": ""})).json()[
        "description"
    ] is None


async def test_campaigns_are_read_page_by_page(program: Program) -> None:
    made = [await program.campaign(f"Number {number}") for number in range(5)]
    seen: list[str] = []
    after: str | None = None
    while True:
        page = (await program.get(PATH, limit=2, **({"after": after} if after else {}))).json()
        seen += [one["id"] for one in page["campaigns"]]
        after = page["next"]
        if after is None:
            break
    assert seen == made[::-1]


async def test_anothers_campaign_is_not_there(
    database: Database, program: Program, program_with: MakeProgram
) -> None:
    mine = await program.campaign()
    other = program_with(await make_key(database, await somebody(database, "mallory")))
    absent = str(UUID(int=1))
    answers = [await other.get(f"{PATH}/{one}") for one in (mine, absent)]
    assert {answer.status_code for answer in answers} == {404}
    assert answers[0].json()["detail"] == answers[1].json()["detail"]
    assert (await other.http.patch(f"{PATH}/{mine}", json={"name": "Theirs"})).status_code == 404
    assert (await other.get(PATH)).json() == {"campaigns": [], "next": None}
    assert (await program.get(f"{PATH}/{mine}")).json()["name"] == "Chess"


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"name": 5},
        {"name": ["Chess"]},
        {"name": ""},
        {"name": "\0"},
        {"name": "x" * 201},
        {"name": "Chess", "user_id": "somebody"},
        {"name": "Chess", "status": "completed"},
        {"name": "Chess", "search_type": "everything"},
        {"name": "Chess", "description": "x" * 2001},
    ],
)
async def test_what_does_not_fit_is_refused_and_changes_nothing(program: Program, body: object) -> None:
    refused = await program.post(PATH, body)
    assert refused.status_code == 422
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert (await program.get(PATH)).json()["campaigns"] == []


async def test_the_plans_limit_is_told(database: Database, program_with: MakeProgram) -> None:
    poor = program_with(await make_key(database, await somebody(database, "poor", plan="free")))
    refused = await poor.post(PATH, {"name": "Chess"}, key="one")
    assert (refused.status_code, refused.json()["type"]) == (402, "urn:tastemaker:problem:limit_reached")
    assert (await poor.get(PATH)).json()["campaigns"] == []


@pytest.mark.parametrize("after", ["x", "%00", "W10", "a" * 401, "ÿ"])
async def test_a_place_that_no_page_gave_out_is_refused(program: Program, after: str) -> None:
    assert (await program.get(PATH, after=after)).status_code == 422
