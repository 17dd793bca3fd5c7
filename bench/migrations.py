"""How long the history takes: empty to head, and a wide table of legacy profiles through 0013 to 0016.

`.venv/bin/python -m bench.migrations [--profiles N]`. Goals: 3 s from empty to head; 30 s for 100,000
profiles.
"""

import statistics
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from bench.measuring import arguments, server
from tastemaker.db import embedded
from tastemaker.db.migrate import migrate
from tests.migrations.profiles import insert_profiles, legacy_profile

TIMES = 5


def main(profiles: int, running: embedded.Server) -> None:
    from_empty = []
    for _ in range(TIMES):
        with _empty(running) as url:
            from_empty.append(migrate(url, app_password=None).seconds)
    print(f"\n{'':44}{'median s':>10}{'worst s':>10}")
    print(f"{'empty to head':44}{statistics.median(from_empty):10.2f}{max(from_empty):10.2f}")
    with _empty(running) as url:
        _print_steps(profiles, url)


def _print_steps(profiles: int, url: str) -> None:
    migrate(url, app_password=None, to="0012")
    with psycopg.connect(url) as connection:
        insert_profiles(connection, map(legacy_profile, range(profiles)))
    steps: list[tuple[str, float]] = []
    migrate(url, app_password=None, to="0016", on_step=lambda name, seconds: steps.append((name, seconds)))
    print(f"{f'{profiles:,} profiles, 0013 to 0016':44}{sum(seconds for _, seconds in steps):10.2f}")
    for name, seconds in steps:
        print(f"  {name:42}{seconds:10.2f}")
    rest: list[tuple[str, float]] = []
    migrate(url, app_password=None, on_step=lambda name, seconds: rest.append((name, seconds)))
    print(f"{'  then 0016 to head':44}{sum(seconds for _, seconds in rest):10.2f}")
    for name, seconds in sorted(rest, key=lambda step: -step[1])[:6]:
        print(f"  {name:42}{seconds:10.2f}")


@contextmanager
def _empty(running: embedded.Server) -> Iterator[str]:
    name = "migrations"
    with psycopg.connect(running.url(database="postgres"), autocommit=True) as admin:
        again = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        admin.execute(again)
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield running.url(database=name)
        admin.execute(again)


if __name__ == "__main__":
    options = arguments(__doc__, profiles=100_000)
    with server(options.postgres_bin) as serving:
        main(options.profiles, serving)
