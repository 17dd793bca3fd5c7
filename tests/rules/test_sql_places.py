"""SQL lives in queries modules and in the packages below the slices, and asks `app_now()` for the time."""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tests.rules.source import (
    Source,
    Violation,
    assert_holds,
    dotted,
    imported_names,
    package_sources,
    strings,
)

BELOW_THE_SLICES = {
    "web", "providers", "sandbox", "mail", "jobs", "outbox", "inbox", "ratelimit",
    "config_store", "events", "db", "core",
}  # fmt: skip

BUILDERS = {"text", "select", "insert", "update", "delete"}

STATEMENT = re.compile(r"^\s*(SELECT|INSERT\s+INTO|UPDATE|DELETE\s+FROM|WITH\s+\w+\s+AS)\s", re.IGNORECASE)

CLOCK = re.compile(
    r"\b(now\s*\(|current_timestamp|clock_timestamp\s*\(|statement_timestamp\s*\(|transaction_timestamp\s*\("
    r"|localtimestamp|current_date\b|current_time\b)",
    re.IGNORECASE,
)

CLOCK_ALLOWED = {
    "tastemaker/db/migrations/": "column defaults of the specification, and app_now() itself",
}


def misplaced_sql(source: Source) -> Iterator[Violation]:
    if source.package in BELOW_THE_SLICES or PurePosixPath(source.path).stem.endswith("queries"):
        return
    names = imported_names(source.tree)
    for node in source.nodes():
        if isinstance(node, ast.Call):
            origin = dotted(node.func, names)
            if origin.startswith("sqlalchemy.") and origin.rsplit(".", 1)[1] in BUILDERS:
                yield Violation(source.path, node.lineno, f"{origin}() outside a queries module")
    for line, text in strings(source):
        if STATEMENT.search(text):
            yield Violation(source.path, line, f"{text.strip()[:30]!r} outside a queries module")


def database_clock(source: Source) -> Iterator[Violation]:
    if source.path.startswith(tuple(CLOCK_ALLOWED)):
        return
    for line, text in strings(source):
        if found := CLOCK.search(text):
            yield Violation(source.path, line, f"{found[0]!r} in SQL; ask app_now()")
    names = imported_names(source.tree)
    for node in source.nodes():
        if isinstance(node, ast.Attribute) and dotted(node, names) in {
            "sqlalchemy.func.now",
            "sqlalchemy.func.current_timestamp",
        }:
            yield Violation(source.path, node.lineno, "the database's own clock; ask func.app_now()")


def test_sql_is_in_its_place() -> None:
    assert_holds(misplaced_sql, package_sources())


def test_business_sql_asks_app_now() -> None:
    assert_holds(database_clock, package_sources())


def test_planted_sql_is_found() -> None:
    code = (
        "import sqlalchemy as sa\nfrom sqlalchemy import select as ask\n"
        "sa.text('x')\nask(1)\nexecute('  select 1')\nsa.delete(User)\n"
    )
    assert {found.line for found in misplaced_sql(Source("tastemaker/lists/service.py", code))} == {
        3,
        4,
        5,
        6,
    }
    assert list(misplaced_sql(Source("tastemaker/journeys/registration.py", code)))
    assert not list(misplaced_sql(Source("tastemaker/lists/queries.py", code)))
    assert not list(misplaced_sql(Source("tastemaker/searches/history_queries.py", code)))
    assert not list(misplaced_sql(Source("tastemaker/jobs/worker.py", code)))


def test_words_that_look_like_sql_are_left_alone() -> None:
    code = "names.update(x)\nprint('Select a platform.')\nprint('Update failed')\n"
    found = [v.line for v in misplaced_sql(Source("tastemaker/lists/service.py", code))]
    assert 1 not in found


def test_planted_clocks_are_found() -> None:
    code = (
        '"""now() in a docstring is prose"""\nfrom sqlalchemy import func\n'
        "a = 'WHERE due < now()'\nb = 'x = CURRENT_TIMESTAMP'\nc = func.now()\nd = 'due < app_now()'\n"
    )
    assert {found.line for found in database_clock(Source("tastemaker/jobs/queries.py", code))} == {3, 4, 5}
    assert not list(database_clock(Source("tastemaker/db/migrations/roles.py", code)))
