"""The form of a search, its estimate, its start, and the progress of what runs, as a browser gets them."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.core.platforms import Platform
from tastemaker.db.pool import Database
from tests.web.conftest import app_over, served, working
from tests.web.test_campaigns import somebody
from tests.web.visitors import Visitor, sign_in

FORM = {"keywords": "makeup", "platform": "tiktok", "target": "20"}


@pytest.fixture
async def address(database: Database) -> AsyncIterator[str]:
    async with served(app_over(database)) as url:
        yield url


@pytest.fixture
async def visitor(address: str, database: Database, user: CurrentUser) -> AsyncIterator[Visitor]:
    async with httpx.AsyncClient(base_url=address, timeout=30) as http:
        yield await sign_in(http, database, user)


@pytest.fixture
async def stranger(address: str, database: Database) -> AsyncIterator[Visitor]:
    async with httpx.AsyncClient(base_url=address, timeout=30) as http:
        yield await sign_in(http, database, await somebody(database, "stranger"))


async def start(visitor: Visitor, **changed: str | list[str]) -> str:
    """The path of the search's page."""
    answered = await visitor.send("/searches", {**FORM, **changed})
    assert answered.status_code == 303, answered.text
    return str(answered.headers["location"])


async def test_the_form_starts_a_search_that_the_page_follows_to_its_end(
    visitor: Visitor, database: Database, corpus: Path
) -> None:
    path = await start(visitor)
    begun = (await visitor.get(path)).text
    assert 'data-events="' in begun
    assert "Cancel the search" in begun
    async with working(database, corpus), visitor.http.stream("GET", f"{path}/events") as stream:
        told = "\n".join([line async for line in stream.aiter_lines()])
    assert "event: found" in told
    assert told.rstrip().endswith("event: end\ndata:")
    ended = (await visitor.get(path)).text
    assert ">Full</b>" in ended
    assert "<b>20</b> of 20 found" in ended
    assert "data-events" not in ended
    assert (await visitor.send(f"{path}/cancellation")).status_code == 409
    block = (await visitor.get(f"{path}/progress", part=True)).text
    assert block.lstrip().startswith("<section")
    again = (await visitor.get(f"/searches/new?repeat={path.rpartition('/')[2]}")).text
    assert ">makeup</textarea>" in again
    assert 'name="target" type="number" value="20"' in again


async def test_several_platforms_are_one_campaign(visitor: Visitor) -> None:
    path = await start(visitor, platform=["tiktok", "youtube"], campaign="Autumn")
    assert path.startswith("/campaigns/")
    shown = (await visitor.get(path)).text
    assert shown.count('class="search-row"') == 2
    assert "/searches/events?search=" in shown


async def test_the_same_form_again_continues_the_search(visitor: Visitor) -> None:
    path = await start(visitor)
    answered = await visitor.send("/searches", FORM)
    assert answered.headers["location"] == path
    assert "had begun before" in (await visitor.get(path)).text


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("keywords", " , ", "Name at least one thing"),
        ("keywords", "x" * 201, "at most 200"),
        ("target", "0", "from 1 to 50,000"),
        ("target", "many", "from 1 to 50,000"),
        ("region", "Germany", "two-letter country code"),
        ("max_cost", "cheap", "no amount in US dollars"),
        ("platform", [], "at least one platform"),
    ],
)
async def test_an_error_stands_beside_its_field_and_the_rest_is_kept(
    visitor: Visitor, field: str, value: str | list[str], sentence: str
) -> None:
    answered = await visitor.send("/searches", {**FORM, "campaign": "Kept", field: value})
    assert answered.status_code == 422
    wrong = answered.text[answered.text.index('class="field wrong"') :]
    assert sentence in wrong[: wrong.index("</div>\n<", wrong.index("help"))]
    assert 'value="Kept"' in answered.text


async def test_a_platform_without_a_key_cannot_be_chosen_where_others_have_one(
    database: Database, user: CurrentUser
) -> None:
    app = app_over(database, live=frozenset({Platform.YOUTUBE}))
    async with served(app) as url, httpx.AsyncClient(base_url=url) as http:
        visitor = await sign_in(http, database, user)
        shown = (await visitor.get("/searches/new")).text
        assert re.search(r'value="tiktok" disabled', shown)
        assert "Search the sandbox instead" in shown
        refused = await visitor.send("/searches", FORM)
        assert (refused.status_code, "at least one platform" in refused.text) == (422, True)
        both = await visitor.send("/searches", {**FORM, "platform": ["tiktok", "youtube"]})
        assert (both.status_code, "TikTok cannot be searched here" in both.text) == (422, True)


async def test_the_estimate_tells_cost_region_and_plan_and_starts_nothing(
    visitor: Visitor, admin_url: str
) -> None:
    form = {**FORM, "target": "500", "region": "de"}
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute("UPDATE user_usage SET plan_creators_limit = 100")
        part = await visitor.send("/searches/estimate", form, part=True)
        whole = await visitor.send("/searches/estimate", form)
        assert connection.execute("SELECT count(*) FROM scraping_jobs").fetchone() == (0,)
    for said in (part.text, whole.text):
        assert "The sandbox costs nothing" in said
        assert "100 creators left in this period: the search stops there" in said
        assert "makeup · 20" in said
    assert "<html" not in part.text
    assert 'value="500"' in whole.text


async def test_a_plan_without_creators_refuses_with_its_sentence(visitor: Visitor, admin_url: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute("UPDATE user_usage SET plan_creators_limit = 0")
    refused = await visitor.send("/searches", FORM)
    assert refused.status_code == 402
    assert "creators of this period are used up" in refused.text
    assert ">makeup</textarea>" in refused.text


async def test_a_waiting_search_is_cancelled_and_can_be_continued_before(visitor: Visitor) -> None:
    path = await start(visitor)
    assert "The search continues." in (await visitor.do(f"{path}/resumption")).text
    cancelled = (await visitor.do(f"{path}/cancellation")).text
    assert "You stopped this search." in cancelled
    assert (await visitor.send(f"{path}/resumption")).status_code == 409


async def test_creators_of_another_campaign_are_left_out(
    visitor: Visitor, database: Database, corpus: Path
) -> None:
    async with working(database, corpus):
        first = await start(visitor, campaign="First")
        while "data-events" in (await visitor.get(first)).text:
            await asyncio.sleep(0.1)
        campaign = re.search(r'href="/campaigns/([0-9a-f-]{36})"', (await visitor.get(first)).text)
        assert campaign is not None
        form = (await visitor.get(f"/searches/new?exclude={campaign[1]}")).text
        assert f'value="{campaign[1]}" checked' in form
        second = await visitor.do("/searches", {**FORM, "campaign": "Second", "exclude": campaign[1]})
        assert "20 creators of other campaigns left out." in second.text


@pytest.mark.parametrize("path", ["", "/progress", "/events"])
async def test_another_users_search_is_not_there(visitor: Visitor, stranger: Visitor, path: str) -> None:
    theirs = await start(stranger)
    found, absent = await visitor.get(theirs + path), await visitor.get(f"/searches/{uuid4()}{path}")
    assert (found.status_code, absent.status_code) == (404, 404)
    for verb in ("cancellation", "resumption"):
        assert (await visitor.send(f"{theirs}/{verb}")).status_code == 404
    assert (await visitor.get(f"/searches/new?repeat={theirs.rpartition('/')[2]}")).status_code == 404
    several = await visitor.get(f"/searches/events?search={theirs.rpartition('/')[2]}")
    assert several.text.removeprefix(":\n\n") == "event: end\ndata: \n\n"


async def test_a_form_of_another_site_starts_nothing(visitor: Visitor, admin_url: str) -> None:
    refused = await visitor.send("/searches", FORM, origin="https://evil.example.com")
    assert refused.status_code == 403
    with psycopg.connect(admin_url) as connection:
        assert connection.execute("SELECT count(*) FROM scraping_jobs").fetchone() == (0,)


async def test_script_in_keywords_is_inert(visitor: Visitor) -> None:
    path = await start(visitor, keywords='<script>alert(1)</script>, "><img src=x onerror=alert(2)>')
    for page in (path, f"{path}/progress", "/", "/campaigns"):
        shown = (await visitor.get(page)).text
        assert "<script>alert" not in shown
        assert "<img" not in shown


async def test_a_creator_leads_to_those_like_it_and_says_why(
    visitor: Visitor, database: Database, corpus: Path, admin_url: str
) -> None:
    path = await start(visitor)
    async with working(database, corpus), visitor.http.stream("GET", f"{path}/events") as stream:
        _ = [line async for line in stream.aiter_lines()]
    with psycopg.connect(admin_url) as owner:
        ((handle,),) = owner.execute("SELECT handle FROM creators ORDER BY id LIMIT 1").fetchall()
    more = await visitor.send("/searches/estimate", {**FORM, "add": "lipstick"})
    assert ">makeup\nlipstick</textarea>" in more.text
    assert 'name="add"' in more.text, "known creators who say makeup use hashtags"
    form = (await visitor.get(f"/searches/new?like={handle}&platform=TikTok")).text
    assert f'value="{handle}"' in form
    assert f"like @{handle}" in form
    both = await visitor.send("/searches", {**FORM, "like": str(handle)})
    assert both.status_code == 422
    assert "Leave the other empty" in both.text
    similar = await start(visitor, keywords="", like=str(handle))
    async with working(database, corpus), visitor.http.stream("GET", f"{similar}/events") as stream:
        _ = [line async for line in stream.aiter_lines()]
    shown = (await visitor.get(similar)).text
    assert "% alike" in shown.replace("\xa0", " ")
    repeated = (await visitor.get(f"/searches/new?repeat={similar.rpartition('/')[2]}")).text
    assert f'value="{handle}"' in repeated
