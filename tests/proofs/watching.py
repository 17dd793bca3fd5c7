"""The plans that a question really ran with: the server's own, through roles, policies and functions.

`auto_explain` says after every statement, those inside functions included, what EXPLAIN (ANALYZE, BUFFERS)
would. It hears the very statement that the code sent, so no proof repeats a query.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
import psycopg
from psycopg import sql

from tastemaker.db.pool import Database, open_database
from tastemaker.db.profiles import PoolProfile

SETTINGS = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_buffers": "on",
    "auto_explain.log_timing": "off",
    "auto_explain.log_format": "json",
    "auto_explain.log_level": "notice",
}

NO_QUESTION = ("set_config('request.jwt.claims'", "public.claim_tenant(", "public.clock_offset")
"""The claim that travels with every question; app_now(), which the planner asks to estimate by."""


@dataclass
class Heard:
    """What ran since the last `forget`, in the order in which it ended: a function's statements before it."""

    plans: list[dict[str, Any]] = field(default_factory=list)

    def forget(self) -> None:
        self.plans.clear()

    @property
    def statements(self) -> list[str]:
        said = [plan["Query Text"] for plan in self.plans]
        return [text for text in said if not any(part in text for part in NO_QUESTION)]

    @property
    def indexes(self) -> set[str]:
        return {
            node["Index Name"] for plan in self.plans for node in _nodes(plan["Plan"]) if "Index Name" in node
        }

    @property
    def scanned_tables(self) -> set[str]:
        return {
            node["Relation Name"]
            for plan in self.plans
            for node in _nodes(plan["Plan"])
            if node["Node Type"] == "Seq Scan"
        }

    @property
    def blocks(self) -> int:
        """Pages of 8 kB touched, by the statement and everything inside it."""
        return max((_blocks(plan["Plan"]) for plan in self.plans), default=0)

    @property
    def most_rows_sorted(self) -> int:
        """The largest input of any sort."""
        return max(
            (
                part["Actual Rows"]
                for plan in self.plans
                for node in _nodes(plan["Plan"])
                if node["Node Type"] == "Sort"
                for part in node["Plans"]
            ),
            default=0,
        )

    @property
    def rows_thrown_away(self) -> int:
        """Rows that an index led to in vain."""
        return sum(
            node.get("Rows Removed by Index Recheck", 0) + node.get("Rows Removed by Filter", 0)
            for plan in self.plans
            for node in _nodes(plan["Plan"])
            if node["Node Type"] == "Bitmap Heap Scan"
        )

    def take(self, notice: psycopg.errors.Diagnostic) -> None:
        _, found, said = (notice.message_primary or "").partition("plan:\n")
        if found:
            self.plans.append(orjson.loads(said))


@asynccontextmanager
async def watched(
    admin_url: str, app_url: str, *, inside_functions: bool = True
) -> AsyncIterator[tuple[Database, Heard]]:
    """The application's database of one connection, and what is heard on it."""
    nested = {"auto_explain.log_nested_statements": "on" if inside_functions else "off"}
    with psycopg.connect(admin_url, autocommit=True) as admin:
        name = sql.Identifier(admin.info.dbname)
        for setting, value in {**SETTINGS, **nested}.items():
            admin.execute(sql.SQL("ALTER DATABASE {} SET {} = {}").format(name, _dotted(setting), value))
    heard = Heard()
    async with open_database(app_url, PoolProfile(min_size=1, max_size=1)) as database:
        async with database.pool.connection() as connection:
            connection.add_notice_handler(heard.take)
        yield database, heard


def explained(connection: psycopg.Connection, question: str) -> Heard:
    """The plan of one statement, asked for the second time."""
    for _ in range(2):
        row = connection.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {question}".encode()).fetchone()
    assert row is not None
    return Heard([{"Query Text": question, **row[0][0]}])


@contextmanager
def without_index(admin_url: str, *names: str) -> Iterator[None]:
    """The planner does not see these indexes; for connections made inside the block."""
    with psycopg.connect(admin_url, autocommit=True) as admin:
        _set_valid(admin, names, valid=False)
        try:
            yield
        finally:
            _set_valid(admin, names, valid=True)


def _set_valid(admin: psycopg.Connection, names: tuple[str, ...], *, valid: bool) -> None:
    admin.execute(
        "UPDATE pg_index SET indisvalid = %s WHERE indexrelid = ANY (%s::regclass[])", (valid, list(names))
    )


def _dotted(setting: str) -> sql.Composable:
    return sql.SQL(".").join(sql.Identifier(part) for part in setting.split("."))


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


def _blocks(plan: dict[str, Any]) -> int:
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
