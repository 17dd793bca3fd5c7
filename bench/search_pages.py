"""How fast pages are kept: all-new creators from a provider that answers at once, against bare COPY.

`python -m bench.search_pages`. A worker keeps pages of 50 creators with 50 posts: dedupe, claims, catalog,
usage, progress, events, one commit per page. In turn with it the same rows go by COPY into the same tables,
indexes and triggers, one commit per page, as the administrator, since COPY is not possible where there are
policies; and the JSON alone by one COPY. Then the same with a million creators in the catalog.
"""

import argparse
import asyncio
import statistics
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter, process_time, sleep

import orjson
import psycopg

from bench.measuring import Urls, database, server
from bench.search_desk import (
    BIO,
    CAPTION,
    PER_PAGE,
    PLATFORM,
    Desk,
    NullProvider,
    desk,
    make_page,
    working,
)
from tastemaker.accounts.current_user import LOCAL_USER
from tastemaker.core.folding import fold
from tastemaker.core.ids import new_id
from tastemaker.db.claims import SYSTEM, claims_json
from tastemaker.providers.base import Page
from tastemaker.searches.results.documents import to_document

PERIOD = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)
"""Of a column without a time zone."""


@dataclass
class Shares:
    """Samples of where the main thread is."""

    seen: Counter[str] = field(default_factory=Counter)

    def told(self) -> str:
        total = sum(self.seen.values()) or 1
        return ", ".join(f"{name} {100 * number / total:.0f} %" for name, number in self.seen.most_common())


@contextmanager
def sampling() -> Iterator[Shares]:
    """Look every 2 ms whether the main thread is in our code, in the driver, or waits for the server."""
    shares, done, main = Shares(), threading.Event(), threading.main_thread().ident or 0

    def sample() -> None:
        while not done.is_set():
            frame = sys._current_frames().get(main)  # noqa: SLF001 - the one way to see another thread
            file = frame.f_code.co_filename if frame else ""
            name = "our code and asyncio"
            if "selectors" in file:
                name = "waiting for the server"
            elif "psycopg" in file:
                name = "driver"
            shares.seen[name] += 1
            sleep(0.002)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield shares
    finally:
        done.set()
        thread.join()


async def ours(at: Desk, pages: int, runs: int) -> tuple[float, float, Shares]:
    """Seconds a page, CPU of this process a page, and where the time goes; `runs` keywords side by side."""
    mark = new_id().hex[:10]
    each = pages // runs
    made = {
        f"chess {run}": [make_page(f"{mark}{run}", one, each) for one in range(each)] for run in range(runs)
    }
    async with working(at.database, NullProvider(made)):
        await asyncio.sleep(0.3)
        with sampling() as shares:
            started, cpu = perf_counter(), process_time()
            ended = await at.end(await at.start(list(made), pages * PER_PAGE))
            took, used = perf_counter() - started, process_time() - cpu
    assert ended.stored == pages * PER_PAGE, ended
    return took / pages, used / pages, shares


def bare(url: str, pages: int) -> float:
    """Seconds a page of COPY into the same tables, one commit per page."""
    mark = new_id().hex[:10]
    first = int(mark, 16)
    with psycopg.connect(url) as connection:
        connection.execute("SELECT set_config('request.jwt.claims', %s, false)", (claims_json(SYSTEM),))
        campaign, search, run = _search_row(connection, pages * PER_PAGE)
        made = [
            _rows(make_page(mark, one, pages), one, first, (campaign, search, run)) for one in range(pages)
        ]
        connection.commit()
        started = perf_counter()
        for tables in made:
            for statement, rows in tables:
                with connection.cursor().copy(statement) as copy:
                    for row in rows:
                        copy.write_row(row)
            connection.execute(_PROGRESS, {"search": search, "run": run, "n": PER_PAGE, "user": LOCAL_USER})
            connection.commit()
        return (perf_counter() - started) / pages


def json_alone(url: str, pages: int) -> float:
    """Seconds a page of the documents alone: all of them in one COPY."""
    mark = new_id().hex[:10]
    with psycopg.connect(url) as connection:
        connection.execute("SELECT set_config('request.jwt.claims', %s, false)", (claims_json(SYSTEM),))
        _, search, _ = _search_row(connection, pages * PER_PAGE)
        bodies = [_documents(make_page(mark, one, pages)) for one in range(pages)]
        connection.commit()
        started = perf_counter()
        with connection.cursor().copy("COPY scraping_results (job_id, creators) FROM STDIN") as copy:
            for body in bodies:
                copy.write_row((search, body))
        connection.commit()
        return (perf_counter() - started) / pages


COPIES = (
    """COPY creators (id, platform, stable_id, handle, name, bio, followers, following, posts_count, verified,
        avatar_url, profile_url, emails, links, country, policy, source, fetched_at, first_seen_at)
        FROM STDIN""",
    "COPY creator_handles (creator_id, handle, first_seen_at, last_seen_at) FROM STDIN",
    "COPY follower_snapshots (creator_id, observed_on, followers, posts_count, source) FROM STDIN",
    """COPY posts (id, platform, post_id, creator_id, text, url, published_at, views, likes, comments, shares,
        duration_seconds, hashtags, source, fetched_at) FROM STDIN""",
    "COPY scraping_results (id, job_id, creators) FROM STDIN",
    """COPY search_creators (job_id, platform, stable_id, tenant_id, run_id, result_id, creator_id, post_id,
        position, matched_in, created_at) FROM STDIN""",
    """COPY campaign_creators (tenant_id, campaign_id, creator_id, job_id, position, searches, found_at,
        last_post_at, followers, views, likes, verified, has_email, platform, country, keywords, matched_in,
        name, text) FROM STDIN""",
    """COPY usage_charges (tenant_id, period_start, platform, stable_id, job_id, charged_at) FROM STDIN""",
    """COPY provider_calls (tenant_id, job_id, run_id, provider, operation, status, estimated_units, calls,
        units, started_at, finished_at) FROM STDIN""",
)

_PROGRESS = """
    WITH run AS (
        UPDATE scraping_runs SET version = version + 1, pages = pages + 1, stored = stored + %(n)s
        WHERE id = %(run)s AND tenant_id = %(user)s
    ), usage AS (
        UPDATE user_usage SET usage_creators_current_month = usage_creators_current_month + %(n)s
        WHERE tenant_id = %(user)s
    )
    UPDATE scraping_jobs SET processed_results = processed_results + %(n)s
    WHERE id = %(search)s AND user_id = %(user)s
"""


def _search_row(connection: psycopg.Connection, target: int) -> tuple[object, object, object]:
    campaign = connection.execute(
        "INSERT INTO campaigns (user_id, name, search_type) VALUES (%s, 'bare', 'keyword') RETURNING id",
        (LOCAL_USER,),
    ).fetchall()[0][0]
    search = connection.execute(
        "INSERT INTO scraping_jobs (user_id, campaign_id, keywords, platform, target_results, status)"
        " VALUES (%s, %s, '[\"chess\"]', %s, %s, 'completed') RETURNING id",
        (LOCAL_USER, campaign, PLATFORM.value, target),
    ).fetchall()[0][0]
    run = connection.execute(
        "INSERT INTO scraping_runs (tenant_id, job_id, position, keyword, status)"
        " VALUES (%s, %s, 0, 'chess', 'completed') RETURNING id",
        (LOCAL_USER, search),
    ).fetchall()[0][0]
    return campaign, search, run


def _documents(page: Page) -> str:
    pairs = zip(page.creators, page.posts, strict=True)
    return orjson.dumps([to_document(creator, post, "chess") for creator, post in pairs]).decode()


def _rows(
    page: Page, number: int, first: int, hangs_on: tuple[object, object, object]
) -> list[tuple[str, list[tuple[object, ...]]]]:
    """By COPY statement: the rows that a kept page leaves behind."""
    campaign, search, run = hangs_on
    now = datetime.now(UTC)
    ids = range(first + number * PER_PAGE, first + (number + 1) * PER_PAGE)
    result = new_id()
    source = ("null", now)
    creators = [
        (i, PLATFORM.value, c.stable_id, c.handle, c.name, c.bio, c.followers, c.following, c.posts_count,
         c.verified, c.avatar_url, c.profile_url, [*c.emails], [*c.links], c.country, "none", *source, now)
        for i, c in zip(ids, page.creators, strict=True)
    ]  # fmt: skip
    posts = [
        (i, PLATFORM.value, p.post_id, i, p.text, p.url, p.published_at, p.views, p.likes, p.comments,
         p.shares, p.duration_seconds, list(p.hashtags), *source)
        for i, p in zip(ids, page.posts, strict=True)
    ]  # fmt: skip
    claims = [
        (search, PLATFORM.value, c.stable_id, LOCAL_USER, run, result, i, i, number * PER_PAGE + place + 1,
         ["post"], now)
        for place, (i, c) in enumerate(zip(ids, page.creators, strict=True))
    ]  # fmt: skip
    held = [
        (LOCAL_USER, campaign, i, search, number * PER_PAGE + place + 1, 1, now, p.published_at, c.followers,
         p.views, p.likes, c.verified, True, PLATFORM.value, c.country, ["chess"], ["post"],
         fold(c.name or ""), fold("\n".join((c.name or "", c.handle or "", c.bio or "", p.text or ""))))
        for place, (i, c, p) in enumerate(zip(ids, page.creators, page.posts, strict=True))
    ]  # fmt: skip
    charges = [(LOCAL_USER, PERIOD, PLATFORM.value, c.stable_id, search, now) for c in page.creators]
    call = (LOCAL_USER, search, run, "null", "search_keyword", "charged", 1, 1, 1, now, now)
    handles = [(i, c.handle, now, now) for i, c in zip(ids, page.creators, strict=True)]
    snapshots = [
        (i, now.date(), c.followers, c.posts_count, "null") for i, c in zip(ids, page.creators, strict=True)
    ]
    results = [(result, search, _documents(page))]
    rows = (creators, handles, snapshots, posts, results, claims, held, charges, [call])
    return [*zip(COPIES, rows, strict=True)]


def fill_catalog(connection: psycopg.Connection, creators: int) -> None:
    """Creators with handle, snapshot and post, as searches would have left them."""
    connection.execute("SELECT set_config('request.jwt.claims', '{\"role\":\"tastemaker_system\"}', false)")
    connection.execute(
        """
        INSERT INTO creators (platform, stable_id, handle, name, bio, followers, following, posts_count,
                              verified, emails, links, country, source, policy, fetched_at, first_seen_at)
        SELECT 'TikTok', '6' || md5(n::text), 'u.' || md5(n::text), 'The name of ' || n, %s, n, 1, 1, false,
               ARRAY[n || '@example.com'], '{}', 'US', 'null', 'none', now(), now()
        FROM generate_series(1, %s) AS n""",
        (BIO, creators),
    )
    connection.execute("INSERT INTO creator_handles SELECT id, handle, now(), now() FROM creators")
    connection.execute(
        "INSERT INTO follower_snapshots (creator_id, observed_on, followers, source)"
        " SELECT id, current_date, followers, 'null' FROM creators"
    )
    connection.execute(
        """
        INSERT INTO posts (platform, post_id, creator_id, text, url, published_at, views, likes, source,
                           fetched_at)
        SELECT 'TikTok', '5' || md5(id::text), id, %s, 'https://example.com', now(), 1, 1, 'null', now()
        FROM creators""",
        (CAPTION,),
    )
    connection.execute("ANALYZE")


async def measure(urls: Urls, *, pages: int, rounds: int) -> dict[str, float]:
    took: dict[str, list[float]] = {}
    cpu, shares = 0.0, Shares()
    async with desk(urls.app) as at:
        await ours(at, 20, 1)
        for _ in range(rounds):
            one, cpu, shares = await ours(at, pages, 1)
            took.setdefault("a search of one keyword", []).append(one)
            took.setdefault("a search of five keywords", []).append((await ours(at, pages, 5))[0])
            took.setdefault("bare COPY, a commit per page", []).append(
                await asyncio.to_thread(bare, urls.admin, pages)
            )
            took.setdefault("the JSON alone, one COPY", []).append(
                await asyncio.to_thread(json_alone, urls.admin, pages)
            )
    medians = {name: statistics.median(seconds) for name, seconds in took.items()}
    copied = medians["bare COPY, a commit per page"]
    for name, seconds in medians.items():
        print(
            f"{name:34}{seconds * 1e3:9.2f} ms/page"
            f"{PER_PAGE / seconds:11,.0f} creators/s{copied / seconds:8.0%}"
        )
    print(f"one keyword: {shares.told()}; {cpu * 1e3:.1f} ms of this process's CPU a page")
    return medians


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--large", type=int, default=1_000_000)
    asked = parser.parse_args()
    with server() as running:
        costs = []
        for size in (asked.small, asked.large):
            if size:
                urls = database(
                    running,
                    f"search_pages_{size}",
                    lambda connection, size=size: fill_catalog(connection, size),
                )  # type: ignore[misc]  # a default that binds
                print(f"\n{size:,} creators in the catalog")
                costs.append(asyncio.run(measure(urls, pages=asked.pages, rounds=asked.rounds)))
    if len(costs) > 1:
        growth = costs[1]["a search of one keyword"] / costs[0]["a search of one keyword"]
        print(f"\ncost per creator, {asked.large:,} against {asked.small:,}: {growth:.2f} times")


if __name__ == "__main__":
    main()
