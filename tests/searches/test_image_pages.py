"""`/images/…`: pictures of one's own creators, and a drawing in place of every failure."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.catalog.images import ImageCache, Images
from tastemaker.core.platforms import Platform
from tastemaker.db.pool import Database
from tastemaker.providers.images import Image, ImageClient, ImageRefused
from tests.searches.rows import one
from tests.searches.scripted import Bench, ScriptedProvider, creator, page, post, working
from tests.web.conftest import app_over
from tests.web.test_campaigns import somebody
from tests.web.visitors import browsing

PNG = b"\x89PNG\r\n\x1a\n"
URLS = {
    0: "https://images.example.com/channel/UC000000=s88",
    1: "https://yt3.ggpht.com/one.png",
    2: "https://yt3.ggpht.com/lost.png",
    3: "https://127.0.0.1/secret",
    4: None,
}


class Remote(ImageClient):
    async def fetch(self, platform: Platform, url: str) -> Image:
        if url.endswith("one.png"):
            return Image(PNG, "image/png")
        if url.endswith("lost.png"):
            raise ImageRefused("It is gone.")
        return await super().fetch(platform, url)


@pytest.fixture
async def ids(database: Database, user: CurrentUser) -> list[int]:
    """Of five creators, each with another kind of picture, found by the user's search."""

    def script(_keyword: str, _cursor: str | None) -> object:
        found = page([], None)
        return replace(
            found,
            creators=[creator(number, avatar_url=url, name="Zoë Bell") for number, url in URLS.items()],
            posts=[replace(post(number), thumbnail_url=url) for number, url in URLS.items()],
        )

    bench = Bench(database, user)
    async with working(database, ScriptedProvider(script)):  # type: ignore[arg-type]  # a page without cursor
        await bench.finish(await bench.start())
    found = await one(database, "SELECT array_agg(id ORDER BY stable_id) FROM creators")
    assert isinstance(found, list)
    return found


@pytest.fixture
async def browser(database: Database, user: CurrentUser, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = app_over(database)
    app.state.images = Images(ImageCache(tmp_path), Remote())
    async with browsing(database, user, app) as browser:
        yield browser


async def test_each_creator_has_a_picture(browser: httpx.AsyncClient, ids: list[int]) -> None:
    drawn, fetched, *missing = [await browser.get(f"/images/avatars/{number}") for number in ids]
    assert (drawn.status_code, drawn.headers["content-type"]) == (200, "image/svg+xml")
    assert "Cache-Control" in drawn.headers
    assert (fetched.content, fetched.headers["content-type"]) == (PNG, "image/png")
    assert fetched.headers["cache-control"] == "private, max-age=3600"
    for answer in missing:
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
        assert ">ZB</text>" in answer.text
        assert answer.headers["cache-control"] == "private, max-age=300"
    for answer in (drawn, fetched, *missing):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].endswith("sandbox")


async def test_a_picture_that_the_browser_has_is_not_sent(browser: httpx.AsyncClient, ids: list[int]) -> None:
    first = await browser.get(f"/images/avatars/{ids[1]}")
    again = await browser.get(f"/images/avatars/{ids[1]}", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_posts_have_pictures_too(
    browser: httpx.AsyncClient, ids: list[int], database: Database
) -> None:
    found = await one(database, "SELECT array_agg(id ORDER BY post_id) FROM posts")
    assert isinstance(found, list)
    answers = [await browser.get(f"/images/posts/{number}") for number in found]
    assert [answer.status_code for answer in answers] == [200] * 5
    assert answers[1].content == PNG
    assert answers[2].content == answers[3].content == answers[4].content


async def test_creators_of_the_catalog_have_pictures_for_every_user(
    database: Database, ids: list[int]
) -> None:
    async with browsing(database, await somebody(database, "bob")) as bob:
        assert (await bob.get(f"/images/avatars/{ids[0]}")).status_code == 200
        answer = await bob.get("/images/avatars/999999")
        assert (answer.status_code, answer.headers["content-type"]) == (404, "image/svg+xml")


@pytest.mark.parametrize("name", ["0", "-1", "x", "9" * 30, "1e3", "%00", "1/2"])
async def test_an_odd_id_is_no_fault_of_ours(browser: httpx.AsyncClient, name: str) -> None:
    assert (await browser.get(f"/images/avatars/{name}")).status_code in {404, 422}


async def test_nobody_sees_pictures(browser: httpx.AsyncClient, ids: list[int]) -> None:
    async with httpx.AsyncClient(base_url=browser.base_url) as nobody:
        answer = await nobody.get(f"/images/avatars/{ids[0]}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
