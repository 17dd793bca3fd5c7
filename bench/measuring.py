"""What every benchmark stands on: a database of its own, ways timed in turn, and one table.

Ways run in rounds, so that each meets the same machine; ratios are to the first way of the same run. Without
a URL the embedded server of this checkout's wheel serves, in a folder that is kept for the next run.
"""

import argparse
import statistics
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import psycopg
from psycopg import sql

from tastemaker.db import embedded
from tastemaker.db.access import APP_ROLE
from tastemaker.db.migrate import migrate

HOME = Path(tempfile.gettempdir()) / "tastemaker-bench"

Way = Callable[[], Awaitable[Any]]
Load = Callable[[psycopg.Connection], None]


@dataclass(frozen=True, slots=True)
class Urls:
    admin: str = field(repr=False)
    app: str = field(repr=False)


def arguments(description: str | None, **numbers: int) -> argparse.Namespace:
    """`--rows 1000000` and the like, each an integer with its default."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    for name, number in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=number)
    parser.add_argument("--postgres-bin", type=Path, default=None, help="another server's binaries")
    return parser.parse_args()


@contextmanager
def server(bin_dir: Path | None = None) -> Iterator[embedded.Server]:
    home = HOME / (bin_dir.parent.name if bin_dir else "embedded")
    home.mkdir(parents=True, exist_ok=True)
    with embedded.running(home, bin_dir=bin_dir, settings={"shared_buffers": "512MB"}) as running:
        yield running


def database(running: embedded.Server, name: str, load: Load) -> Urls:
    """A database at head with `load`'s rows, made once and kept under its name."""
    urls = Urls(running.url(database=name), running.url(database=name, role=APP_ROLE))
    with psycopg.connect(running.url(database="postgres"), autocommit=True) as admin:
        if admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
            return urls
        making = sql.Identifier(f"{name} in the making")
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(making))
        admin.execute(sql.SQL("CREATE DATABASE {}").format(making))
        url = running.url(database=f"{name} in the making")
        migrate(url, app_password=embedded.app_password(running.home))
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SET maintenance_work_mem = '256MB'")
            connection.execute("SET synchronous_commit = off")
            load(connection)
            connection.execute("CHECKPOINT")
        admin.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(making, sql.Identifier(name)))
    return urls


async def timed(
    ways: Mapping[str, Way], *, rounds: int, repeats: int, warm_up: int = 30
) -> dict[str, list[float]]:
    """Seconds of every call."""
    took: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        for _ in range(warm_up):
            await way()
    for _ in range(rounds):
        for name, way in ways.items():
            for _ in range(repeats):
                started = perf_counter()
                await way()
                took[name].append(perf_counter() - started)
    return took


def show(title: str, took: Mapping[str, list[float]], notes: Mapping[str, str] | None = None) -> None:
    """Median, 99th percentile, and the ratio of medians to the first row."""
    baseline = statistics.median(next(iter(took.values())))
    print(f"\n{title}\n{'':58}{'p50 ms':>10}{'p99 ms':>10}{'ratio':>9}")
    for name, seconds in took.items():
        middle, late = statistics.median(seconds), percentile(seconds, 99)
        print(
            f"{name:58}{middle * 1e3:10.3f}{late * 1e3:10.3f}{_ratio(middle / baseline):>9}"
            f"  {(notes or {}).get(name, '')}".rstrip()
        )


def percentile(seconds: list[float], which: int) -> float:
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, len(ordered) * which // 100)]


def _ratio(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio >= 0.1 else f"1/{1 / ratio:.0f}"  # noqa: PLR2004 - below a tenth
