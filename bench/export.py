"""How fast the results of a campaign become a CSV, and in how much memory.

`python -m bench.export --rows 1000000`. Searches of 50,000 creators each, all in one campaign, with posts.
The rows go through the export's own code into a file, as a background export writes it. Then COPY writes the
same rows as the server's CSV, to compare. The memory is the process's own, before and at the most.
"""

import argparse
import asyncio
import os
from pathlib import Path
from time import perf_counter, process_time

import psycopg

from bench.measuring import HOME, Urls, arguments, database, server
from bench.search_desk import desk
from bench.search_pages import fill_catalog
from tastemaker.accounts.current_user import LOCAL_USER
from tastemaker.core.ids import CampaignId
from tastemaker.db.claims import Tenant, claims_json
from tastemaker.db.transaction import PLAN_TO_STREAM
from tastemaker.searches.exports.row_queries import ROWS_OF_CAMPAIGN, stream_rows
from tastemaker.searches.results.export import CAMPAIGN_COLUMNS, csv_header, csv_lines
from tastemaker.searches.results.filtering import EVERYTHING
from tastemaker.searches.results.paging import CampaignScope, Sort

PER_SEARCH = 50_000

FILL = """
    WITH campaign AS (
        INSERT INTO campaigns (user_id, name, search_type, status)
        VALUES (%(user)s, 'Export', 'keyword', 'active') RETURNING id
    ), searches AS (
        INSERT INTO scraping_jobs (user_id, campaign_id, keywords, platform, search_params, target_results,
                                   processed_results, status, outcome)
        SELECT %(user)s, campaign.id, '["chess"]', 'TikTok', '{}', %(per_search)s, %(per_search)s,
               'completed', 'full'
        FROM campaign, generate_series(1, %(searches)s) RETURNING id
    )
    INSERT INTO scraping_runs (tenant_id, job_id, position, keyword, status, end_reason)
    SELECT %(user)s, id, 0, 'chess', 'completed', 'exhausted' FROM searches
"""
CLAIMS = """
    WITH searches AS (SELECT r.job_id, r.id AS run_id, row_number() OVER (ORDER BY r.job_id) - 1 AS number
                      FROM scraping_runs r),
    pages AS (INSERT INTO scraping_results (job_id, creators) SELECT job_id, '[]' FROM searches
              RETURNING id, job_id)
    INSERT INTO search_creators (job_id, platform, stable_id, tenant_id, run_id, result_id, creator_id,
                                 post_id, position, matched_in, created_at)
    SELECT s.job_id, 'TikTok', c.stable_id, %(user)s, s.run_id, pages.id, c.id, p.id,
           (c.number %% %(per_search)s)::integer + 1, '{post}', now()
    FROM (SELECT id, stable_id, row_number() OVER (ORDER BY id) - 1 AS number FROM creators) c
    JOIN posts p ON p.creator_id = c.id
    JOIN searches s ON s.number = c.number / %(per_search)s
    JOIN pages ON pages.job_id = s.job_id
"""
HELD = """
    INSERT INTO campaign_creators (tenant_id, campaign_id, creator_id, job_id, position, found_at, searches,
                                   keywords, matched_in, platform, followers, views, likes, has_email,
                                   country, name, text)
    SELECT s.tenant_id, j.campaign_id, s.creator_id, s.job_id, s.position, s.created_at, 1, '{chess}',
           '{post}', c.platform, c.followers, 1, 1, true, 'US', lower(c.name), lower(c.name)
    FROM search_creators s JOIN scraping_jobs j ON j.id = s.job_id JOIN creators c ON c.id = s.creator_id
"""


def fill(connection: psycopg.Connection, rows: int) -> None:
    fill_catalog(connection, rows)
    connection.execute("SET session_replication_role = replica")
    values = {"user": LOCAL_USER, "per_search": PER_SEARCH, "searches": -(-rows // PER_SEARCH)}
    connection.execute(
        "INSERT INTO users (user_id, full_name) VALUES (%(user)s, 'Somebody') ON CONFLICT DO NOTHING", values
    )
    connection.execute(FILL, values)
    connection.execute(CLAIMS, values)
    connection.execute(HELD)
    connection.execute("SET session_replication_role = origin")
    connection.execute("VACUUM ANALYZE")


def memory_mb(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024


async def measure(urls: Urls, asked: argparse.Namespace) -> None:
    target = HOME / "export.csv"
    async with desk(urls.app) as at:
        with psycopg.connect(urls.admin) as owner:
            (campaign,) = owner.execute("SELECT id FROM campaigns").fetchone() or (None,)
        scope = CampaignScope(CampaignId(campaign))
        for number in range(1, asked.rounds + 1):
            before, started, cpu = memory_mb("VmRSS"), perf_counter(), process_time()
            batches = stream_rows(at.database, at.user.user_id, scope, wanted=EVERYTHING, sort=Sort.POSITION)
            with target.open("w", encoding="utf-8", newline="") as file:
                file.write(csv_header(CAMPAIGN_COLUMNS, bom=True))
                async for batch in batches:
                    file.write(csv_lines(batch, CAMPAIGN_COLUMNS))
            took = perf_counter() - started
            print(
                f"round {number}: {asked.rows:,} rows, {target.stat().st_size / 1e6:.0f} MB in {took:.1f} s:"
                f" {asked.rows / took:,.0f} rows/s, {process_time() - cpu:.1f} s of our CPU; memory"
                f" {before:.0f} MB before, {memory_mb('VmHWM'):.0f} MB at most; load {os.getloadavg()[0]:.0f}"
            )
    target.unlink()
    print(f"the same rows by COPY: {asked.rows / copy(urls.app, scope):,.0f} rows/s")


def copy(url: str, scope: CampaignScope) -> float:
    """Seconds in which the server sends the same rows as CSV of its own."""
    rows = ROWS_OF_CAMPAIGN.choose(order=("found_at",)).sql
    with psycopg.connect(url) as connection:
        connection.execute(
            "SELECT set_config('request.jwt.claims', %s, true)", (claims_json(Tenant(LOCAL_USER)),)
        )
        connection.execute(PLAN_TO_STREAM)
        values = {"user_id": LOCAL_USER, "campaign_id": scope.campaign_id}
        started = perf_counter()
        with connection.cursor().copy(f"COPY ({rows}) TO STDOUT WITH (FORMAT csv)", values) as copied:
            for _ in copied:
                pass
        return perf_counter() - started


def main() -> None:
    asked = arguments(__doc__, rows=200_000, rounds=3)
    with server(asked.postgres_bin) as running:
        name = f"export_{asked.rows}"
        asyncio.run(measure(database(running, name, lambda connection: fill(connection, asked.rows)), asked))


if __name__ == "__main__":
    main()
