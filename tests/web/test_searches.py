"""`/api/v1/searches` over real HTTP: started, followed, read, cancelled."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.core.platforms import Platform
from tastemaker.db.pool import Database
from tests.web.conftest import MakeProgram, Program, app_over, make_key, served, wanted, working
from tests.web.test_campaigns import somebody

PATH = "/api/v1/searches"
OPEN = {"pending", "processing"}


async def started(program: Program, **changed: object) -> str:
    said = await program.post(PATH, await wanted(program, **changed))
    assert said.status_code == 202, said.text
    return str(said.json()["searches"][0]["id"])


async def test_a_search_may_be_given_what_it_may_cost(program: Program, admin_url: str) -> None:
    search = await started(program, max_cost_micros_usd=5_000)
    with psycopg.connect(admin_url) as connection:
        asked = "SELECT search_params ->> 'max_cost' FROM scraping_jobs WHERE id = %s"
        assert connection.execute(asked, (search,)).fetchone() == ("5000",)


async def test_a_search_is_started_followed_and_read(
    program: Program, database: Database, corpus: Path
) -> None:
    search = await started(program)
    async with working(database, corpus):
        while (shown := (await program.get(f"{PATH}/{search}")).json())["status"] in {
            "pending",
            "processing",
        }:
            await asyncio.sleep(0.05)
    assert (shown["status"], shown["outcome"]) == ("completed", "full")
    assert [run["keyword"] for run in shown["runs"]] == ["makeup"]
    assert "user_id" not in shown
    for sort in ("position", "followers"):
        found = await every(program, f"{PATH}/{search}/results", sort=sort, limit=7)
        assert len({one["stable_id"] for one in found}) == len(found) == shown["stored"]
    followers = [one["followers"] for one in found if one["followers"] is not None]
    assert followers == sorted(followers, reverse=True)
    known = await every(program, f"{PATH}/{search}/results", min_followers=followers[0])
    assert 1 <= len(known) < shown["stored"]
    ended = await program.post(f"{PATH}/{search}/cancellation")
    assert ended.status_code == 409


async def test_creators_like_one_come_with_what_their_likeness_is_made_of(
    program: Program, database: Database, corpus: Path, admin_url: str
) -> None:
    search = await started(program)
    async with working(database, corpus):
        await program.get(f"{PATH}/{search}", wait=30)
        with psycopg.connect(admin_url) as owner:
            ((handle,),) = owner.execute("SELECT handle FROM creators ORDER BY id LIMIT 1").fetchall()
        campaign = await program.post("/api/v1/campaigns", {"name": "like one", "search_type": "similar"})
        wanted = {"campaign_id": campaign.json()["id"], "platforms": ["tiktok"], "target": 10, "like": handle}
        assert (await program.post(PATH, {**wanted, "keywords": ["makeup"]})).status_code == 422
        answered = await program.post(PATH, wanted)
        assert answered.status_code == 202, answered.text
        (begun,) = answered.json()["searches"]
        ended = (await program.get(f"{PATH}/{begun['id']}", wait=30)).json()
    assert (ended["like"], ended["status"]) == (handle, "completed")
    found = (await program.get(f"{PATH}/{begun['id']}/results")).json()["creators"]
    assert len(found) == ended["stored"] > 0
    for one in found:
        assert abs(one["similarity"] - sum(part["value"] for part in one["because"])) < 1e-9


async def test_results_are_filtered_and_counted_by_value(
    program: Program, database: Database, corpus: Path
) -> None:
    search = await started(program)
    async with working(database, corpus):
        while (shown := (await program.get(f"{PATH}/{search}")).json())["status"] in OPEN:
            await asyncio.sleep(0.05)
    campaign = shown["campaign_id"]
    for path in (f"{PATH}/{search}", f"/api/v1/campaigns/{campaign}"):
        counted = (await program.get(f"{path}/facets")).json()
        assert counted["passing"] == shown["stored"]
        assert counted["facets"]["keyword"] == [
            {"value": "makeup", "count": shown["stored"], "is_chosen": False}
        ]
        for facet in ("language", "country", "email", "verified", "matched_in"):
            value = counted["facets"][facet][-1]
            found = await every(program, f"{path}/results", **{facet: value["value"]})
            assert len(found) == value["count"]
            narrowed = (await program.get(f"{path}/facets", **{facet: value["value"]})).json()
            assert narrowed["passing"] == value["count"]
            assert [one["count"] for one in narrowed["facets"][facet]] == [
                one["count"] for one in counted["facets"][facet]
            ]
        newest = await every(program, f"{path}/results", sort="last_post", posted_within=36_500, limit=7)
        names = await every(program, f"{path}/results", sort="name", limit=7)
        assert 0 < len(newest) <= len(names) == shown["stored"]


@pytest.mark.parametrize(
    "query",
    [
        {"country": "Atlantis"}, {"verified": "perhaps"}, {"min_views": "-1"}, {"posted_within": "0"},
        {"min_views": "5", "max_views": "4"}, {"platform": "myspace"}, {"matched_in": "dreams"},
        {"email": "maybe"}, {"text": "x" * 201}, {"found_since": "yesterday"}, {"sort": "luck"},
    ],
)  # fmt: skip
async def test_a_filter_that_means_nothing_is_refused(program: Program, query: dict[str, str]) -> None:
    search = await started(program)
    assert (await program.get(f"{PATH}/{search}/results", **query)).status_code == 422


async def every(program: Program, path: str, **query: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        page = (await program.get(path, **query, **({"after": after} if after else {}))).json()
        found += page["creators"]
        after = page["next"]
        if after is None:
            return found


async def test_several_platforms_are_several_searches_begun_together(program: Program) -> None:
    said = await program.post(PATH, await wanted(program, platforms=None), key="k1")
    searches = said.json()["searches"]
    assert sorted(one["platform"] for one in searches) == sorted(platform.value for platform in Platform)
    assert {one["source"] for one in searches} == {"sandbox"}
    again = await program.post(PATH, await wanted(program, platforms=None), key="k2")
    assert again.status_code == 202
    listed = (await program.get(PATH, limit=4)).json()
    assert len(listed["searches"]) == 4
    rest = (await program.get(PATH, limit=4, after=listed["next"])).json()
    assert (len(rest["searches"]), rest["next"]) == (2, None)


async def test_a_repeated_start_starts_once(program: Program) -> None:
    body = await wanted(program)
    first, second = await asyncio.gather(*(program.post(PATH, body, key="k1") for _ in range(2)))
    assert first.json() == second.json()
    assert len((await program.get(PATH)).json()["searches"]) == 1


async def test_a_cancelled_search_stops(program: Program) -> None:
    search = await started(program)
    said = await program.post(f"{PATH}/{search}/cancellation", key="stop")
    assert (said.status_code, said.json()["status"]) == (200, "cancelled")
    again = await program.post(f"{PATH}/{search}/cancellation", key="stop")
    assert again.json() == said.json()
    assert (await program.post(f"{PATH}/{search}/cancellation")).status_code == 409


async def test_anothers_search_is_not_there(
    program: Program, database: Database, program_with: MakeProgram
) -> None:
    mine = await started(program)
    other = program_with(await make_key(database, await somebody(database, "mallory")))
    for one in (mine, str(UUID(int=1))):
        for said in (
            await other.get(f"{PATH}/{one}"),
            await other.get(f"{PATH}/{one}/results"),
            await other.post(f"{PATH}/{one}/cancellation"),
        ):
            assert (said.status_code, said.json()["detail"]) == (404, "There is no such search.")
    stolen = await wanted(program)
    assert (await other.post(PATH, stolen)).status_code == 404
    assert (await other.get(PATH)).json()["searches"] == []


@pytest.mark.parametrize(
    "changed",
    [
        {"keywords": []},
        {"keywords": [""]},
        {"keywords": ["x" * 201]},
        {"keywords": [str(number) for number in range(10_000)]},
        {"keywords": "chess"},
        {"keywords": [1]},
        {"platforms": ["myspace"]},
        {"platforms": []},
        {"platforms": ["tiktok", "TikTok"]},
        {"target": 0},
        {"target": 50_001},
        {"target": "10"},
        {"target": 1e400},
        {"region": "Germany"},
        {"status": "completed"},
        {"sandbox": "yes"},
        {"max_cost_micros_usd": -1},
        {"max_cost_micros_usd": 0.5},
        {"campaign_id": "x"},
    ],
)
async def test_what_does_not_fit_is_refused_and_starts_nothing(
    program: Program, changed: dict[str, object]
) -> None:
    body = {**await wanted(program), **changed}
    if body["target"] == float("inf"):
        said = await program.http.post(PATH, content=b'{"target": 1e400}')
    else:
        said = await program.post(PATH, body)
    assert said.status_code == 422, said.text
    assert (await program.get(PATH)).json()["searches"] == []


@pytest.mark.parametrize(
    "query",
    [
        {"sort": "luck"},
        {"limit": 0},
        {"limit": 201},
        {"min_followers": -1},
        {"min_followers": 10, "max_followers": 5},
        {"after": "x"},
        {"after": "WyJwb3NpdGlvbiIsMSwiMCIsMV0"},
        {"after": "WyJsaWtlcyIsMSwiMDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDAwIiwxXQ"},
        {"has_email": "perhaps"},
    ],
)
async def test_a_question_that_cannot_be_understood_is_refused(
    program: Program, query: dict[str, object]
) -> None:
    search = await started(program)
    assert (await program.get(f"{PATH}/{search}/results", **query)).status_code == 422


async def test_live_platforms_are_never_mixed_with_the_sandbox(database: Database, user: CurrentUser) -> None:
    app = app_over(database, live=frozenset({Platform.YOUTUBE}))
    headers = {"Authorization": f"Bearer {await make_key(database, user)}"}
    async with served(app) as url, httpx.AsyncClient(base_url=url, headers=headers) as http:
        program = Program(http)
        said = await program.post(PATH, await wanted(program, platforms=None))
        assert [(one["platform"], one["source"]) for one in said.json()["searches"]] == [("YouTube", "live")]
        refused = await program.post(PATH, await wanted(program))
        assert (refused.status_code, "no key for TikTok" in refused.text) == (422, True)
        made_up = await program.post(PATH, await wanted(program, sandbox=True))
        assert made_up.json()["searches"][0]["source"] == "sandbox"
