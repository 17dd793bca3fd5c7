"""The adapters against the sandbox: whoever a search finds has a profile that says the same and more."""

import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tastemaker.core.platforms import Platform
from tastemaker.providers.base import (
    Creator,
    ErrorKind,
    KeywordQuery,
    ProfileLookup,
    ProfileQuery,
    Provider,
    ProviderError,
)
from tastemaker.providers.registry import SANDBOX_KEY, sandbox_providers
from tastemaker.providers.scrapecreators import ScrapeCreatorsTikTok, ScrapeCreatorsYouTube
from tastemaker.sandbox.corpus import generate
from tastemaker.sandbox.library import Library
from tastemaker.sandbox.server import serve

ART = KeywordQuery(keyword="art")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "made-up.sqlite3"
    generate(path, creators=1_000, posts_per_creator=4, seed=11)
    return path


@pytest.fixture
async def url(corpus: Path) -> AsyncIterator[str]:
    async with serve(corpus) as address:
        yield address


def same_facts(creator: Creator) -> tuple[object, ...]:
    return creator.stable_id, creator.handle, creator.name


async def found_by_search(http: httpx.AsyncClient, provider: Provider) -> list[Creator]:
    page = await provider.search_keyword(http, ART, None)
    assert len(page.creators) >= 3
    return list(page.creators[:3])


@pytest.mark.parametrize("platform", [*Platform, "YouTube through ScrapeCreators"])
async def test_a_found_creator_has_a_profile_by_handle_and_by_id(
    http: httpx.AsyncClient, url: str, platform: str
) -> None:
    provider = (
        sandbox_providers(url)[Platform(platform)]
        if platform in set(Platform)
        else ScrapeCreatorsYouTube(SANDBOX_KEY, base_url=url)
    )
    assert isinstance(provider, ProfileLookup)
    with_bio = 0
    for found in await found_by_search(http, provider):
        profiles = [
            (await provider.fetch_profile(http, query)).creators[0]
            for query in (ProfileQuery(handle=found.handle), ProfileQuery(stable_id=found.stable_id))
        ]
        assert [same_facts(profile) for profile in profiles] == [same_facts(found)] * 2
        assert all(profile.followers == (found.followers or profile.followers) for profile in profiles)
        with_bio += profiles[0].bio is not None
    assert with_bio > 0


async def test_users_are_found_page_after_page_until_the_end(http: httpx.AsyncClient, url: str) -> None:
    provider = ScrapeCreatorsTikTok(SANDBOX_KEY, base_url=url)
    cursor, pages = None, []
    for _ in range(50):
        page = await provider.search_users(http, ART, cursor)
        pages.append([creator.stable_id for creator in page.creators])
        cursor = page.next_cursor
        if cursor is None:
            break
    assert cursor is None
    assert all(ids != following for ids, following in itertools.pairwise(pages))


@pytest.mark.parametrize("platform", list(Platform))
async def test_nobody_is_not_found(http: httpx.AsyncClient, url: str, platform: Platform) -> None:
    provider = sandbox_providers(url)[platform]
    assert isinstance(provider, ProfileLookup)
    with pytest.raises(ProviderError) as raised:
        await provider.fetch_profile(http, ProfileQuery(handle="nobody.has.this.handle"))
    assert (raised.value.kind, raised.value.final) == (ErrorKind.NOT_FOUND, True)


async def test_a_closed_account_is_refused_in_spite_of_its_status_200(
    http: httpx.AsyncClient, url: str, corpus: Path
) -> None:
    rows = Library(corpus).creators(range(1, 1_001))
    closed = [row for row in rows if row.state == "private" and row.platform == Platform.TIKTOK]
    with pytest.raises(ProviderError) as raised:
        await ScrapeCreatorsTikTok(SANDBOX_KEY, base_url=url).fetch_profile(
            http, ProfileQuery(stable_id=closed[0].stable_id)
        )
    assert (raised.value.kind, raised.value.final) == (ErrorKind.PRIVATE, True)


async def test_shorts_and_shelves_give_channels_that_videos_alone_do_not(
    http: httpx.AsyncClient, url: str
) -> None:
    provider = ScrapeCreatorsYouTube(SANDBOX_KEY, base_url=url)
    page = await provider.search_keyword(http, ART, None)
    with_length = {post.creator_id for post in page.posts if (post.duration_seconds or 0) > 60}
    assert len(page.creators) > len(with_length)
