"""The suite finds what it is there for: adapters with one fault each do not pass it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import httpx
import pytest

from tastemaker.providers.base import (
    Cost,
    ErrorKind,
    KeywordQuery,
    Page,
    ProfileQuery,
    ProviderError,
)
from tastemaker.providers.conformance import KEY, ProfileConformance, SearchConformance
from tastemaker.providers.scrapecreators import ScrapeCreatorsTikTok
from tests.providers.profile_wires import PROFILE_WIRES
from tests.providers.remote import Remote
from tests.providers.wires import TIKTOK

Fault = Callable[[Page], Page]


def searching(fault: Fault) -> SearchConformance:
    """The suite over an adapter whose pages have the fault."""

    class Faulty(ScrapeCreatorsTikTok):
        async def search_keyword(
            self, http: httpx.AsyncClient, query: KeywordQuery, cursor: str | None
        ) -> Page:
            return fault(await super().search_keyword(http, query, cursor))

    suite = SearchConformance()
    suite.wire = replace(TIKTOK, build=lambda url, **_: Faulty(KEY, base_url=url))
    return suite


def looking_up(fault: Fault) -> ProfileConformance:
    class Faulty(ScrapeCreatorsTikTok):
        async def fetch_profile(self, http: httpx.AsyncClient, query: ProfileQuery) -> Page:
            return fault(await super().fetch_profile(http, query))

    suite = ProfileConformance()
    wire = next(wire for wire in PROFILE_WIRES if wire.name == "tiktok")
    suite.wire = replace(wire, build=lambda url, **_: Faulty(KEY, base_url=url))
    return suite


def zero_for_unknown(page: Page) -> Page:
    creators = [replace(creator, followers=creator.followers or 0) for creator in page.creators]
    return replace(page, creators=creators)


def names_with_nul(page: Page) -> Page:
    return replace(page, creators=[replace(creator, name="a\0z") for creator in page.creators])


def every_creator_twice(page: Page) -> Page:
    return replace(page, creators=[*page.creators, *page.creators])


def posts_of_nobody(page: Page) -> Page:
    return replace(page, posts=[replace(post, creator_id="nobody") for post in page.posts])


def bare_moments(page: Page) -> Page:
    posts = [
        replace(post, published_at=post.published_at.replace(tzinfo=None)) if post.published_at else post
        for post in page.posts
    ]
    return replace(page, posts=posts)


@pytest.mark.parametrize(
    ("fault", "test"),
    [
        (lambda page: replace(page, next_cursor="58"), SearchConformance.test_paging_moves_and_ends),
        (lambda page: replace(page, next_cursor=None), SearchConformance.test_paging_moves_and_ends),
        (zero_for_unknown, SearchConformance.test_a_bad_count_is_unknown),
        (zero_for_unknown, SearchConformance.test_a_missing_field_is_unknown),
        (names_with_nul, SearchConformance.test_one_bad_text_costs_no_good_creator),
        (every_creator_twice, SearchConformance.test_a_creator_with_several_posts_appears_once),
        (posts_of_nobody, SearchConformance.test_a_page_says_what_the_provider_said),
        (bare_moments, SearchConformance.test_a_page_says_what_the_provider_said),
        (
            lambda page: replace(page, cost=Cost(calls=2, units=1)),
            SearchConformance.test_a_page_says_what_the_provider_said,
        ),
        (lambda page: replace(page, skipped=0), SearchConformance.test_a_bad_id_loses_one_creator_of_25),
        (
            lambda page: replace(page, creators=page.creators[:1], posts=()),
            SearchConformance.test_whatever_stands_at_whatever_place_the_others_are_kept,
        ),
    ],
)
async def test_a_faulty_page_is_found(
    http: httpx.AsyncClient,
    remote: Remote,
    fault: Fault,
    test: Callable[[SearchConformance, httpx.AsyncClient, Remote], Awaitable[None]],
) -> None:
    await test(searching(lambda page: page), http, remote)
    with pytest.raises(AssertionError):
        await test(searching(fault), http, remote)


@pytest.mark.parametrize(
    ("fault", "test"),
    [
        (zero_for_unknown, ProfileConformance.test_a_bad_count_is_unknown_and_one_as_text_is_read),
        (names_with_nul, ProfileConformance.test_texts_can_be_kept),
        (every_creator_twice, ProfileConformance.test_a_profile_says_what_the_provider_said),
        (
            lambda page: replace(page, creators=()),
            ProfileConformance.test_whatever_stands_at_whatever_place_it_is_a_page_or_a_refusal,
        ),
    ],
)
async def test_a_faulty_profile_is_found(
    http: httpx.AsyncClient,
    remote: Remote,
    fault: Fault,
    test: Callable[[ProfileConformance, httpx.AsyncClient, Remote], Awaitable[None]],
) -> None:
    await test(looking_up(lambda page: page), http, remote)
    with pytest.raises(AssertionError):
        await test(looking_up(fault), http, remote)


async def test_an_undeclared_call_is_found(http: httpx.AsyncClient, remote: Remote) -> None:
    def build(url: str, **_: object) -> ScrapeCreatorsTikTok:
        adapter = ScrapeCreatorsTikTok(KEY, base_url=url)
        declared = adapter.declaration
        endpoints = tuple(
            replace(one, path="/v1/elsewhere") if not url else one for one in declared.endpoints
        )
        adapter.declaration = replace(declared, endpoints=endpoints)
        return adapter

    suite = SearchConformance()
    suite.wire = replace(TIKTOK, build=build)
    with pytest.raises(AssertionError, match="/v1/tiktok/search/keyword is not declared"):
        await suite.test_a_page_says_what_the_provider_said(http, remote)


async def test_a_key_that_is_told_is_found(
    http: httpx.AsyncClient, remote: Remote, caplog: pytest.LogCaptureFixture
) -> None:
    class Telling(ScrapeCreatorsTikTok):
        async def search_keyword(
            self, http: httpx.AsyncClient, query: KeywordQuery, cursor: str | None
        ) -> Page:
            try:
                return await super().search_keyword(http, query, cursor)
            except ProviderError as error:
                raise ProviderError(ErrorKind.AUTH, f"{KEY} is wrong: {error}", final=True) from None

    suite = SearchConformance()
    suite.wire = replace(TIKTOK, build=lambda url, **_: Telling(KEY, base_url=url))
    with pytest.raises(AssertionError):
        await suite.test_the_key_is_sent_and_never_told(http, remote, caplog)
