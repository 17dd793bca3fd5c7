"""Dashboard, table of campaigns, and the page of one: made, changed, archived, deleted by forms."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.db.pool import Database
from tests.web.conftest import app_over, served, working
from tests.web.test_campaigns import somebody
from tests.web.visitors import Visitor, sign_in


@pytest.fixture
async def address(database: Database) -> AsyncIterator[str]:
    async with served(app_over(database)) as url:
        yield url


@pytest.fixture
async def visitor(address: str, database: Database, user: CurrentUser) -> AsyncIterator[Visitor]:
    async with httpx.AsyncClient(base_url=address, timeout=30) as http:
        yield await sign_in(http, database, user)


async def make(visitor: Visitor, name: str, description: str = "") -> str:
    answered = await visitor.send("/campaigns", {"name": name, "description": description})
    assert answered.status_code == 303, answered.text
    return str(answered.headers["location"])


def names(page: str) -> list[str]:
    return re.findall(r'<a href="/campaigns/[0-9a-f-]{36}"><b class="cut" dir="auto">(.*?)</b>', page)


async def test_the_empty_dashboard_starts_the_first_search(
    visitor: Visitor, database: Database, corpus: Path
) -> None:
    empty = (await visitor.get("/")).text
    assert 'action="/searches"' in empty
    assert ">fitness, yoga</textarea>" in empty
    form = {"keywords": "makeup", "platform": ["tiktok", "youtube"], "target": "15"}
    campaign = (await visitor.send("/searches", form)).headers["location"]
    running = (await visitor.get("/")).text
    assert running.count('class="search-row"') == 2
    async with working(database, corpus):
        while "search-row" in (page := (await visitor.get("/")).text):
            await asyncio.sleep(0.1)
    assert "<dt>Creators this period</dt><dd>30<span>no limit" in page
    assert "<dt>Searching now</dt><dd>0<span>nothing runs" in page
    shown = (await visitor.get(campaign)).text
    assert "All 30 creators" in shown
    assert shown.count('data-label="seen"') == 2
    assert "free of charge" in shown


async def test_the_dashboard_tells_the_limit(visitor: Visitor, admin_url: str) -> None:
    await make(visitor, "Any")
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute("UPDATE user_usage SET plan_creators_limit = 500")
    assert "of 500, 500 left" in (await visitor.get("/")).text


async def test_campaigns_are_searched_sorted_and_filtered(visitor: Visitor) -> None:
    for name in ("Beta", "alpha 100%", "Gamma_1", "Old"):
        path = await make(visitor, name)
    await visitor.do(f"{path}/archival")
    assert names((await visitor.get("/campaigns?sort=name")).text) == ["alpha 100%", "Beta", "Gamma_1"]
    assert names((await visitor.get("/campaigns?q=BET")).text) == ["Beta"]
    assert names((await visitor.get("/campaigns?q=%25")).text) == ["alpha 100%"]
    assert names((await visitor.get("/campaigns?q=_")).text) == ["Gamma_1"]
    assert names((await visitor.get("/campaigns?status=archived")).text) == ["Old"]
    for sort in ("activity", "searches", "creators", "cost", "nonsense"):
        assert len(names((await visitor.get(f"/campaigns?sort={sort}&status=nonsense")).text)) == 3
    nothing = await visitor.get("/campaigns?q=absent")
    assert "No campaign is called so." in nothing.text
    assert (await visitor.get("/campaigns?page=7")).status_code == 200


async def test_the_table_is_read_page_by_page(visitor: Visitor, admin_url: str, user: CurrentUser) -> None:
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO campaigns (user_id, name, search_type)"
            " SELECT %s, 'C' || to_char(n, 'FM000'), 'keyword' FROM generate_series(1, 120) n",
            (user.user_id,),
        )
    seen: list[str] = []
    for number in (1, 2, 3):
        page = (await visitor.get(f"/campaigns?sort=name&page={number}")).text
        seen += names(page)
        assert ('rel="next"' in page) == (number < 3)
    assert seen == [f"C{n:03}" for n in range(1, 121)]


async def test_a_campaign_is_renamed_archived_with_undo_and_deleted(visitor: Visitor) -> None:
    path = await make(visitor, "Spring", "Shoes")
    changed = await visitor.do(path, {"name": "Summer", "description": "Sandals in Spain"})
    assert '<h1 dir="auto">Summer</h1>' in changed.text
    assert "Sandals in Spain" in changed.text
    refused = await visitor.send(path, {"name": "", "description": "Kept"})
    assert refused.status_code == 422
    assert ">Kept</textarea>" in refused.text
    archived = await visitor.do(f"{path}/archival")
    undo = re.search(r'action="(/campaigns/[^"]+/restoration)"><button class="link">Undo', archived.text)
    assert undo is not None
    assert (await visitor.send(f"{path}/archival")).status_code == 409
    assert "The campaign is restored." in (await visitor.do(undo[1])).text
    asked = await visitor.get(f"{path}/deletion")
    assert "cannot be undone" in asked.text
    assert (await visitor.get(path)).status_code == 200
    deleted = await visitor.do(f"{path}/deletion")
    assert "The campaign “Summer” is deleted." in deleted.text
    assert (await visitor.get(path)).status_code == 404


async def test_a_name_that_does_not_fit_is_kept_with_the_reason(visitor: Visitor) -> None:
    refused = await visitor.send("/campaigns", {"name": "x" * 201, "description": "Kept"})
    assert refused.status_code == 422
    assert "x" * 201 in refused.text
    assert ">Kept</textarea>" in refused.text


async def test_another_users_campaign_is_not_there(
    visitor: Visitor, address: str, database: Database
) -> None:
    async with httpx.AsyncClient(base_url=address) as http:
        theirs = await make(await sign_in(http, database, await somebody(database, "stranger")), "Theirs")
    absent = f"/campaigns/{uuid4()}"
    for place in (theirs, absent):
        assert (await visitor.get(place)).status_code == 404
        assert (await visitor.get(f"{place}/deletion")).status_code == 404
        assert (await visitor.get(f"/searches/new?campaign={place.rpartition('/')[2]}")).status_code == 404
        for verb in ("", "/archival", "/restoration", "/deletion"):
            assert (await visitor.send(place + verb, {"name": "Mine"})).status_code == 404
    assert "Theirs" not in (await visitor.get("/campaigns")).text


async def test_a_search_of_a_campaign_stays_in_it_where_two_have_one_name(visitor: Visitor) -> None:
    older, newer = await make(visitor, "Spring"), await make(visitor, "Spring")
    form = (await visitor.get(f"/searches/new?campaign={older.rpartition('/')[2]}")).text
    assert f'name="campaign_id" value="{older.rpartition("/")[2]}"' in form
    here = {"campaign": "Spring", "campaign_id": older.rpartition("/")[2]}
    search = {"keywords": "makeup", "platform": "tiktok", "target": "5"}
    await visitor.do("/searches", {**search, **here})
    await visitor.do("/searches", {**search, **here})
    assert (await visitor.get(older)).text.count('class="search-row"') == 1
    assert 'class="search-row"' not in (await visitor.get(newer)).text
    await visitor.do("/searches", {**search, **here, "campaign": "Summer"})
    assert (await visitor.get(older)).text.count('class="search-row"') == 1


async def test_a_form_of_another_site_changes_nothing(visitor: Visitor) -> None:
    path = await make(visitor, "Mine")
    for verb in ("", "/archival", "/deletion"):
        refused = await visitor.send(path + verb, {"name": "Theirs"}, origin="https://evil.example.com")
        assert refused.status_code == 403
    assert '<h1 dir="auto">Mine</h1>' in (await visitor.get(path)).text


async def test_script_in_names_is_inert(visitor: Visitor) -> None:
    path = await make(visitor, "<script>alert(1)</script>", '"><img src=x onerror=alert(2)>')
    for page in (path, f"{path}/deletion", "/", "/campaigns", "/campaigns?q=%3Cscript%3E"):
        shown = (await visitor.get(page)).text
        assert "<script>alert" not in shown
        assert "<img" not in shown
        assert "style=" not in shown
