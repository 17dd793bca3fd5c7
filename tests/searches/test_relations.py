"""Nested rows in one message, as the application role: a campaign, its searches and their results."""

from collections.abc import AsyncIterator
from dataclasses import replace

import psycopg
import pytest

from tastemaker.core.ids import ExternalUserId
from tastemaker.core.platforms import Platform
from tastemaker.db.pool import Database, open_database
from tastemaker.db.profiles import PoolProfile
from tastemaker.searches.history_queries import find_campaign_searches, list_result_pages
from tastemaker.searches.imports.history_queries import find_search_job
from tests.searches.test_history import ALICE, BOB, COFFEE, EMPTY, FIRST, SECOND, THIRD, _store, rows

__all__ = ["rows"]  # the fixture that fills the tables

IMPORTED = """
    INSERT INTO search_jobs (id, campaign_id, platform, search_type, status, total_count, created_at)
    VALUES ('old-1', %s, 'TikTok', 'keyword', 'completed', 3, '2026-01-01')
"""
IMPORTED_RESULT = """
    INSERT INTO search_results (job_id, profile_id, username, platform, followers, created_at)
    VALUES ('old-1', %s, %s, 'TikTok', %s, '2026-01-02')
"""


@pytest.fixture(params=[True, False], ids=["pipeline", "text"])
async def either(app_url: str, request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    """With a pooler between us the message is sent as text."""
    async with open_database(app_url, replace(PoolProfile(), prepared_statements=request.param)) as opened:
        yield opened


@pytest.fixture
def imported(admin_url: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(IMPORTED, (COFFEE,))
        for number, followers in ((7, 70), (8, None), (9, 90)):
            admin.execute(IMPORTED_RESULT, (str(number), f"c{number}", followers))


async def test_a_campaign_holds_its_searches_and_they_hold_their_results(
    admin_url: str, either: Database
) -> None:
    _store(admin_url, FIRST, [{"n": 1}], [{"n": 2}])
    found = await find_campaign_searches(either, ALICE, COFFEE, result_pages=2)
    assert found is not None
    assert found.campaign.name == "Coffee"
    third, second, first = found.searches.rows
    assert [one.search.id for one in (third, second, first)] == [THIRD, SECOND, FIRST]
    assert (third.results.rows, third.results.next) == ((), None)
    assert (len(second.results.rows), second.search.platform) == (1, Platform.TIKTOK)
    assert [len(page.creators) for page in first.results.rows] == [2, 1]
    rest = await list_result_pages(either, ALICE, FIRST, after=first.results.next)
    assert [page.creators for page in rest.rows] == [[{"n": 2}]]


async def test_the_searches_of_a_campaign_read_on(either: Database) -> None:
    seen, after = [], None
    while True:
        found = await find_campaign_searches(either, ALICE, COFFEE, after=after, limit=1)
        assert found is not None
        seen += [(one.search.id, len(one.results.rows)) for one in found.searches.rows]
        if (after := found.searches.next) is None:
            break
    assert seen == [(THIRD, 0), (SECOND, 1), (FIRST, 1)]


async def test_an_empty_campaign_has_no_searches_and_a_foreign_one_does_not_exist(either: Database) -> None:
    empty = await find_campaign_searches(either, ALICE, EMPTY)
    assert empty is not None
    assert empty.searches.rows == ()
    assert await find_campaign_searches(either, BOB, COFFEE) is None


@pytest.mark.usefixtures("imported")
async def test_an_imported_search_holds_its_results(either: Database) -> None:
    found = await find_search_job(either, ALICE, "old-1", limit=2)
    assert found is not None
    assert (found.job.campaign_id, found.job.total_count) == (COFFEE, 3)
    rest = await find_search_job(either, ALICE, "old-1", after=found.results.next, limit=2)
    assert rest is not None
    together = {row.profile_id: row.followers for row in (*found.results.rows, *rest.results.rows)}
    assert together == {"7": 70, "8": None, "9": 90}
    assert rest.results.next is None


@pytest.mark.usefixtures("imported")
@pytest.mark.parametrize(("user_id", "job_id"), [(BOB, "old-1"), (ALICE, "old-2"), (BOB, "")])
async def test_a_foreign_imported_search_does_not_exist(
    either: Database, user_id: ExternalUserId, job_id: str
) -> None:
    assert await find_search_job(either, user_id, job_id) is None
