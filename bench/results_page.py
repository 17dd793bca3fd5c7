"""A page of results over a campaign of 100,000 creators: each order, filters, count and facets.

`.venv/bin/python -m bench.results_page [--creators N] [--others N]`, as the application's role. Goals, p95: a
page of 50 at most 50 ms, with count and facets at most 150 ms. The first row is the same page as it was read
before: claims of all the campaign's searches joined with the catalog.
"""

import asyncio
import statistics
from functools import partial
from os import getloadavg

import psycopg

from bench.measuring import Urls, Way, arguments, database, percentile, server, timed
from tastemaker.accounts.current_user import LOCAL_USER
from tastemaker.accounts.service import ensure_local_user
from tastemaker.catalog.filtering import Verified
from tastemaker.core.ids import CampaignId, SearchId
from tastemaker.db.claims import SYSTEM, Tenant
from tastemaker.db.pool import Database, open_database
from tastemaker.db.profiles import PoolProfile
from tastemaker.db.transaction import transaction
from tastemaker.searches.campaign_creators_queries import REBUILD
from tastemaker.searches.results.facet_queries import read_facets
from tastemaker.searches.results.filtering import EVERYTHING, ResultFilter
from tastemaker.searches.results.paging import CampaignScope, ResultPosition, Scope, SearchScope, Sort
from tastemaker.searches.results.queries import list_results

CLAIM = Tenant(LOCAL_USER)
SYSTEM_CLAIM = "SELECT set_config('request.jwt.claims', '{\"role\":\"tastemaker_system\"}', false)"
SEARCHES = 20
RARE = "ac627ab1ccbdb62ec96e702f07f6425b"
"""The md5 of 99, which stands in seven bios."""
MADE = """
INSERT INTO creators (platform, stable_id, handle, name, bio, followers, verified, emails, links, country,
                      language, source, policy, fetched_at, first_seen_at)
SELECT (ARRAY['TikTok', 'Instagram', 'YouTube'])[1 + n %% 3], 'id' || n, 'handle.' || md5(n::text),
       'The name of ' || md5(n::text),
       'Makes short films about chess, tea and old bicycles. ' || md5((n / 7)::text) || ' Mail, please.',
       CASE WHEN n %% 13 > 0 THEN (10 ^ (1 + 6 * random()))::bigint END,
       (ARRAY[true, false, NULL])[1 + n %% 3],
       CASE WHEN random() < 0.4 THEN ARRAY[n || '@example.com'] ELSE '{}' END, '{}',
       (ARRAY['US', 'DE', 'FR', 'ES', 'BR', 'GB', 'IT', NULL])[1 + floor(8 * random())::int],
       (ARRAY['en', 'de', 'fr', 'es', 'pt', NULL])[1 + floor(6 * random())::int],
       'bench', 'none', now(), now()
FROM generate_series(1, %(creators)s + %(others)s) AS n
"""
POSTS = """
INSERT INTO posts (platform, post_id, creator_id, text, url, published_at, views, likes, source, fetched_at)
SELECT platform, 'p' || id, id, 'All about chess, part ' || id || ''
       ': the opening that nobody plays any more, and why it still wins games, with a long caption such'
       ' as people write below their films. ' || md5(id::text),
       'https://example.com', now() - random() * interval '400 days', (10 ^ (6 * random()))::bigint,
       (10 ^ (5 * random()))::bigint, 'bench', now()
FROM creators
"""
SEARCHED = """
WITH campaign AS (
    INSERT INTO campaigns (user_id, name, search_type) VALUES (%(user)s, 'bench', 'keyword') RETURNING id
), search AS (
    INSERT INTO scraping_jobs (user_id, campaign_id, keywords, platform, target_results, status)
    SELECT %(user)s, campaign.id, jsonb_build_array('keyword ' || n), 'TikTok', 50000, 'completed'
    FROM campaign, generate_series(1, %(searches)s) AS n RETURNING id, campaign_id, keywords
) SELECT id, campaign_id, keywords ->> 0 FROM search
"""
RUN = """
INSERT INTO scraping_runs (tenant_id, job_id, position, keyword, status) VALUES (%s, %s, 0, %s, 'completed')
RETURNING id
"""
PAGES = "INSERT INTO scraping_results (job_id, creators) VALUES (%s, '[]') RETURNING id"
CLAIMS = """
INSERT INTO search_creators (job_id, platform, stable_id, tenant_id, run_id, result_id, creator_id, post_id,
                             position, matched_in, created_at)
SELECT %(search)s, c.platform, c.stable_id, %(user)s, %(run)s, %(page)s, c.id, p.id,
       row_number() OVER (ORDER BY c.id),
       (ARRAY['{post}', '{post,hashtag}', '{bio}', '{name,handle}', '{}'])[1 + c.id %% 5]::text[],
       now() - make_interval(days => %(number)s)
       + make_interval(secs => row_number() OVER (ORDER BY c.id) / 50)
FROM creators c JOIN posts p ON p.creator_id = c.id
WHERE c.id <= %(creators)s
  AND (c.id %% %(searches)s = %(number)s
       OR c.id %% 3 = 0 AND c.id %% %(searches)s = (%(number)s + 7) %% %(searches)s)
"""


def fill_catalog(connection: psycopg.Connection, creators: int, others: int) -> None:
    connection.execute(SYSTEM_CLAIM)
    connection.execute(MADE, {"creators": creators, "others": others})
    connection.execute(POSTS)
    connection.execute("ANALYZE")


def fill_campaign(connection: psycopg.Connection, creators: int) -> None:
    """As searches would have left it, found by one to three of them."""
    connection.execute(SYSTEM_CLAIM)
    values = {"user": LOCAL_USER, "searches": SEARCHES}
    searches = connection.execute(SEARCHED, values).fetchall()
    for number, (search, _, keyword) in enumerate(searches):
        run = connection.execute(RUN, (LOCAL_USER, search, keyword)).fetchall()[0][0]
        page = connection.execute(PAGES, (search,)).fetchall()[0][0]
        given = {**values, "search": search, "run": run, "page": page, "number": number, "creators": creators}
        connection.execute(CLAIMS, given)
    connection.execute("ANALYZE")
    connection.execute(REBUILD.choose(which="campaigns").query, {"campaign_ids": [searches[0][1]]})
    connection.execute("VACUUM ANALYZE")


async def main(urls: Urls, creators: int, rounds: int) -> None:
    async with open_database(urls.app, PoolProfile(min_size=1, max_size=1)) as opened:
        async with transaction(opened, SYSTEM) as tx:
            await ensure_local_user(tx)
        with psycopg.connect(urls.admin, autocommit=True) as admin:
            if admin.execute("SELECT FROM campaigns").fetchone() is None:
                fill_campaign(admin, creators)
            rows = admin.execute(
                "SELECT campaign_id, id FROM scraping_jobs ORDER BY created_at, id"
            ).fetchall()
            count = admin.execute("SELECT count(*) FROM campaign_creators").fetchall()[0][0]
        scope = CampaignScope(CampaignId(rows[0][0]))
        searches = SearchScope(tuple(SearchId(row[1]) for row in rows))
        print(f"{count:,} creators in the campaign, {len(rows)} searches, load {getloadavg()[0]:.1f}")
        await measure(opened, scope, searches, rounds)


async def measure(opened: Database, scope: Scope, searches: Scope, rounds: int) -> None:
    few = ResultFilter(languages=("de",), countries=("DE",), verified=(Verified.YES,))
    before = {
        "by followers, from the claims of all searches": partial(_page, opened, searches, Sort.FOLLOWERS)
    }
    slow = await timed(before, rounds=1, repeats=3, warm_up=1)
    ways: dict[str, Way] = {
        **{f"by {sort.value}": partial(_page, opened, scope, sort) for sort in Sort},
        "by followers, 50 pages on": partial(_deep, opened, scope),
        "by followers, a filter that 1 in 144 passes": partial(_page, opened, scope, Sort.FOLLOWERS, few),
        "by views, a filter that 1 in 144 passes": partial(_page, opened, scope, Sort.VIEWS, few),
        "by followers, a common text": partial(
            _page, opened, scope, Sort.FOLLOWERS, ResultFilter(text="BICYCLES")
        ),
        "by followers, a text of 7 creators": partial(
            _page, opened, scope, Sort.FOLLOWERS, ResultFilter(text=RARE)
        ),
        "count and facets": partial(_facets, opened, scope, EVERYTHING),
        "count and facets, filtered": partial(_facets, opened, scope, few),
        "by followers, with count and facets": partial(_both, opened, scope),
    }
    took = slow | await timed(ways, rounds=rounds, repeats=5, warm_up=2)
    print(f"{'':58}{'p50 ms':>10}{'p95 ms':>10}")
    for name, seconds in took.items():
        print(f"{name:58}{statistics.median(seconds) * 1e3:10.1f}{percentile(seconds, 95) * 1e3:10.1f}")
    print(f"load at the end {getloadavg()[0]:.1f}")


async def _page(opened: Database, scope: Scope, sort: Sort, wanted: ResultFilter = EVERYTHING) -> object:
    async with transaction(opened, CLAIM) as tx:
        return await list_results(tx, LOCAL_USER, scope, wanted=wanted, sort=sort, limit=50)


async def _deep(opened: Database, scope: Scope) -> object:
    async with transaction(opened, CLAIM) as tx:
        after = ResultPosition(-20_000, 0, 0)
        return await list_results(tx, LOCAL_USER, scope, sort=Sort.FOLLOWERS, after=after, limit=50)


async def _facets(opened: Database, scope: Scope, wanted: ResultFilter) -> object:
    async with transaction(opened, CLAIM) as tx:
        return await read_facets(tx, LOCAL_USER, scope, wanted=wanted)


async def _both(opened: Database, scope: Scope) -> object:
    async with transaction(opened, CLAIM) as tx:
        await list_results(tx, LOCAL_USER, scope, sort=Sort.FOLLOWERS, limit=50)
        return await read_facets(tx, LOCAL_USER, scope)


if __name__ == "__main__":
    options = arguments(__doc__, creators=100_000, others=200_000, rounds=4)
    with server(options.postgres_bin) as running:
        made = partial(fill_catalog, creators=options.creators, others=options.others)
        urls = database(running, f"results_page_{options.creators}_{options.others}", made)
        asyncio.run(main(urls, options.creators, options.rounds))
