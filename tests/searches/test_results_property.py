"""Filter, order, pages and facets of results are those of a plain evaluation in Python, unknowns included."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tastemaker.campaigns.service import get_campaign
from tastemaker.catalog.filtering import UNKNOWN, CreatorFilter, Verified, filter_query
from tastemaker.catalog.languages import detect
from tastemaker.catalog.matching import Verdict, matches
from tastemaker.core.folding import fold
from tastemaker.core.platforms import Platform
from tastemaker.db.transaction import Transaction, transaction
from tastemaker.providers.base import Cost, Creator, Page, Post
from tastemaker.searches.results.facet_queries import FacetName, read_facets, toggled
from tastemaker.searches.results.filtering import MatchedField, ResultFilter, make_filter, read_filter
from tastemaker.searches.results.paging import (
    CampaignScope,
    Scope,
    SearchScope,
    Sort,
    decode_cursor,
    encode_cursor,
)
from tastemaker.searches.results.queries import ResultRow, count_results, list_results
from tastemaker.searches.run.candidate_queries import LIST_FACTS
from tastemaker.searches.types import Search
from tests.searches.rows import one
from tests.searches.scripted import Bench, ScriptedProvider, working

NAMES = ("Ana", "Émile", "bob", "", "Zoë", "安娜")
BIOS = (None, "I play chess", "Café in Köln", "100% organic_food")
TEXTS = ("all about chess", "tea \\ and %", "ÉCHECS à deux", "")
COUNTS = (None, 0, 5, 999, 1_000, 20_000, 2_000_000)


@dataclass(frozen=True)
class Made:
    """A creator with its post as a provider told them, and which of two searches find it."""

    creator: Creator
    post: Post | None
    searches: tuple[int, ...]


def made(number: int, now: datetime) -> Made:
    """Every value comes round at its own pace, so that all combinations of a few occur."""
    identity = f"UC{number:06}"
    creator = Creator(
        platform=Platform.YOUTUBE,
        stable_id=identity,
        handle=f"h{number}" if number % 7 else None,
        name=NAMES[number % 6],
        bio=BIOS[number % 4],
        followers=COUNTS[number % 7],
        verified=(True, False, None)[number % 3],
        country=("DE", "FR", None)[number // 2 % 3],
        language=("de", None, "fr")[number // 3 % 3],
        emails=("a@example.org",) if number % 2 else (),
    )
    post = Post(
        platform=Platform.YOUTUBE,
        post_id=f"v{number}",
        creator_id=identity,
        text=TEXTS[number // 2 % 4],
        url=None,
        views=COUNTS[(number + 3) % 7],
        likes=COUNTS[(number + 5) % 7],
        published_at=None if number % 5 == 0 else now - timedelta(days=number % 40, hours=1),
    )
    found = ((0,), (1,), (0, 1))[number % 3]
    return Made(creator, None if number % 9 == 0 else post, found)


@pytest.fixture
async def everybody(bench: Bench) -> tuple[Sequence[Made], Sequence[Search]]:
    now = await one(bench.database, "SELECT app_now()")
    assert isinstance(now, datetime)
    people = [made(number, now) for number in range(45)]
    searches = []
    for search, keyword in enumerate(("chess", "food")):
        members = [person for person in people if search in person.searches]
        page = Page(
            creators=[person.creator for person in members],
            posts=[person.post for person in members if person.post],
            next_cursor=None,
            cost=Cost(calls=1, units=1),
        )
        async with working(bench.database, ScriptedProvider(lambda *_, page=page: page)):
            searches.append(await bench.finish(await bench.start(keyword)))
    return people, searches


def language_of(person: Made) -> str:
    """The declared one, else what is detected."""
    heard = detect([person.creator.bio, person.post.text if person.post else None])
    return person.creator.language or (heard.language if heard else UNKNOWN)


Numbers = st.sampled_from((None, 0, 5, 1_000, 20_000))
FILTERS = st.builds(
    dict,
    platforms=st.sampled_from(((), (Platform.YOUTUBE,), (Platform.TIKTOK,))),
    keywords=st.sampled_from(((), ("chess",), ("food",), ("chess", "food"))),
    text=st.sampled_from((None, "CHESS", "cafe", "%", "_", "\\", "échecs", "安")),
    min_followers=Numbers,
    max_followers=st.sampled_from((None, 20_000, 3_000_000)),
    min_views=st.sampled_from((None, 1)),
    has_email=st.sampled_from((None, True, False)),
    languages=st.sampled_from(((), ("de",), ("fr", UNKNOWN))),
    countries=st.sampled_from(((), ("DE", UNKNOWN))),
    verified=st.sampled_from(((), (Verified.YES,), (Verified.NO, Verified.UNKNOWN))),
    posted_within=st.sampled_from((None, 10, 30)),
    matched_in=st.sampled_from(((), (MatchedField.POST,), (MatchedField.BIO, MatchedField.NAME))),
    include_unknown=st.booleans(),
)
"""Half of the filters are off in most examples, or nobody would pass."""
SPARSE = st.tuples(FILTERS, st.sets(st.sampled_from(sorted({
    "platforms", "keywords", "text", "min_followers", "max_followers", "min_views", "has_email", "languages",
    "countries", "verified", "posted_within", "matched_in",
})), min_size=0, max_size=3)).map(
    lambda both: make_filter(
        **{name: value for name, value in both[0].items() if name in both[1] or name == "include_unknown"}
    )
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=SPARSE, sort=st.sampled_from(list(Sort)), size=st.sampled_from((1, 7, 100)))
async def test_results_are_those_of_a_plain_evaluation(
    bench: Bench,
    everybody: tuple[Sequence[Made], Sequence[Search]],
    wanted: ResultFilter,
    sort: Sort,
    size: int,
) -> None:
    people, searches = everybody
    async with transaction(bench.database, bench.user.claim) as tx:
        campaign = await get_campaign(tx, bench.user, "test")
        scopes: tuple[tuple[Scope, tuple[int, ...]], ...] = (
            (CampaignScope(campaign.id), (0, 1)),
            (SearchScope((searches[0].id,)), (0,)),
            (SearchScope((searches[0].id, searches[1].id)), (0, 1)),
        )
        now = (await (await tx.connection.execute("SELECT app_now()")).fetchall())[0][0]
        for scope, numbers in scopes:
            members = [one for one in people if set(one.searches) & set(numbers)]
            first = {one.creator.stable_id: min(set(one.searches) & set(numbers)) for one in members}
            keywords = keywords_of(members, numbers, combined=isinstance(scope, CampaignScope))
            rows = await everything(tx, bench, scope, wanted, sort, size)
            facts = {row.stable_id: (row.matched_in, row.position) for row in await everything(
                tx, bench, scope, ResultFilter(), Sort.POSITION, 100)}  # fmt: skip
            checked = partial(check, wanted=wanted, now=now, keywords=keywords, facts=facts)
            passing = [one for one in members if all(checked(one).values())]
            expected = sorted(
                passing,
                key=lambda one: (*sort_key(one, sort, first), facts[one.creator.stable_id][1]),
            )
            assert {row.stable_id for row in rows} == {one.creator.stable_id for one in passing}
            assert [ordering(row, sort) for row in rows] == [told(one, sort, facts) for one in expected]
            assert await count_results(tx, bench.user.user_id, scope, wanted=wanted) == len(passing)
            await facets_agree(tx, bench, scope, wanted, members, checked, keywords, facts)


def keywords_of(
    members: Sequence[Made], numbers: Sequence[int], *, combined: bool
) -> Mapping[str, frozenset[str]]:
    """A campaign has the keywords of all its searches; searches those of the one that has the creator."""
    words = ("chess", "food")
    return {
        one.creator.stable_id: frozenset(
            words[number]
            for number in one.searches
            if number in numbers and (combined or number == min(set(one.searches) & set(numbers)))
        )
        for one in members
    }


FACET_OF = {
    "platforms": FacetName.PLATFORM, "keywords": FacetName.KEYWORD, "languages": FacetName.LANGUAGE,
    "countries": FacetName.COUNTRY, "has_email": FacetName.EMAIL, "verified": FacetName.VERIFIED,
    "min_followers": FacetName.FOLLOWERS, "max_followers": FacetName.FOLLOWERS,
    "matched_in": FacetName.MATCHED_IN,
}  # fmt: skip


def check(
    one: Made,
    wanted: ResultFilter,
    now: datetime,
    keywords: Mapping[str, frozenset[str]],
    facts: Mapping[str, tuple[tuple[str, ...], int]],
) -> dict[str, bool]:
    """Whether the creator passes each filter that is set."""
    creator, post = one.creator, one.post
    unknown = wanted.include_unknown
    published = post.published_at if post else None
    views = post.views if post else None
    text = "\n".join(filter(None, (creator.name, creator.handle, creator.bio, post.text if post else None)))
    told = {
        "platforms": creator.platform in wanted.platforms,
        "keywords": bool(keywords[creator.stable_id] & set(wanted.keywords)),
        "text": fold(wanted.text or "") in fold(text),
        "min_followers": within(creator.followers, lambda n: n >= (wanted.min_followers or 0), unknown),
        "max_followers": within(creator.followers, lambda n: n <= (wanted.max_followers or 0), unknown),
        "min_views": within(views, lambda n: n >= (wanted.min_views or 0), unknown),
        "has_email": bool(creator.emails) == wanted.has_email,
        "languages": language_of(one) in wanted.languages,
        "countries": (creator.country or UNKNOWN) in wanted.countries,
        "verified": verified(creator) in wanted.verified,
        "posted_within": within(
            published, lambda at: at >= now - timedelta(days=wanted.posted_within or 0), unknown
        ),
        "matched_in": bool(set(facts[creator.stable_id][0]) & set(wanted.matched_in)),
    }
    return {name: passes for name, passes in told.items() if getattr(wanted, name) not in (None, ())}


def within(value: object, holds: Callable[[Any], bool], unknown: bool) -> bool:  # noqa: FBT001 - an example's
    return unknown if value is None else holds(value)


def verified(creator: Creator) -> str:
    return UNKNOWN if creator.verified is None else "yes" if creator.verified else "no"


def sort_key(one: Made, sort: Sort, first: Mapping[str, int]) -> tuple[Any, ...]:
    creator, post = one.creator, one.post
    match sort:
        case Sort.POSITION:
            return (first[creator.stable_id],)
        case Sort.NAME:
            name = (creator.name or "").strip() or creator.handle
            return (name is None, fold(name or ""))
        case Sort.LAST_POST:
            at = post.published_at if post else None
            return (at is None, -at.timestamp() if at else 0)
        case _:
            count = creator.followers if sort is Sort.FOLLOWERS else post and getattr(post, sort.value)
            return (count is None, -(count or 0))


def told(one: Made, sort: Sort, facts: Mapping[str, tuple[tuple[str, ...], int]]) -> Any:  # noqa: ANN401 - any value
    creator, post = one.creator, one.post
    match sort:
        case Sort.POSITION:
            return facts[creator.stable_id][1]
        case Sort.NAME:
            name = (creator.name or "").strip() or creator.handle
            return None if name is None else fold(name)
        case Sort.LAST_POST:
            return post.published_at if post else None
        case _:
            return creator.followers if sort is Sort.FOLLOWERS else post and getattr(post, sort.value)


def ordering(row: ResultRow, sort: Sort) -> Any:  # noqa: ANN401 - any value
    names = {Sort.NAME: "sort_name", Sort.LAST_POST: "last_post_at"}
    return getattr(row, names.get(sort, sort.value))


async def everything(
    tx: Transaction, bench: Bench, scope: Scope, wanted: ResultFilter, sort: Sort, size: int
) -> list[ResultRow]:
    """Page after page, each place by way of its cursor."""
    rows: list[ResultRow] = []
    cursor = None
    while True:
        page = await list_results(
            tx,
            bench.user.user_id,
            scope,
            wanted=wanted,
            sort=sort,
            after=decode_cursor(sort, cursor),
            limit=size,
        )
        rows += page.creators
        if (cursor := encode_cursor(sort, page.next)) is None:
            return rows


async def facets_agree(
    tx: Transaction,
    bench: Bench,
    scope: Scope,
    wanted: ResultFilter,
    members: Sequence[Made],
    checked: Callable[[Made], dict[str, bool]],
    keywords: Mapping[str, frozenset[str]],
    facts: Mapping[str, tuple[tuple[str, ...], int]],
) -> None:
    facets = await read_facets(tx, bench.user.user_id, scope, wanted=wanted)
    for facet in FacetName:
        counted: Counter[str] = Counter()
        for one_ in members:
            others = [passes for name, passes in checked(one_).items() if FACET_OF.get(name) is not facet]
            if all(others):
                counted.update(values(one_, facet, keywords, facts))
        assert {value.value: value.count for value in facets.of[facet] if value.count} == dict(counted)
    assert facets.passing == sum(all(checked(one_).values()) for one_ in members)


def values(
    one_: Made,
    facet: FacetName,
    keywords: Mapping[str, frozenset[str]],
    facts: Mapping[str, tuple[tuple[str, ...], int]],
) -> Sequence[str]:
    creator = one_.creator
    bands = ("0-999", "1000-9999", "10000-99999", "100000-999999", "1000000-")
    place = sum((creator.followers or 0) >= least for least in (1_000, 10_000, 100_000, 1_000_000))
    return {
        FacetName.PLATFORM: [creator.platform.value],
        FacetName.KEYWORD: [*keywords[creator.stable_id]],
        FacetName.LANGUAGE: [language_of(one_)],
        FacetName.COUNTRY: [creator.country or UNKNOWN],
        FacetName.EMAIL: ["known" if creator.emails else UNKNOWN],
        FacetName.VERIFIED: [verified(creator)],
        FacetName.FOLLOWERS: [UNKNOWN if creator.followers is None else bands[place]],
        FacetName.MATCHED_IN: [*facts[creator.stable_id][0]],
    }[facet]


@given(wanted=SPARSE, sees=st.sampled_from((None, True, False)), since=st.none() | st.datetimes())
def test_an_address_carries_every_filter(
    *, wanted: ResultFilter, sees: bool | None, since: datetime | None
) -> None:
    whole = replace(wanted, seen_before=sees, found_since=since and since.replace(tzinfo=UTC))
    assert read_filter(parse_qsl(urlencode(filter_query(whole)))) == whole


def test_a_click_on_a_value_and_another_one_change_nothing() -> None:
    for facet, value in (
        (FacetName.PLATFORM, "TikTok"), (FacetName.KEYWORD, "chess"), (FacetName.LANGUAGE, UNKNOWN),
        (FacetName.COUNTRY, "DE"), (FacetName.EMAIL, UNKNOWN), (FacetName.VERIFIED, "no"),
        (FacetName.FOLLOWERS, "1000-9999"), (FacetName.FOLLOWERS, "1000000-"), (FacetName.MATCHED_IN, "bio"),
    ):  # fmt: skip
        chosen = toggled(ResultFilter(), facet, value)
        assert chosen != ResultFilter()
        assert toggled(chosen, facet, value) == ResultFilter()
    assert toggled(ResultFilter(), FacetName.FOLLOWERS, UNKNOWN) == ResultFilter()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=SPARSE)
async def test_a_creator_matches_in_python_as_in_sql(
    bench: Bench, everybody: tuple[Sequence[Made], Sequence[Search]], wanted: ResultFilter
) -> None:
    """Criteria of a search are judged in Python, unknown values included."""
    _, searches = everybody
    criteria = ResultFilter(**{field.name: getattr(wanted, field.name) for field in fields(CreatorFilter)})
    scope = SearchScope((searches[0].id, searches[1].id))
    async with transaction(bench.database, bench.user.claim) as tx:
        now = (await (await tx.connection.execute("SELECT app_now()")).fetchall())[0][0]
        rows = await everything(tx, bench, scope, criteria, Sort.POSITION, 100)
        all_rows = await everything(tx, bench, scope, ResultFilter(), Sort.POSITION, 100)
        ids = [row.creator_id for row in all_rows]
        facts = await tx.many(LIST_FACTS.choose(which="ids"), ids=ids, fresh_seconds=0.0, limit=1000)
    known = [replace(fact, is_profile_known=True) for fact in facts]
    passing = {fact.creator_id for fact in known if matches(criteria, fact, now) is Verdict.YES}
    assert passing == {row.creator_id for row in rows}
    for fact in facts:
        if matches(criteria, fact, now) is Verdict.NO:
            assert fact.creator_id not in passing
