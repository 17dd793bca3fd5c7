"""The user search takes the plan that fits the needle, which the planner alone does not."""

from collections.abc import Callable

import psycopg
import pytest

from tastemaker.admin.queries import search_users
from tastemaker.db.access import APP_ROLE
from tastemaker.db.claims import SYSTEM
from tastemaker.db.embedded import Server
from tests.proofs.watching import Heard, explained, watched

TRIGRAMS = {"idx_users_search"}
WALK = "idx_users_admin_search"

PLAIN = """
    SELECT id FROM users WHERE full_name ILIKE '%{0}%' OR email ILIKE '%{0}%' OR business_name ILIKE '%{0}%'
    ORDER BY created_at DESC, id DESC LIMIT 50
"""


async def searched(urls: tuple[str, str], needle: str) -> Heard:
    async with watched(*urls) as (database, heard):
        await search_users(database, SYSTEM, needle)
        heard.forget()
        await search_users(database, SYSTEM, needle)
        return heard


@pytest.mark.parametrize("needle", ["zyzzx", "quixzote", "smith5800@example", "li wu", "%%%ann_a"])
async def test_a_rare_needle_does_not_walk(needle: str, proven_urls: tuple[str, str]) -> None:
    heard = await searched(proven_urls, needle)
    assert heard.indexes >= TRIGRAMS
    assert WALK not in heard.indexes
    assert heard.scanned_tables == set()
    assert heard.most_rows_sorted <= 50


@pytest.mark.parametrize("needle", ["a beauty", "j smith", "com example", "h.w", "hannah w", "li wu", "n@ex"])
async def test_what_the_index_finds_is_what_matches(needle: str, proven_urls: tuple[str, str]) -> None:
    """A trigram that ends with its word would say nothing of the separator: thousands would be looked at."""
    heard = await searched(proven_urls, needle)
    assert heard.indexes >= TRIGRAMS
    assert WALK not in heard.indexes
    assert heard.rows_thrown_away <= 10


@pytest.mark.parametrize("needle", ["ann", "example", "ma", "j", ".com"])
async def test_a_common_needle_does_not_sort(needle: str, proven_urls: tuple[str, str]) -> None:
    heard = await searched(proven_urls, needle)
    assert WALK in heard.indexes
    assert not heard.indexes & TRIGRAMS
    assert heard.scanned_tables == set()
    assert heard.most_rows_sorted <= 51


async def test_a_needle_that_is_in_the_statistics_by_chance_does_not_walk(
    proven_urls: tuple[str, str],
) -> None:
    """One of the hundred values that the planner keeps looks like a hundredth of the table to it."""
    with psycopg.connect(proven_urls[0]) as admin:
        row = admin.execute(
            "SELECT (histogram_bounds::text::text[])[50] FROM pg_stats"
            " WHERE tablename = 'users' AND attname = 'email'"
        ).fetchone()
        assert row is not None
        assert WALK in explained(admin, PLAIN.format(row[0])).indexes
    assert WALK not in (await searched(proven_urls, row[0])).indexes


async def test_a_common_needle_that_no_new_user_matches_gives_the_walk_up(
    server: Server, proven_database: str, make_database: Callable[[str | None], str]
) -> None:
    name = make_database(proven_database)
    with psycopg.connect(server.url(database=name), autocommit=True) as admin:
        admin.execute("UPDATE users SET business_name = 'Zweiblum' WHERE created_at < '2023-01-10'")
        admin.execute("VACUUM (ANALYZE) users")
    urls = server.url(database=name), server.url(database=name, role=APP_ROLE)
    heard = await searched(urls, "zweiblum")
    assert heard.indexes >= {WALK, *TRIGRAMS}
    async with watched(*urls) as (database, _):
        page = await search_users(database, SYSTEM, "zweiblum", limit=1000)
        assert {user.business_name for user in page.rows} == {"Zweiblum"}
        assert len(page.rows) == 1000
        assert [user.created_at for user in page.rows] == sorted(
            (user.created_at for user in page.rows), reverse=True
        )
