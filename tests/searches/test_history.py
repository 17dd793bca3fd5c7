"""A user's searches, their pages of results, a campaign's results, and where a creator was found."""

from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tastemaker.core.accounts import fold_handle
from tastemaker.core.errors import InvalidInput
from tastemaker.core.ids import CampaignId, ExternalUserId, SearchId
from tastemaker.core.platforms import Platform
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import read_many
from tastemaker.searches.history_queries import (
    find_campaign_results,
    list_result_pages,
    list_results_with_creator,
    list_search_history,
)
from tastemaker.searches.types import Status

ALICE, BOB = ExternalUserId("alice"), ExternalUserId("bob")
COFFEE, EMPTY = CampaignId(UUID(int=1)), CampaignId(UUID(int=2))
FIRST, SECOND, THIRD, LOOSE, BOBS = (SearchId(UUID(int=number)) for number in range(11, 16))

CAMPAIGN = "INSERT INTO campaigns (id, user_id, name, search_type) VALUES (%s, 'alice', %s, 'keyword')"
SEARCH = """
    INSERT INTO scraping_jobs (id, user_id, campaign_id, platform, status, processed_results, created_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s)
"""
CREATOR = """
    INSERT INTO creators (platform, stable_id, source, policy, first_seen_at, fetched_at)
    VALUES ('TikTok', %s, 'test', 'test', now(), now()) RETURNING id
"""
RESULT = "INSERT INTO scraping_results (job_id, creators, created_at) VALUES (%s, %s, %s) RETURNING id"
RUN = """
    INSERT INTO scraping_runs (tenant_id, job_id, position, keyword) VALUES ('alice', %s, 0, 'k') RETURNING id
"""
FOUND = """
    INSERT INTO search_creators (job_id, platform, stable_id, tenant_id, run_id, result_id, creator_id,
                                 position, created_at)
    VALUES (%s, 'TikTok', %s, 'alice', %s, %s, %s, %s, now())
"""


@pytest.fixture(autouse=True)
def rows(admin_url: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute("INSERT INTO users (user_id) VALUES ('alice'), ('bob')")
        for campaign, name in ((COFFEE, "Coffee"), (EMPTY, "Empty")):
            admin.execute(CAMPAIGN, (campaign, name))
        for search in (
            (FIRST, "alice", COFFEE, "TikTok", "completed", 2, "2026-01-01"),
            (SECOND, "alice", COFFEE, "Tiktok", "processing", 1, "2026-01-02"),
            (THIRD, "alice", COFFEE, "YouTube", "pending", 0, "2026-01-02"),
            (LOOSE, "alice", None, "YouTube", "pending", 0, "2026-01-02"),
            (BOBS, "bob", None, "TikTok", "completed", 1, "2026-01-03"),
        ):
            admin.execute(SEARCH, search)
        for search_id, found in ((FIRST, ("7", "8")), (SECOND, ("8",))):
            _keep(admin, search_id, found)


def _keep(admin: psycopg.Connection, search_id: SearchId, found: tuple[str, ...]) -> None:
    run = _one(admin, RUN, (search_id,))
    creators = [{"creator": {"uniqueId": f"c{stable_id}"}} for stable_id in found]
    page = _one(admin, RESULT, (search_id, Jsonb(creators), "2026-01-05"))
    for position, stable_id in enumerate(found):
        known = admin.execute("SELECT id FROM creators WHERE stable_id = %s", (stable_id,)).fetchone()
        creator = known[0] if known else _one(admin, CREATOR, (stable_id,))
        admin.execute(FOUND, (search_id, stable_id, run, page, creator, position))


def _one(admin: psycopg.Connection, statement: str, values: tuple[object, ...]) -> Any:  # noqa: ANN401 - a key of either kind
    row = admin.execute(statement.encode(), values).fetchone()
    assert row is not None
    return row[0]


def _store(admin_url: str, search_id: SearchId, *pages: list[object]) -> None:
    with psycopg.connect(admin_url, autocommit=True) as admin:
        for day, creators in enumerate(pages, 10):
            _one(admin, RESULT, (search_id, Jsonb(creators), f"2026-01-{day}"))


async def test_searches_come_newest_first_with_campaign_and_results(database: Database) -> None:
    page = await list_search_history(database, ALICE)
    assert [search.id for search in page.rows] == [LOOSE, THIRD, SECOND, FIRST]
    loose, _, second, first = page.rows
    assert (loose.campaign_name, loose.result_pages, loose.last_result_at) == (None, 0, None)
    assert (first.campaign_name, first.platform, first.status) == (
        "Coffee",
        Platform.TIKTOK,
        Status.COMPLETED,
    )
    assert (first.stored, first.result_pages, second.platform) == (2, 1, Platform.TIKTOK)
    assert [search.id for search in (await list_search_history(database, BOB)).rows] == [BOBS]


async def test_history_reads_on_through_equal_times(database: Database) -> None:
    seen, after = [], None
    while True:
        page = await list_search_history(database, ALICE, after=after, limit=1)
        seen += [search.id for search in page.rows]
        if (after := page.next) is None:
            break
    assert seen == [LOOSE, THIRD, SECOND, FIRST]


async def test_pages_of_results_are_read_one_after_another(admin_url: str, database: Database) -> None:
    _store(admin_url, FIRST, [{"n": 1}], [{"n": 2}])
    page = await list_result_pages(database, ALICE, FIRST, limit=2)
    assert [len(row.creators) for row in page.rows] == [2, 1]
    rest = await list_result_pages(database, ALICE, FIRST, after=page.next, limit=2)
    assert [row.creators for row in rest.rows] == [[{"n": 2}]]
    assert rest.next is None
    assert (await list_result_pages(database, BOB, FIRST)).rows == ()


async def test_a_cursor_of_another_list_is_refused(database: Database) -> None:
    page = await list_search_history(database, ALICE, limit=1)
    with pytest.raises(InvalidInput):
        await list_result_pages(database, ALICE, FIRST, after=page.next)


async def test_a_campaign_is_told_by_platform_and_counts_a_creator_once(database: Database) -> None:
    results = await find_campaign_results(database, ALICE, COFFEE)
    assert results is not None
    tiktok, youtube = results.platforms
    assert (tiktok.platform, tiktok.searches, tiktok.open_searches) == (Platform.TIKTOK, 2, 1)
    assert (tiktok.stored, tiktok.creators, tiktok.result_pages) == (3, 2, 2)
    assert (youtube.searches, youtube.creators, youtube.result_pages) == (1, 0, 0)
    assert (results.searches, results.creators) == (3, 2)


async def test_an_empty_campaign_has_no_platforms_and_a_foreign_one_does_not_exist(
    database: Database,
) -> None:
    empty = await find_campaign_results(database, ALICE, EMPTY)
    assert empty is not None
    assert empty.platforms == ()
    assert await find_campaign_results(database, BOB, COFFEE) is None


SHAPES = {
    "uniqueId": ({"creator": {"uniqueId": "Nike"}, "platform": "TikTok"}, Platform.TIKTOK),
    "handle": ({"creator": {"handle": "@nike"}, "platform": "YouTube"}, Platform.YOUTUBE),
    "channelId": ({"creator": {"handle": "x", "channelId": "NIKE"}, "platform": "YouTube"}, Platform.YOUTUBE),
    "flat": ({"id": "1", "username": "nike"}, Platform.TIKTOK),
    "wrapped": (
        {"results": [{"creators": [{"creator": {"uniqueId": "nike"}, "platform": "Instagram"}]}]},
        Platform.INSTAGRAM,
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_creator_is_found_in_every_shape_of_results(
    shape: str, admin_url: str, database: Database
) -> None:
    element, platform = SHAPES[shape]
    _store(admin_url, SECOND, [element, {"creator": {"uniqueId": "other"}, "platform": "TikTok"}])
    for name in ("nike", " @NIKE "):
        page = await list_results_with_creator(database, ALICE, platform, name)
        assert [row.search_id for row in page.rows] == [SECOND]
    assert (await list_results_with_creator(database, BOB, platform, "nike")).rows == ()
    for other in set(Platform) - {platform}:
        assert (await list_results_with_creator(database, ALICE, other, "nike")).rows == ()


async def test_statements_fold_handles_as_the_program_does(database: Database) -> None:
    handles = [
        "@Anna.Bakes",
        "ÉLISE_B",
        "Øystein",
        "ЮЛИЯ.Ж",
        "Ελένη",
        "한글_채널",
        "日本の台所",
        "a·b-c",
        "x.Y.z_9",
    ]
    lowered = statement("SELECT lower(ltrim(given, '@')) FROM unnest(%(given)s::text[]) given", str)
    assert await read_many(database, SYSTEM, lowered, given=handles) == list(map(fold_handle, handles))


async def test_name_and_platform_have_to_be_one_creators(admin_url: str, database: Database) -> None:
    mixed = [
        {"creator": {"uniqueId": "nike"}, "platform": "TikTok"},
        {"creator": {"uniqueId": "other"}, "platform": "Instagram"},
    ]
    _store(admin_url, SECOND, mixed)
    assert (await list_results_with_creator(database, ALICE, Platform.TIKTOK, "nike")).rows
    assert (await list_results_with_creator(database, ALICE, Platform.INSTAGRAM, "nike")).rows == ()


async def test_results_with_a_creator_read_on(admin_url: str, database: Database) -> None:
    nike = [{"creator": {"uniqueId": "nike"}, "platform": "TikTok"}]
    _store(admin_url, SECOND, nike, nike, nike)
    first = await list_results_with_creator(database, ALICE, Platform.TIKTOK, "nike", limit=2)
    rest = await list_results_with_creator(
        database, ALICE, Platform.TIKTOK, "nike", after=first.next, limit=2
    )
    assert [row.created_at.day for row in (*first.rows, *rest.rows)] == [12, 11, 10]
    assert rest.next is None


@pytest.mark.parametrize("name", ["", " @ ", "\0"])
async def test_a_creator_has_a_name(name: str, database: Database) -> None:
    with pytest.raises(InvalidInput):
        await list_results_with_creator(database, ALICE, Platform.TIKTOK, name)


async def test_the_door_is_shut_without_a_claim(app_url: str) -> None:
    with psycopg.connect(app_url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT * FROM find_results_with_creator('TikTok', 'nike', NULL, NULL, 10)")
