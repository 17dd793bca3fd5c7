"""The pages of results: rows, filters in the URL, the panel, selection and undo, and the rows of others."""

import csv
import io
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from html import unescape

import httpx
import pytest

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.campaigns.service import get_campaign
from tastemaker.db.pool import Database
from tastemaker.db.transaction import transaction
from tastemaker.searches.exports import service
from tastemaker.searches.types import Search
from tests.searches.rows import many
from tests.searches.scripted import Bench, ScriptedProvider, creator, page, post, working
from tests.web.visitors import browsing, somebody_else, submit

EVIL = '<script>alert(1)</script>"><img src=x onerror=alert(2)>'
EVIL_URL = "javascript:alert(3)"
ARABIC = "\u0645\u0631\u064a\u0645"
ROW = re.compile(r'<div role="row" class="creator" data-row data-id="(\d+)"')
PART = {"HX-Request": "true"}


def script(_keyword: str, cursor: str | None) -> object:
    """Seventy creators on two pages; the first three have names that try something."""
    first = 0 if cursor is None else 35
    names = {0: EVIL, 1: ARABIC, 2: "\U0001f468\u200d\U0001f469\u200d\U0001f467 " + "long " * 40}
    found = page([], "35" if cursor is None else None)
    return replace(
        found,
        creators=[
            creator(
                number,
                name=names.get(number, f"Creator {number}"),
                followers=number * 1000,
                bio=EVIL,
                profile_url=EVIL_URL,
                links=[EVIL_URL],
            )
            for number in range(first, first + 35)
        ],
        posts=[
            replace(post(number), text=f"chess {EVIL}", url=EVIL_URL) for number in range(first, first + 35)
        ],
    )


@pytest.fixture
async def search(database: Database, user: CurrentUser) -> Search:
    bench = Bench(database, user)
    async with working(database, ScriptedProvider(script)):  # type: ignore[arg-type]  # pages as objects
        return await bench.finish(await bench.start("chess"))


@pytest.fixture
async def browser(database: Database, user: CurrentUser) -> AsyncIterator[httpx.AsyncClient]:
    async with browsing(database, user) as client:
        yield client


async def rows_of(browser: httpx.AsyncClient, path: str, **headers: str) -> list[str]:
    answer = await browser.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    return ROW.findall(answer.text)


async def test_rows_are_read_on_without_a_repeat(browser: httpx.AsyncClient, search: Search) -> None:
    first = await browser.get(f"/searches/{search.id}")
    assert "<b>70</b> creators" in first.text
    ids = ROW.findall(first.text)
    more = re.search(r'id="more" class="more" hx-get="([^"]+)"', first.text)
    assert len(ids) == 50
    assert more is not None
    rest = await browser.get(unescape(more[1]), headers={**PART, "HX-Target": "more"})
    assert "<html" not in rest.text
    assert len({*ids, *ROW.findall(rest.text)}) == 70


async def test_stored_script_is_inert(browser: httpx.AsyncClient, search: Search) -> None:
    ids = await rows_of(browser, f"/searches/{search.id}")
    for path in (f"/searches/{search.id}", f"/searches/{search.id}/creators/{ids[0]}", f"/creators/{ids[0]}"):
        text = (await browser.get(path)).text
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert " style=" not in text
        assert f'href="{EVIL_URL}' not in text


async def test_filter_sort_and_columns_are_in_the_url(browser: httpx.AsyncClient, search: Search) -> None:
    asked = f"/searches/{search.id}?min_followers=60000&sort=followers&columns=followers&columns=keyword"
    answer = await browser.get(asked)
    assert len(ROW.findall(answer.text)) == 10
    assert "Followers 60K and more" in answer.text
    assert answer.text.index("Creator 69") < answer.text.index("Creator 60")
    assert 'class="c-why"' not in answer.text
    without = re.search(r'<a class="chip on" href="([^"]+)">Followers', answer.text)
    assert without is not None
    assert "min_followers" not in without[1]
    assert "sort=followers" in without[1]
    assert len(await rows_of(browser, unescape(without[1]))) == 50


async def test_a_filter_that_leaves_nothing_is_named(browser: httpx.AsyncClient, search: Search) -> None:
    text = (await browser.get(f"/searches/{search.id}?text=nothing+of+this")).text
    assert "No creator passes all of these filters" in text
    assert "“nothing of this”" in text


@pytest.mark.parametrize("query", ["min_followers=many", "sort=age", "after=zzz", "platform=myspace"])
async def test_a_filter_that_does_not_exist_is_a_sentence(
    browser: httpx.AsyncClient, search: Search, query: str
) -> None:
    answer = await browser.get(f"/searches/{search.id}?{query}", headers={"Accept": "text/html"})
    assert answer.status_code == 422
    assert "Try again" in answer.text


async def test_the_panel_is_a_url_and_a_part(browser: httpx.AsyncClient, search: Search) -> None:
    ids = await rows_of(browser, f"/searches/{search.id}")
    path = f"/searches/{search.id}/creators/{ids[5]}"
    whole, part = await browser.get(path), await browser.get(path, headers=PART)
    assert len(ROW.findall(whole.text)) == 50
    assert f'data-id="{ids[5]}" aria-current="true"' in whole.text
    assert part.text.lstrip().startswith("<aside")
    assert "<mark>chess</mark>" in part.text


async def test_the_selected_are_excluded_and_it_is_undone(
    browser: httpx.AsyncClient, search: Search, database: Database
) -> None:
    ids = await rows_of(browser, f"/searches/{search.id}")
    told = await submit(browser, f"/searches/{search.id}/exclusions", which="these", creator=ids[:3])
    assert "3 creators excluded" in told.text
    assert len(await many(database, "SELECT value FROM exclusions")) == 3
    undo = re.search(r'<form method="post" action="(/settings/exclusions/batches/[^"]+)"', told.text)
    assert undo is not None
    told = await submit(browser, unescape(undo[1]))
    assert "3 creators taken off the list" in told.text
    assert await many(database, "SELECT value FROM exclusions") == []


async def test_all_but_the_ticked_that_pass_the_filter(
    browser: httpx.AsyncClient, search: Search, database: Database
) -> None:
    path = f"/searches/{search.id}?min_followers=60000"
    ids = await rows_of(browser, path)
    told = await submit(
        browser,
        f"/searches/{search.id}/exclusions?min_followers=60000",
        which="but",
        creator=ids[:2],
    )
    assert "8 creators excluded" in told.text
    assert "Followers 60K and more" in told.text
    nothing = await browser.post(f"/searches/{search.id}/exclusions", data={"which": "these"})
    assert nothing.status_code == 422


async def test_the_campaign_shows_its_searches_together(
    browser: httpx.AsyncClient, search: Search, database: Database, user: CurrentUser
) -> None:
    async with transaction(database, user.claim) as tx:
        campaign = await get_campaign(tx, user, "test")
    path = f"/campaigns/{campaign.id}/creators"
    ids = await rows_of(browser, path)
    assert len(ids) == 50
    assert (await browser.get(f"{path}/{ids[0]}", headers=PART)).status_code == 200


async def test_another_user_finds_nothing(database: Database, search: Search, user: CurrentUser) -> None:
    async with browsing(database, user) as own:
        ids = await rows_of(own, f"/searches/{search.id}")
    async with browsing(database, await somebody_else(database)) as other:
        for path in (
            f"/searches/{search.id}",
            f"/searches/{search.id}/creators/{ids[0]}",
        ):
            assert (await other.get(path)).status_code == 404
        known = await other.get(f"/creators/{ids[0]}")
        assert "None of your searches found this creator." in known.text
        assert "chess" not in known.text.partition("Where found")[2]
        taken = await other.post(f"/searches/{search.id}/exclusions", data={"creator": ids[:1]})
        assert taken.status_code == 404


async def test_the_selected_are_downloaded(browser: httpx.AsyncClient, search: Search) -> None:
    ids = await rows_of(browser, f"/searches/{search.id}")
    path = f"/searches/{search.id}/exports?min_followers=60000"
    for which, creators in (("these", 3), ("all", 10), ("but", 7)):
        chosen = ids[:3] if which == "these" else await rows_of(browser, path.replace("/exports", ""))
        answer = await browser.post(path, data={"which": which, "creator": chosen[:3]})
        assert answer.headers["content-disposition"].startswith("attachment; filename=")
        assert answer.content.startswith(b"\xef\xbb\xbfChannel Name,Subscribers")
        assert len(list(csv.reader(io.StringIO(answer.text)))) == creators + 1
    lines = await browser.post(path, data={"which": "all", "format": "jsonl"})
    assert len(lines.text.splitlines()) == 10
    unknown = await browser.post(
        path, data={"which": "all", "format": "pdf"}, headers={"Accept": "text/html"}
    )
    assert unknown.status_code == 422


async def test_a_large_selection_is_written_by_a_worker(
    browser: httpx.AsyncClient, search: Search, monkeypatch: pytest.MonkeyPatch, database: Database
) -> None:
    monkeypatch.setattr(service, "MOST_AT_ONCE", 5)
    told = await submit(browser, f"/searches/{search.id}/exports", which="all")
    assert "70 creators are being written" in told.text
    assert "Waits for a worker" in told.text
    delete = re.search(r'action="(/exports/[^"]+/deletion)"', told.text)
    assert delete is not None
    async with browsing(database, await somebody_else(database)) as other:
        assert (await other.post(delete[1])).status_code == 404
        assert (await other.get(delete[1].replace("deletion", "file"))).status_code == 404
    assert (await browser.get(delete[1].replace("deletion", "file"))).status_code == 409
    assert "Large files stand here" in (await submit(browser, delete[1])).text


async def test_undoing_leads_to_no_other_site(browser: httpx.AsyncClient, search: Search) -> None:
    unknown = "00000000-0000-0000-0000-000000000000"
    answer = await browser.post(f"/settings/exclusions/batches/{unknown}/removal?back=//evil.example/")
    assert answer.headers.get("location", "/settings/exclusions") == "/settings/exclusions"
