"""The settings in a browser without JavaScript: keys, excluded creators, suppressed people, limits."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tastemaker.accounts.api_keys import is_valid, recognise
from tastemaker.accounts.current_user import CurrentUser
from tastemaker.accounts.sessions import COOKIE
from tastemaker.core.settings import Settings
from tastemaker.db.pool import Database
from tastemaker.providers.registry import Registry
from tastemaker.searches.installation import Installation
from tests.searches.rows import many, one
from tests.web.conftest import app_over
from tests.web.test_campaigns import somebody
from tests.web.visitors import browsing, submit

KEYS, EXCLUSIONS, LIMITS = "/settings/keys", "/settings/exclusions", "/settings/limits"
SUPPRESSIONS = "/settings/suppressions"
EVERYTHING = ["campaigns:read", "campaigns:write", "searches:read", "searches:write"]
SECRET = re.compile(r"tm_[0-9a-f]{12}_[A-Za-z0-9_-]{43}")


@pytest.fixture
async def browser(database: Database, user: CurrentUser, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """The key of suppressions is made in its data directory."""
    installation = Installation(Settings(home=tmp_path), Registry(()))
    async with browsing(database, user, app_over(database, installation=installation)) as browser:
        yield browser


async def test_the_first_page_of_the_settings(browser: httpx.AsyncClient) -> None:
    found = await browser.get("/settings", follow_redirects=True)
    assert found.status_code == 200
    assert found.url.path == "/settings/account"
    assert "Where you are signed in" in found.text


async def test_a_key_is_shown_once_works_and_is_revoked(
    browser: httpx.AsyncClient, database: Database
) -> None:
    made = await submit(browser, KEYS, name="Weekly <report>", scopes=EVERYTHING[:1], days="30")
    assert made.status_code == 201
    (secret,) = set(SECRET.findall(made.text))
    assert "Weekly &lt;report&gt;" in made.text
    caller = await recognise(database, secret)
    assert list(caller.scopes) == EVERYTHING[:1]
    listed = (await browser.get(KEYS)).text
    assert secret not in listed
    assert "Read campaigns" in listed
    (path,) = re.findall(r'action="([^"]+/revocation)"', listed)
    revoked = await submit(browser, path)
    assert "is revoked" in revoked.text
    assert not await is_valid(database, caller)
    assert (await browser.post(path)).status_code == 409


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"name": "", "scopes": EVERYTHING}, "1 to 100 characters"),
        ({"name": "x" * 101, "scopes": EVERYTHING}, "1 to 100 characters"),
        ({"name": "x"}, "Choose at least one."),
        ({"name": "x", "scopes": ["everything"]}, "Choose at least one."),
    ],
)
async def test_what_is_wrong_with_a_key_stands_beside_its_field(
    browser: httpx.AsyncClient, database: Database, form: dict[str, object], told: str
) -> None:
    answer = await submit(browser, KEYS, **form)
    assert answer.status_code == 422
    assert told in answer.text
    assert f'value="{form["name"]}"' in answer.text
    assert await one(database, "SELECT count(*) FROM api_keys") == 0


async def test_creators_are_left_out_and_an_undo_brings_them_back(
    browser: httpx.AsyncClient, database: Database
) -> None:
    people = "https://www.tiktok.com/@Lucia.Entrena\n\n@mateo\n"
    added = await submit(browser, EXCLUSIONS, people=people, platform="instagram", note="Partners & friends")
    assert "2 creators will be left out" in added.text
    assert "@lucia.entrena" in added.text
    assert "Partners &amp; friends" in added.text
    mateo = await one(database, "SELECT id FROM exclusions WHERE value = 'mateo'")
    gone = await submit(browser, f"{EXCLUSIONS}/{mateo}/removal")
    assert "may find mateo again" in gone.text
    (undo,) = re.findall(r'action="([^"]+/restoration[^"]*)"', gone.text)
    back = await submit(browser, undo.replace("&amp;", "&"))
    assert "is left out again" in back.text
    rows = await many(database, "SELECT platform || value || note FROM exclusions ORDER BY 1")
    assert rows == ["InstagrammateoPartners & friends", "TikToklucia.entrenaPartners & friends"]


async def test_a_whole_list_is_undone(browser: httpx.AsyncClient, database: Database) -> None:
    await submit(browser, EXCLUSIONS, people="before", platform="tiktok")
    added = await submit(browser, EXCLUSIONS, people="before\none\ntwo", platform="tiktok")
    assert "2 creators will be left out of new searches. 1 creator was on the list already." in added.text
    (undo,) = re.findall(r'action="([^"]+/batches/[^"]*)"', added.text)
    assert "2 creators taken off the list" in (await submit(browser, undo)).text
    assert await many(database, "SELECT value FROM exclusions") == ["before"]


async def test_a_file_of_creators_is_taken_whole_or_not_at_all(
    browser: httpx.AsyncClient, database: Database
) -> None:
    good = b"\xef\xbb\xbfplatform,handle\r\ntiktok,one\r\nyoutube,two\r\n"
    for content, status, told in (
        (good + b"youtube,https://example.com/x\r\n", 422, "Line 4"),
        (b"\xff\xfe\x00", 422, "UTF-8"),
        (b"name\nx\n", 422, "needs a first line"),
        (good, 200, "2 creators will be left out"),
        (good, 200, "2 creators were on the list already."),
    ):
        answer = await browser.post(
            EXCLUSIONS, files={"file": ("list.csv", content)}, data={"people": ""}, follow_redirects=True
        )
        assert (answer.status_code, told in answer.text) == (status, True), answer.text
    assert await one(database, "SELECT count(*) FROM exclusions") == 2


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({}, "Name somebody, or choose a file."),
        ({"people": "@mateo"}, "Line 1: "),
        ({"people": "ok\nhttps://example.com/x", "platform": "tiktok"}, "Line 2: "),
        ({"people": "ok", "platform": "tiktok", "note": "x" * 5001}, "A note has 5,001 characters"),
    ],
)
async def test_what_is_wrong_with_a_list_stands_beside_its_field(
    browser: httpx.AsyncClient, form: dict[str, object], told: str
) -> None:
    answer = await submit(browser, EXCLUSIONS, **form)
    assert answer.status_code == 422
    assert told in answer.text
    assert str(form.get("people", "")) in answer.text


async def test_a_person_is_suppressed_and_let_in_again(
    browser: httpx.AsyncClient, database: Database
) -> None:
    form = {"name": "https://www.instagram.com/carmen/", "reason": "asked by e-mail"}
    unsure = await submit(browser, SUPPRESSIONS, **form)
    assert unsure.status_code == 422
    assert await one(database, "SELECT count(*) FROM suppressions") == 0
    done = await submit(browser, SUPPRESSIONS, **form, certain="yes")
    assert "taken out of 0 searches" in done.text
    assert "asked by e-mail" in done.text
    assert "carmen" not in done.text
    unknown = await submit(browser, f"{SUPPRESSIONS}/removal", lifted="nobody", platform="instagram")
    assert (unknown.status_code, "Nobody of that name" in unknown.text) == (422, True)
    lifted = await submit(browser, f"{SUPPRESSIONS}/removal", lifted="Carmen", platform="instagram")
    assert "may store this name again" in lifted.text
    assert await one(database, "SELECT count(*) FROM suppressions") == 0


async def test_limits_are_told_with_what_is_used(browser: httpx.AsyncClient) -> None:
    told = (await browser.get(LIMITS)).text
    assert "Creators this period" in told
    assert "There is no limit." in told
    assert "All users together" in told


async def test_others_see_neither_my_rows_nor_what_is_an_administrators(
    browser: httpx.AsyncClient, database: Database
) -> None:
    await submit(browser, KEYS, name="Mine", scopes=EVERYTHING)
    await submit(browser, EXCLUSIONS, people="@mateo", platform="tiktok")
    (revocation,) = re.findall(r'action="([^"]+/revocation)"', (await browser.get(KEYS)).text)
    mateo = await one(database, "SELECT id FROM exclusions")
    removal = f"{EXCLUSIONS}/{mateo}/removal"
    batch = await one(database, "SELECT batch_id FROM exclusions")
    async with browsing(database, await somebody(database, "bob")) as bob:
        assert "Mine" not in (await bob.get(KEYS)).text
        assert "mateo" not in (await bob.get(EXCLUSIONS)).text
        assert "All users together" not in (await bob.get(LIMITS)).text
        assert (await bob.get(SUPPRESSIONS)).status_code == 404
        undone = await submit(bob, f"{EXCLUSIONS}/batches/{batch}/removal")
        assert "0 creators taken off" in undone.text
        for path in (revocation, removal, SUPPRESSIONS, f"{SUPPRESSIONS}/removal"):
            assert (await bob.post(path)).status_code == 404
    assert await one(database, "SELECT count(*) FROM api_keys WHERE revoked_at IS NULL") == 1
    assert await one(database, "SELECT count(*) FROM exclusions") == 1


async def test_forms_of_other_sites_are_refused(browser: httpx.AsyncClient, database: Database) -> None:
    await submit(browser, KEYS, name="Mine", scopes=EVERYTHING)
    (revocation,) = re.findall(r'action="([^"]+/revocation)"', (await browser.get(KEYS)).text)
    removal = f"{EXCLUSIONS}/00000000-0000-0000-0000-000000000000/removal"
    for path in (KEYS, revocation, EXCLUSIONS, removal, SUPPRESSIONS, f"{SUPPRESSIONS}/removal"):
        for origin in ("https://evil.example.com", "null", ""):
            answer = await browser.post(path, headers={"Origin": origin}, data={"name": "x"})
            assert answer.status_code == 403
    assert await one(database, "SELECT count(*) FROM api_keys WHERE revoked_at IS NULL") == 1


async def test_nobody_is_sent_to_sign_in(browser: httpx.AsyncClient) -> None:
    browser.cookies.delete(COOKIE)
    for path in ("/settings", KEYS, EXCLUSIONS, LIMITS, SUPPRESSIONS):
        answer = await browser.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
