"""Searching the catalog: one page with total and facets, against reading every document.

`python -m bench.catalogue_search`. Creators with two posts each are made in SQL, their documents by the job
that makes missing ones. Words are drawn by frequency: a few are in a fifth of the creators, most in few. Each
class of queries is run by one client as the application's role; then four clients mix all classes. Totals
that are called exact are compared with a sequential scan, and estimates with the truth.
"""

import asyncio
import os
import random
import statistics
from collections.abc import Mapping, Sequence
from time import perf_counter

import psycopg

from bench.measuring import Urls, arguments, database, server
from tastemaker.accounts.current_user import LOCAL_USER
from tastemaker.catalog.document_queries import clean_indexes, write_missing
from tastemaker.catalog.search import CatalogQuery, Ranking, make_catalog_filter, search
from tastemaker.catalog.terms import read_query
from tastemaker.core.platforms import Platform
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database, open_database
from tastemaker.db.transaction import in_transaction, transaction

FIRST, SPREAD = 30, 2_000
"""Words are w30 to w60000; the first is the commonest, in about 19 of 100 creators."""

PEOPLE = """
    SELECT set_config('request.jwt.claims', '{"role":"tastemaker_system"}', false);
    CREATE FUNCTION pg_temp.words(n integer, seed bigint) RETURNS text LANGUAGE sql VOLATILE AS $$
        SELECT string_agg('w' || floor(30 * exp(random() * ln(2000))), ' ')
        FROM generate_series(1, n + seed * 0) $$;
    INSERT INTO creators (platform, stable_id, handle, name, bio, followers, verified, emails, language,
                          country, source, policy, fetched_at, first_seen_at)
    SELECT (ARRAY['TikTok', 'Instagram', 'YouTube'])[1 + n % 3], 's' || n, substr(md5(n::text), 1, 12),
           initcap(translate(substr(md5('a' || n), 1, 7), '0123456789', 'aeioumnrst')) || ' '
               || initcap(translate(substr(md5('b' || n), 1, 8), '0123456789', 'aeioumnrst')),
           pg_temp.words(20, n), exp(random() * ln(3000000))::bigint, n % 5 = 0,
           CASE WHEN n % 4 = 0 THEN ARRAY[n || '@example.com'] ELSE '{}' END,
           (ARRAY['en', 'es', 'de', 'fr', NULL])[1 + n % 5], (ARRAY['US', 'DE', 'BR', NULL])[1 + n % 4],
           'bench', 'none', now(), now()
    FROM generate_series(1, {creators}) n;
    INSERT INTO posts (platform, post_id, creator_id, text, published_at, source, fetched_at)
    SELECT platform, 'p' || id || '-' || k, id, pg_temp.words(15, id * k),
           now() - random() * interval '700 days', 'bench', now()
    FROM creators CROSS JOIN generate_series(1, 2) k;
    ANALYZE;
"""


def load(connection: psycopg.Connection, creators: int) -> None:
    connection.execute(PEOPLE.replace("{creators}", str(creators)).encode())


async def index(data: Database) -> float:
    """Seconds."""
    started = perf_counter()
    while await in_transaction(data, SYSTEM, lambda tx: write_missing(tx, limit=500)):
        pass
    await in_transaction(data, SYSTEM, clean_indexes)
    return perf_counter() - started


def word(rng: random.Random, least: int, most: int) -> str:
    """One of the words between these places of frequency."""
    return f"w{rng.randint(FIRST + least, FIRST + most)}"


def classes(names: Sequence[str], each: int) -> Mapping[str, Sequence[CatalogQuery]]:
    rng = random.Random(1)  # noqa: S311 - the same queries in each run

    def ask(text: str, **values: object) -> CatalogQuery:
        return CatalogQuery(tenant_id=LOCAL_USER, text=text, limit=25, **values)  # type: ignore[arg-type]  # by name

    def typo(name: str) -> str:
        place = rng.randrange(1, len(name) - 1)
        return name[:place] + name[place + 1 :]

    narrow = make_catalog_filter(
        languages=("es",), has_email=True, min_followers=10_000, max_followers=100_000
    )
    makers = {
        "rare word": lambda: ask(word(rng, 15_000, 50_000)),
        "word of 1 %": lambda: ask(word(rng, 500, 900)),
        "word of 5 %": lambda: ask(word(rng, 80, 120)),
        "commonest words": lambda: ask(word(rng, 0, 8)),
        "two common words": lambda: ask(f"{word(rng, 0, 40)} {word(rng, 0, 40)}"),
        "common, not common": lambda: ask(f"{word(rng, 0, 20)} -{word(rng, 0, 20)}"),
        "phrase of common words": lambda: ask(f'"{word(rng, 0, 20)} {word(rng, 0, 20)}"'),
        "prefix of 4": lambda: ask(f"w{rng.randint(100, 599)}*"),
        "name with a typo": lambda: ask(typo(rng.choice(names))),
        "common word, narrow filter": lambda: ask(word(rng, 0, 20), wanted=narrow),
        "common word, platform": lambda: ask(
            word(rng, 0, 20), wanted=make_catalog_filter(platforms=(Platform.TIKTOK,))
        ),
        "filters alone": lambda: ask("", wanted=narrow),
        "everybody by followers": lambda: ask("", order=Ranking.FOLLOWERS),
    }
    return {name: [make() for _ in range(each)] for name, make in makers.items()}


async def ask(data: Database, query: CatalogQuery) -> tuple[float, int, bool]:
    """Milliseconds, the total, and whether it is exact."""
    async with transaction(data, SYSTEM) as tx:
        started = perf_counter()
        found = await search(tx, query)
        return (perf_counter() - started) * 1e3, found.total, found.total_is_exact and not found.alike


def scanned(urls: Urls, query: CatalogQuery) -> tuple[float, int]:
    """Milliseconds and the number by a sequential scan of all documents."""
    with psycopg.connect(urls.app) as connection:
        connection.execute("SET enable_indexscan = off; SET enable_bitmapscan = off; SET jit = off")
        started = perf_counter()
        ((found,),) = connection.execute(
            "SELECT count(*) FROM creator_documents WHERE terms @@ CAST(%s AS tsquery)",
            (read_query(query.text).tsquery,),
        ).fetchall()
        return (perf_counter() - started) * 1e3, found


def told(took: Sequence[float]) -> str:
    return f"{statistics.median(took):8.1f} {statistics.quantiles(took, n=20)[18]:8.1f}"


async def measure(urls: Urls, each: int) -> None:
    async with open_database(urls.app) as data:
        seconds = await index(data)
        with psycopg.connect(urls.admin, autocommit=True) as owner:
            ((documents, names),) = owner.execute(
                "SELECT count(*), (array_agg(names))[1:200] FROM creator_documents"
            ).fetchall()
            owner.execute("VACUUM ANALYZE creator_documents")
        print(f"{documents:,} documents; {seconds:.0f} s for those that were missing; load {_load()}")
        asked = classes([one.rpartition(" ")[0] for one in names], each)
        for queries in asked.values():
            await ask(data, queries[0])
        print(f"{'':28}{'hits':>9} {'p50':>8} {'p95':>8} ms, one client, 25 creators with total and facets")
        wrong, errors, scans = 0, [], []
        for name, queries in asked.items():
            answers = [await ask(data, query) for query in queries]
            hits = statistics.median(total for _, total, _ in answers)
            print(f"{name:28}{hits:9,.0f} {told([took for took, _, _ in answers])}")
            if not any(words in name for words in ("filter", "typo", "platform", "prefix", "phrase")):
                for query, (_, total, is_exact) in [*zip(queries, answers, strict=True)][:3]:
                    took, truth = scanned(urls, query)
                    scans.append(took)
                    wrong += is_exact and total != truth
                    errors += [] if is_exact or not truth else [abs(total - truth) / truth]
        print(f"{'a sequential scan, count only':37} {told(scans)}")
        print(f"exact totals that a scan contradicts: {wrong}; estimates off by", end=" ")
        print(", ".join(f"{error:.1%}" for error in sorted(errors)) or "nothing: there were none")
        mixed = [query for queries in asked.values() for query in queries]
        random.Random(2).shuffle(mixed)  # noqa: S311 - the same order in each run
        started = perf_counter()
        took = [
            one for part in await asyncio.gather(*(many(data, mixed[n::4]) for n in range(4))) for one in part
        ]
        rate = len(mixed) / (perf_counter() - started)
        print(f"{'four clients, all mixed':37} {told(took)}   {rate:.0f} a second; load {_load()}")


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


async def many(data: Database, queries: Sequence[CatalogQuery]) -> list[float]:
    return [(await ask(data, query))[0] for query in queries]


def main() -> None:
    asked = arguments(__doc__, creators=100_000, queries=20)
    with server(asked.postgres_bin) as running:
        urls = database(
            running, f"catalogue_{asked.creators}", lambda connection: load(connection, asked.creators)
        )
        asyncio.run(measure(urls, asked.queries))


if __name__ == "__main__":
    main()
