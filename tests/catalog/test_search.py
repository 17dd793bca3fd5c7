"""The catalog's search against a plain scan in Python: scripts, filters, facets, orders and pages."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.catalog.document_queries import band_of
from tastemaker.catalog.filtering import UNKNOWN, Verified
from tastemaker.catalog.queries import upsert
from tastemaker.catalog.search import (
    CatalogFilter,
    CatalogQuery,
    Found,
    Ranking,
    make_catalog_filter,
    search,
)
from tastemaker.catalog.terms import Document, read_query
from tastemaker.core.errors import InvalidInput
from tastemaker.core.folding import UNSPACED, fold, is_letter
from tastemaker.core.ids import ExternalUserId
from tastemaker.core.platforms import Platform
from tastemaker.db.claims import SYSTEM, Tenant, claims_json
from tastemaker.db.pool import Database
from tastemaker.db.transaction import Transaction, transaction
from tastemaker.providers.base import Creator, Post
from tests.catalog.made_up import LIVE, SANDBOX, creator, keep, post

TEXTS = (
    "Chess with Émile and café tips, rock'n'roll", "Ich backe Brot in Köln: #true_crime #Backen",
    "Шахматы и чай. Ещё немного йоги", "الشطرنج والقهوة كل يوم", "서울에서 체스를 배워요",
    "東京タワーで桜を見る",
    "ไปกินข้าวที่กรุงเทพ", "北京烤鸭 food tour", "ice cream, not cream ice", "C++ and c# for R&B fans",
    "chess chess chess chess chess chess chess chess ice", "हिन्दी में शतरंज", "ice and then cream",
)  # fmt: skip


def query(user: CurrentUser, text: str = "", **values: Any) -> CatalogQuery:  # noqa: ANN401 - fields of the query
    return CatalogQuery(tenant_id=user.user_id, text=text, **values)


async def names(tx: Transaction, user: CurrentUser, text: str, **values: Any) -> set[int]:  # noqa: ANN401 - the same
    return set((await search(tx, query(user, text, limit=200, **values))).ids)


def scan(word: str, text: str) -> bool:
    """Whether the word stands in the text: as a word, or anywhere in scripts without spaces."""
    wanted, folded = fold(word), fold(text)
    if UNSPACED.fullmatch(wanted):
        return wanted in folded
    spaced = "".join(one if is_letter(one) else " " for one in UNSPACED.sub(" ", folded))
    return wanted in spaced.split()


async def test_words_of_every_script_are_found_as_by_a_plain_scan(
    database: Database, user: CurrentUser
) -> None:
    async with transaction(database, user.claim) as tx:
        people = [creator(number, bio=text) for number, text in enumerate(TEXTS)]
        ids = await keep(tx, people)
        words = {
            word
            for text in TEXTS
            for spaced in re.findall(r"\S+", "".join(one if is_letter(one) else " " for one in fold(text)))
            for run in UNSPACED.sub(lambda match: f" {match[0]} ", spaced).split()
            for word in ([run[a:b] for a in range(len(run)) for b in range(a + 1, min(a + 5, len(run) + 1))]
                         if UNSPACED.fullmatch(run) else [run])
        }  # fmt: skip
        assert len(words) > 100
        for word in words:
            found = await names(tx, user, f'"{word}"')
            assert found == {ids[one.stable_id] for one in people if scan(word, one.bio or "")}, word


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ('"ice cream"', {8}), ("ice cream", {8, 12}), ("chess -ice", {0}), ("Cafe EMILE", {0}),
        ("#backen", {1}), ("backen", {1}), ("#true_crime", {1}), ("true crime", {1}), ("#chess", set()),
        ("che*", {0, 10}), ("c++", {9}), ("C#", {9}), ("-chess cream", {8, 12}), ("rock'n'roll", {0}),
        ('"cream, not', {8}), ("handle3", {3}), ("@handle3", {3}), ("東京* 桜", {5}),
        (f"\u200f{TEXTS[3].split()[0]}\u200f", {3}), ("\U0001f468\u200d\U0001f469 chess", {0, 10}),
    ],
)  # fmt: skip
async def test_the_grammar(database: Database, user: CurrentUser, text: str, numbers: set[int]) -> None:
    async with transaction(database, user.claim) as tx:
        ids = await keep(tx, [creator(number, bio=text) for number, text in enumerate(TEXTS)])
        assert await names(tx, user, text) == {ids[f"UC{number:06}"] for number in numbers}


@pytest.mark.parametrize(
    ("text", "said"),
    [("x " * 10_000, "characters"), ("a " * 40, "words"), ("%", "letters"), ('"', "letters"), ("ab*", r"\*")],
)
def test_what_cannot_be_searched_is_refused_with_a_reason(text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        read_query(text)


async def test_names_are_found_though_they_are_misspelt(database: Database, user: CurrentUser) -> None:
    async with transaction(database, user.claim) as tx:
        ids = await keep(
            tx, [creator(1, name="MrBeast", handle="mrbeast6000"), creator(2, name="Zoë Möller")]
        )
        found = await search(tx, query(user, "mrbest"))
        assert found.alike
        assert list(found.ids) == [ids["UC000001"]]
        assert list((await search(tx, query(user, "zoe moler"))).ids) == [ids["UC000002"]]
        assert not (await search(tx, query(user, "mrbeast"))).alike
        wanted = make_catalog_filter(platforms=(Platform.TIKTOK,))
        assert not (await search(tx, query(user, "mrbest", wanted=wanted))).ids


async def test_a_phrase_stays_within_a_post_and_a_name_comes_first(
    database: Database, user: CurrentUser
) -> None:
    async with transaction(database, user.claim) as tx:
        ids = await keep(
            tx,
            [creator(1, followers=10**7), creator(2, name="Paris Vegan", followers=10), creator(3)],
            [post(1, 1, "my vegan"), post(2, 1, "Paris days"), post(3, 3, "vegan Paris")],
        )
        assert await names(tx, user, '"vegan paris"') == {ids["UC000003"]}
        found = await search(tx, query(user, "vegan paris"))
        assert list(found.ids) == [ids["UC000002"], ids["UC000001"], ids["UC000003"]]


async def test_values_leave_the_catalog_in_the_transaction_in_which_they_are_taken(
    database: Database, user: CurrentUser, admin_url: str
) -> None:
    async with transaction(database, SYSTEM) as tx:
        ids = await keep(tx, [creator(1, name="Erika Gone"), creator(2, name="Erich Stays")])
        await tx.connection.execute("DELETE FROM creators WHERE id = %s", (ids["UC000001"],))
        assert await names(tx, user, '"erika"') == set()
        assert ids["UC000001"] not in await names(tx, user, "erikka gone")
        assert await names(tx, user, "erich") == {ids["UC000002"]}


async def test_creators_of_the_sandbox_are_found_only_where_they_are_wanted(
    database: Database, user: CurrentUser
) -> None:
    async with transaction(database, user.claim) as tx:
        ids = await keep(tx, [creator(1, bio="chess")]) | await keep(
            tx, [creator(2, bio="chess")], provenance=SANDBOX
        )
        assert await names(tx, user, "chess") == {ids["UC000001"]}
        assert await names(tx, user, "chess", with_sandbox=True) == {*ids.values()}


LANGUAGES, COUNTRIES = ("de", "fr", None), ("DE", None)
COUNTS = (None, 0, 999, 1_000, 20_000, 150_000, 2_000_000)
PLATFORMS = (Platform.YOUTUBE, Platform.TIKTOK)


def person(number: int, now: datetime) -> tuple[Creator, Post | None]:
    """Every value comes round at its own pace, so that all combinations of a few occur."""
    platform = PLATFORMS[number % 2]
    made = creator(
        number,
        platform=platform,
        bio=("chess", "tea and chess", "tea", None)[number % 4],
        followers=COUNTS[number % 7],
        language=LANGUAGES[number // 2 % 3],
        country=COUNTRIES[number // 3 % 2],
        verified=(True, False, None)[number % 3],
        emails=("a@example.org",) if number % 5 < 2 else (),
    )
    posted = None if number % 6 == 0 else now - timedelta(days=number % 40, hours=1)
    shown = None if number % 9 == 0 else post(number, number, "hello", platform=platform, published_at=posted)
    return made, shown


Numbers = st.sampled_from((None, 0, 1_000, 5_000, 20_000))
FILTERS = st.fixed_dictionaries(
    {"include_unknown": st.booleans()},
    optional={
        "platforms": st.sampled_from(((Platform.YOUTUBE,), (Platform.TIKTOK, Platform.YOUTUBE))),
        "min_followers": Numbers,
        "max_followers": st.sampled_from((20_000, 3_000_000)),
        "has_email": st.booleans(),
        "languages": st.sampled_from((("de",), ("fr", UNKNOWN))),
        "countries": st.sampled_from((("DE",), (UNKNOWN,))),
        "verified": st.sampled_from(((Verified.YES,), (Verified.NO, Verified.UNKNOWN))),
        "posted_within": st.sampled_from((10, 30)),
    },
).map(lambda values: make_catalog_filter(**values))


def checks(one: Creator, at: datetime | None, wanted: CatalogFilter, now: datetime) -> Mapping[str, bool]:
    """By facet, and `other`, whether the creator passes; a plain reading of the filter."""
    unknown = wanted.include_unknown
    least, most = wanted.min_followers, wanted.max_followers
    in_range = unknown if one.followers is None else (
        (least is None or one.followers >= least) and (most is None or one.followers <= most)
    )  # fmt: skip
    recent = unknown if at is None else at >= now - timedelta(days=wanted.posted_within or 0)
    verified = UNKNOWN if one.verified is None else "yes" if one.verified else "no"
    return {
        "platform": not wanted.platforms or one.platform in wanted.platforms,
        "language": not wanted.languages or (one.language or UNKNOWN) in wanted.languages,
        "country": not wanted.countries or (one.country or UNKNOWN) in wanted.countries,
        "email": wanted.has_email is None or bool(one.emails) == wanted.has_email,
        "verified": not wanted.verified or verified in wanted.verified,
        "followers": (least is None and most is None) or in_range,
        "other": wanted.posted_within is None or recent,
    }


def facets_of(one: Creator) -> Mapping[str, str]:
    return {
        "platform": one.platform.value,
        "language": one.language or UNKNOWN,
        "country": one.country or UNKNOWN,
        "email": "known" if one.emails else UNKNOWN,
        "verified": UNKNOWN if one.verified is None else "yes" if one.verified else "no",
        "followers": band_of(one.followers),
    }


@dataclass(frozen=True, repr=False)
class Everybody:
    """Creators with their newest post and their ids in the catalog."""

    people: Sequence[tuple[Creator, Post | None, int]]


@pytest.fixture
async def everybody(database: Database, user: CurrentUser) -> Everybody:
    async with transaction(database, user.claim) as tx:
        now = (await (await tx.connection.execute("SELECT app_now()")).fetchall())[0][0]
        people = [person(number, now) for number in range(80)]
        written = await upsert(
            tx, [one for one, _ in people], [shown for _, shown in people if shown], provenance=LIVE, now=now
        )
    return Everybody(tuple((one, shown, written.creators[one.stable_id]) for one, shown in people))


async def all_pages(tx: Transaction, asked: CatalogQuery) -> tuple[list[int], Found]:
    first = page = await search(tx, asked)
    ids = list(page.ids)
    while page.next:
        page = await search(tx, replace(asked, after=page.next, counts=False))
        ids += page.ids
    return ids, first


HAS_WORDS: Mapping[str, Callable[[Creator], bool]] = {
    "": lambda _: True,
    "chess": lambda one: "chess" in (one.bio or ""),
    "tea chess": lambda one: {"tea", "chess"} <= {*(one.bio or "").split()},
    "-tea": lambda one: "tea" not in (one.bio or ""),
    "handle1*": lambda one: (one.handle or "").startswith("handle1"),
}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    wanted=FILTERS,
    text=st.sampled_from(sorted(HAS_WORDS)),
    order=st.sampled_from(list(Ranking)),
    size=st.sampled_from((3, 100)),
    is_large=st.booleans(),
)
async def test_filters_facets_and_orders_are_those_of_a_plain_evaluation(  # noqa: PLR0913 - of the example
    database: Database,
    user: CurrentUser,
    monkeypatch: pytest.MonkeyPatch,
    everybody: Everybody,
    *,
    wanted: CatalogFilter,
    text: str,
    order: Ranking,
    size: int,
    is_large: bool,
) -> None:
    """`is_large`: the rows as they are found in a catalog that is too large to count."""
    monkeypatch.setattr("tastemaker.catalog.search.EXACT_BELOW", 0 if is_large else 10_000)
    async with transaction(database, user.claim) as tx:
        now = (await (await tx.connection.execute("SELECT app_now()")).fetchall())[0][0]
        ids, found = await all_pages(
            tx, CatalogQuery(tenant_id=user.user_id, text=text, wanted=wanted, order=order, limit=size)
        )
    members = [(one, shown, id_) for one, shown, id_ in everybody.people if HAS_WORDS[text](one)]
    checked = {
        id_: checks(one, shown.published_at if shown else None, wanted, now) for one, shown, id_ in members
    }
    passing = {id_ for id_, results in checked.items() if all(results.values())}
    assert set(ids) == passing
    assert len(ids) == len(passing)
    key = {id_: (one.followers if one.followers is not None else -1, id_) for one, _, id_ in members}
    if order is Ranking.FOLLOWERS:
        assert ids == sorted(ids, key=lambda id_: key[id_], reverse=True)
    if is_large:
        return
    assert (found.total, found.total_is_exact) == (len(passing), True)
    for name, counted in found.facets.items():
        expected = Counter(
            facets_of(one)[name]
            for one, _, id_ in members
            if all(passes for facet, passes in checked[id_].items() if facet != name)
        )
        assert dict(counted) == dict(expected)


async def test_another_tenants_campaign_finds_and_hides_nobody(
    database: Database, user: CurrentUser, admin_url: str
) -> None:
    async with transaction(database, user.claim) as tx:
        ids = await keep(tx, [creator(1), creator(2)])
    mine, theirs = (
        _campaign(admin_url, user.user_id, ids["UC000001"]),
        _campaign(admin_url, "b", ids["UC000002"]),
    )
    async with transaction(database, user.claim) as tx:
        assert await names(tx, user, "", found_in=[mine]) == {ids["UC000001"]}
        assert await names(tx, user, "", not_found_in=[mine]) == {ids["UC000002"]}
        assert await names(tx, user, "", found_in=[theirs]) == set()
        assert await names(tx, user, "", not_found_in=[theirs]) == {*ids.values()}


def _campaign(url: str, tenant: str, creator_id: int) -> Any:  # noqa: ANN401 - a UUID
    with psycopg.connect(url) as owner:
        owner.execute("SELECT set_config('request.jwt.claims', %s, true)", (claims_json(SYSTEM),))
        owner.execute("INSERT INTO users (user_id) VALUES (%s) ON CONFLICT DO NOTHING", (tenant,))
        campaign = owner.execute(
            "INSERT INTO campaigns (user_id, name, search_type) VALUES (%s, 'x', 'keyword') RETURNING id",
            (tenant,),
        ).fetchall()[0][0]
        job = owner.execute(
            "INSERT INTO scraping_jobs (user_id, campaign_id, keywords, platform, target_results, status)"
            " VALUES (%s, %s, '[\"x\"]', 'YouTube', 1, 'completed') RETURNING id",
            (tenant, campaign),
        ).fetchall()[0][0]
        owner.execute(
            "INSERT INTO campaign_creators (tenant_id, campaign_id, creator_id, job_id, position, searches,"
            " found_at, has_email, platform, keywords, matched_in, text)"
            " VALUES (%s, %s, %s, %s, 1, 1, app_now(), false, 'YouTube', '{x}', '{}', '')",
            (tenant, campaign, creator_id, job),
        )
        return campaign


def test_the_index_of_terms_is_used_behind_the_policies(app_url: str, admin_url: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as owner:
        owner.execute("SELECT set_config('request.jwt.claims', %s, false)", (claims_json(SYSTEM),))
        owner.execute(
            "INSERT INTO creators (platform, stable_id, name, source, policy, fetched_at, first_seen_at)"
            " SELECT 'TikTok', n::text, 'n', 'x', 'x', now(), now() FROM generate_series(1, 5000) n"
        )
        owner.execute(
            "INSERT INTO creator_documents SELECT id, 1, id % 32, '', false, 1, now(), now(), 'name' || id,"
            " ('a:1 w' || id % 1000)::tsvector, 1 FROM creators"
        )
        owner.execute("VACUUM ANALYZE creator_documents")
    with psycopg.connect(app_url) as connection:
        claims = claims_json(Tenant(ExternalUserId("alice")))
        connection.execute("SELECT set_config('request.jwt.claims', %s, true)", (claims,))
        connection.execute("SET LOCAL enable_seqscan = off")
        for condition, index in (
            ("terms @@ 'w7'", "idx_creator_documents_terms"),
            ("terms @@ 'w7' AND bucket = 7", "idx_creator_documents_sample"),
            ("'name4711' <% names", "idx_creator_documents_names"),
        ):
            explain = f"EXPLAIN SELECT 1 FROM creator_documents WHERE {condition}"  # noqa: S608 - constants
            plan = connection.execute(explain.encode()).fetchall()
            assert index in str(plan), plan


def test_an_address_is_no_word_of_a_creator() -> None:
    document = Document()
    document.add("Yoga daily. Mail jane.doe@example.com or see https://www.example.org/yoga?x=1 @jane")
    assert re.findall(r"'([^']+)'", document.tsvector()) == ["yoga", "daily", "mail", "or", "see", "jane"]
