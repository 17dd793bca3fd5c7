"""Estimates, exclusion of campaigns, resumption and profile look-ups over real HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psycopg
import pytest

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.core.platforms import Platform
from tastemaker.core.settings import Settings
from tastemaker.db.pool import Database
from tastemaker.providers.registry import Registry, load_registry
from tastemaker.searches.installation import Installation
from tests.web.conftest import MakeProgram, Program, app_over, make_key, served, wanted, working
from tests.web.test_campaigns import somebody
from tests.web.test_searches import PATH, started

LOOKUPS = "/api/v1/profile-lookups"


def body(**changed: object) -> dict[str, object]:
    return {"keywords": ["makeup"], "platforms": ["tiktok"], "target": 30, **changed}


async def test_an_estimate_starts_nothing_and_says_what_a_search_takes(
    program: Program, database: Database, corpus: Path
) -> None:
    said = await program.post(f"{PATH}/estimates", body(platforms=None))
    assert said.status_code == 200, said.text
    told = said.json()
    assert (told["source"], told["micros_usd"], told["creators_left"]) == ("sandbox", 0, None)
    assert told["is_within_plan"] is True
    assert {one["platform"] for one in told["estimates"]} == {platform.value for platform in Platform}
    assert all(one["pages"] >= one["least_pages"] >= 1 for one in told["estimates"])
    assert {one["least_seconds"] for one in told["estimates"]} == {None}, "nothing was measured yet"
    assert (await program.get(PATH)).json()["searches"] == []
    search = await started(program)
    async with working(database, corpus):
        await program.get(f"{PATH}/{search}", wait=30)
    (known,) = (await program.post(f"{PATH}/estimates", body())).json()["estimates"]
    assert known["by_experience"] is True
    assert 0 <= known["least_seconds"] <= known["most_seconds"]


async def test_an_estimate_knows_the_plan(program: Program, admin_url: str) -> None:
    with psycopg.connect(admin_url) as owner:
        owner.execute("UPDATE user_usage SET plan_creators_limit = 20")
    told = (await program.post(f"{PATH}/estimates", body())).json()
    assert (told["creators_left"], told["is_within_plan"]) == (20, False)


@pytest.fixture
async def live_program(database: Database, user: CurrentUser, tmp_path: Path) -> AsyncIterator[Program]:
    """Of an installation with a made-up key for YouTube, whose provider is nowhere."""
    settings = Settings(
        home=tmp_path, youtube_api_key="made-up-key-of-a-test", youtube_base_url="http://127.0.0.1:9"
    )  # type: ignore[arg-type]  # pydantic reads it
    installation = Installation(settings, load_registry(settings))
    app = app_over(database, live=frozenset({Platform.YOUTUBE}), installation=installation)
    headers = {"Authorization": f"Bearer {await make_key(database, user)}"}
    async with served(app) as url, httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as http:
        yield Program(http)


async def test_a_provider_that_ignores_the_region_is_named(program: Program) -> None:
    asked = await wanted(program, platforms=None, region="DE")
    ignoring = (await program.post(PATH, asked)).json()["region_ignored_by"]
    estimates = (await program.post(f"{PATH}/estimates", body(platforms=None, region="DE"))).json()
    assert [one["platform"] for one in estimates["estimates"] if one["ignores_region"]] == ignoring
    assert "Instagram" in ignoring
    assert (await program.post(PATH, await wanted(program))).json()["region_ignored_by"] == []


async def test_the_creators_of_another_campaign_are_left_out(
    program: Program, database: Database, corpus: Path, program_with: MakeProgram
) -> None:
    first = await started(program)
    async with working(database, corpus):
        before = (await program.get(f"{PATH}/{first}", wait=30)).json()
        said = await program.post(
            PATH, await wanted(program, exclude_campaigns=[before["campaign_id"]], target=10)
        )
        assert said.json()["excluded"] == before["stored"] > 0
        second = said.json()["searches"][0]["id"]
        await program.get(f"{PATH}/{second}", wait=30)
    known = {one["stable_id"] for one in await every(program, first)}
    assert known.isdisjoint({one["stable_id"] for one in await every(program, second)})
    other = program_with(await make_key(database, await somebody(database, "mallory")))
    stolen = await wanted(other, exclude_campaigns=[before["campaign_id"]])
    assert (await other.post(PATH, stolen)).status_code == 404


async def every(program: Program, search: str) -> list[dict[str, str]]:
    creators = (await program.get(f"{PATH}/{search}/results", limit=200)).json()["creators"]
    return list(creators)


async def test_a_parked_search_is_resumed(program: Program, admin_url: str) -> None:
    search = await started(program)
    with psycopg.connect(admin_url) as owner:
        owner.execute(
            "UPDATE scraping_jobs SET parked_until = now() + interval '1 hour', parked_reason = 'credits'"
        )
    said = await program.post(f"{PATH}/{search}/resumption", key="again")
    assert (said.status_code, said.json()["parked_until"]) == (202, None), said.text
    assert said.headers["Location"] == f"{PATH}/{search}"
    await program.post(f"{PATH}/{search}/cancellation")
    assert (await program.post(f"{PATH}/{search}/resumption")).status_code == 409


async def test_a_live_search_is_not_resumed_without_a_key(program: Program, admin_url: str) -> None:
    search = await started(program)
    with psycopg.connect(admin_url) as owner:
        owner.execute(
            "UPDATE scraping_jobs SET search_params = jsonb_set(search_params, '{source}', '\"live\"')"
        )
    said = await program.post(f"{PATH}/{search}/resumption")
    assert (said.status_code, "is needed" in said.json()["detail"]) == (422, True)


async def test_a_profile_of_the_sandbox_is_looked_up(
    program: Program, database: Database, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tastemaker.searches.profiles.active_corpus", lambda *_, **__: corpus)
    search = await started(program)
    async with working(database, corpus):
        await program.get(f"{PATH}/{search}", wait=30)
    handle = (await every(program, search))[0]["handle"]
    said = await program.post(LOOKUPS, {"platform": "tiktok", "account": f"@{handle}"})
    assert said.status_code == 200, said.text
    assert (said.json()["source"], said.json()["cost"]) == ("sandbox", None)
    assert said.json()["creator"]["handle"] == handle
    missing = await program.post(LOOKUPS, {"platform": "tiktok", "account": "@nobody.of.that.name"})
    assert missing.status_code == 404
    for wrong in (
        {"platform": "friendster", "account": "x"},
        {"platform": "tiktok", "account": "not a handle!"},
    ):
        assert (await program.post(LOOKUPS, wrong)).status_code == 422


async def test_a_live_look_up_without_a_key_or_an_answer_is_a_problem(live_program: Program) -> None:
    said = await live_program.post(LOOKUPS, {"platform": "tiktok", "account": "@chess"})
    assert (said.status_code, "is needed" in said.json()["detail"]) == (422, True)
    unreachable = await live_program.post(LOOKUPS, {"platform": "youtube", "account": "@chess"})
    assert unreachable.status_code == 502
    assert unreachable.headers["Content-Type"] == "application/problem+json"


def test_the_sandbox_answers_where_nothing_is_live() -> None:
    assert Installation(Settings(), Registry(())).registry.lookups == {}
