"""Discovering creators by the API, the page and the command line: the same filter, words and numbers."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.core.platforms import Platform
from tastemaker.db.pool import Database
from tastemaker.db.transaction import transaction
from tests.catalog.made_up import SANDBOX, creator, keep, post
from tests.web.conftest import Program
from tests.web.visitors import browsing

PATH = "/api/v1/creators"


@pytest.fixture
async def ids(database: Database, user: CurrentUser) -> Mapping[str, int]:
    people = [
        creator(1, name="Ana Chess", followers=50_000, language="es", emails=("ana@example.org",)),
        creator(2, name="Bob", bio="chess <b>fan</b>, bob@example.org", followers=900, country="DE"),
        creator(3, platform=Platform.TIKTOK, name="Cleo", followers=None),
    ]
    async with transaction(database, user.claim) as tx:
        return await keep(tx, people, [post(1, 2, "my chess opening")], provenance=SANDBOX)


async def found(program: Program, **query: Any) -> dict[str, Any]:  # noqa: ANN401 - parameters
    answered = await program.get(PATH, **query)
    assert answered.status_code == 200, answered.text
    return dict(answered.json())


async def test_programs_find_filter_and_page(program: Program, ids: Mapping[str, int]) -> None:
    everybody = await found(program)
    assert (everybody["total"], everybody["total_is_exact"], len(everybody["creators"])) == (3, True, 3)
    chess = await found(program, q="chess", limit=1)
    assert [one["name"] for one in chess["creators"]] == ["Ana Chess"]
    assert chess["facets"]["language"] == [
        {"value": "en", "count": 1, "is_chosen": False},
        {"value": "es", "count": 1, "is_chosen": False},
    ]
    rest = await found(program, q="chess", limit=1, after=chess["next"])
    assert [(one["name"], one["bio"]) for one in rest["creators"]] == [("Bob", "chess <b>fan</b>, (e-mail)")]
    assert "emails" not in rest["creators"][0]
    known = await found(program, email="known", min_followers=1000)
    assert [one["creator_id"] for one in known["creators"]] == [ids["UC000001"]]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"min_folowers": 1}, "did you mean min_followers?"), ({"keyword": "x"}, "a filter of results"),
        ({"q": "x " * 3000}, "characters"), ({"q": "%"}, "no letters"), ({"campaign": "none"}, "campaign"),
    ],
)  # fmt: skip
async def test_bad_questions_are_answered_with_a_reason(
    program: Program, query: Mapping[str, Any], said: str
) -> None:
    answered = await program.get(PATH, **query)
    assert answered.status_code in {404, 422}
    assert said in answered.text


async def test_people_find_creators_and_look_at_one(
    database: Database, user: CurrentUser, ids: Mapping[str, int]
) -> None:
    async with browsing(database, user) as browser:
        page = (await browser.get("/discover", params={"q": "chess", "sort": "followers"})).text
        assert "<b>2</b> creators" in page
        assert "<mark>chess</mark> &lt;b&gt;fan" in page
        assert "bob@example.org" not in page
        assert f'href="/discover/creators/{ids["UC000001"]}?q=chess&amp;sort=followers"' in page
        rows = await browser.get("/discover", params={"q": "chess"}, headers=_htmx("more"))
        assert "<html" not in rows.text
        assert "Ana Chess" in rows.text
        panel = (await browser.get(f"/discover/creators/{ids['UC000001']}", headers=_htmx("panel"))).text
        assert "None of your searches found this creator." in panel
        assert "ana@example.org" not in panel
        whole = (await browser.get(f"/creators/{ids['UC000001']}")).text
        assert "An e-mail is known." in whole
        assert "ana@example.org" not in whole
        assert (await browser.get("/discover/creators/999999")).status_code == 404
        assert "has no letters" in (await browser.get("/discover", params={"q": "%"})).text
        assert "No creator found before has these words." in (await _discover(browser, "nothing of this"))
        assert "Nobody has these words." in await _discover(browser, "anna ches")


async def test_an_empty_catalog_says_what_to_do(database: Database, user: CurrentUser) -> None:
    async with browsing(database, user) as browser:
        assert "Nothing found yet: start a search." in (await browser.get("/discover")).text


async def _discover(browser: httpx.AsyncClient, words: str) -> str:
    return (await browser.get("/discover", params={"q": words})).text


def _htmx(target: str) -> dict[str, str]:
    return {"HX-Request": "true", "HX-Target": target}
