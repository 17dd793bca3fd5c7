"""The second who asks the same is answered from what the first was charged for."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tastemaker.core.platforms import Platform
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.transaction import transaction
from tastemaker.providers.base import (
    Capability,
    Cost,
    Creator,
    CursorKind,
    Declaration,
    KeywordQuery,
    Page,
    PolicyClass,
    Post,
)
from tastemaker.providers.page_store import (
    digest_of,
    find_page,
    forget_creator,
    forget_expired,
    keep_for_others,
)

CHESS = KeywordQuery(keyword="Chess  Openings", region="US")
DAY = timedelta(days=1)


def declared(keep_days: int | None) -> Declaration:
    return Declaration(
        name="scripted",
        platforms=frozenset({Platform.TIKTOK}),
        capabilities=frozenset({Capability.KEYWORD_SEARCH}),
        page_size=10,
        cost_per_page=Cost(calls=1, units=1, micros_usd=1880),
        calls_per_second=5,
        policy=PolicyClass(name="none", keep_days=keep_days, derived_metrics=True, contacts=True),
        stable_id_path="id",
        cursor_kind=CursorKind.NUMBER,
        deadline_seconds=30,
    )


PAGE = Page(
    creators=[
        Creator(
            platform=Platform.TIKTOK,
            stable_id="42",
            handle="anna",
            name="Ánna 🌸",
            followers=2**40,
            emails=("anna@example.com",),
            extra_ids={"sec_uid": "x"},
        )
    ],
    posts=[
        Post(
            platform=Platform.TIKTOK,
            post_id="7",
            creator_id="42",
            text="chess",
            url=None,
            published_at=datetime(2026, 1, 2, 3, tzinfo=UTC),
            views=None,
        )
    ],
    next_cursor="12",
    cost=Cost(calls=1, units=1, micros_usd=1880),
    raw=(b"{}",),
    skipped=2,
)


async def keep(database: Database, declaration: Declaration, *, keep: timedelta = DAY) -> None:
    async with transaction(database, SYSTEM) as tx:
        await keep_for_others(tx, declaration, CHESS, None, PAGE, keep=keep)


async def find(database: Database, declaration: Declaration, query: KeywordQuery) -> Page | None:
    async with transaction(database, SYSTEM) as tx:
        paid = await find_page(tx, declaration, query, None)
    return paid.page if paid else None


def clock_moved(admin_url: str, by: timedelta) -> None:
    with psycopg.connect(admin_url, autocommit=True) as owner:
        owner.execute("UPDATE clock_offset SET shift = %s", (by,))


async def test_a_kept_page_comes_back_as_it_was_and_costs_nothing(database: Database) -> None:
    await keep(database, declared(None))
    found = await find(database, declared(None), CHESS)
    assert found is not None
    assert (found.creators, found.posts) == (PAGE.creators, PAGE.posts)
    assert (found.next_cursor, found.skipped) == ("12", 2)
    assert found.cost == Cost(calls=0, units=0)


@pytest.mark.parametrize(
    ("query", "same"),
    [
        (KeywordQuery(keyword="chess openings", region="US"), True),
        (KeywordQuery(keyword="\uff23hess openings", region="US"), True),
        (KeywordQuery(keyword="chess openings", region="DE"), False),
        (KeywordQuery(keyword="chess", region="US"), False),
        (KeywordQuery(keyword="chess openings", region="US", options={"order": "date"}), False),
    ],
)
def test_questions_are_the_same_where_a_provider_cannot_tell_them_apart(
    query: KeywordQuery,
    same: bool,  # noqa: FBT001 - a row of the table above
) -> None:
    asked = digest_of(CHESS, None, contacts=True)
    assert (digest_of(query, None, contacts=True) == asked) is same
    assert digest_of(query, "12", contacts=True) != asked
    assert digest_of(query, None, contacts=False) != asked


@pytest.mark.parametrize(
    ("policy_days", "asked", "after", "found"),
    [
        (None, DAY, timedelta(hours=23), True),
        (None, DAY, timedelta(hours=25), False),
        (30, timedelta(days=90), timedelta(days=29), True),
        (30, timedelta(days=90), timedelta(days=31), False),
        (None, timedelta(0), timedelta(0), False),
    ],
)
async def test_a_page_is_used_for_as_long_as_operator_and_policy_allow(
    database: Database,
    admin_url: str,
    policy_days: int | None,
    asked: timedelta,
    after: timedelta,
    found: bool,  # noqa: FBT001 - a row of the table above
) -> None:
    await keep(database, declared(policy_days), keep=asked)
    clock_moved(admin_url, after)
    assert (await find(database, declared(policy_days), CHESS) is not None) is found
    async with transaction(database, SYSTEM) as tx:
        assert await forget_expired(tx) == (0 if found or not asked else 1)


async def test_a_creator_who_is_forgotten_is_on_no_page(database: Database) -> None:
    await keep(database, declared(None))
    async with transaction(database, SYSTEM) as tx:
        assert await forget_creator(tx, Platform.TIKTOK, "4") == 0
        assert await forget_creator(tx, Platform.YOUTUBE, "42") == 0
        assert await forget_creator(tx, Platform.TIKTOK, "42") == 1
    assert await find(database, declared(None), CHESS) is None
