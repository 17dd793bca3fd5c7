"""docs/reference/schema.md: the reviewed snapshot of the schema, written from a migrated database's catalog.

`python -m tests.migrations.schema_page PAGE` (`make docs`) writes it from a database of its own.
"""

import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import psycopg

from tastemaker.db import embedded
from tastemaker.db.migrate import migrate
from tests.migrations.schema_catalog import (
    Column,
    Constraint,
    Index,
    Policy,
    Schema,
    Table,
    Trigger,
    read_schema,
)

_SHORT_TYPES: Final = {
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
    "character varying": "varchar",
}

SUCCEEDED: Final = {
    "idx_user_profiles_full_name_search": (
        "idx_users_search",
        "the table went with migration 0015; the names are in `users`, and searched with e-mail and business",
    ),
    "idx_user_profiles_admin_search": (
        "idx_users_admin_search",
        "as above; the trial's status is in another table since, so it is not in the index",
    ),
    "idx_user_profiles_trial_info": (
        "idx_user_subscriptions_active_trials",
        "as above; trials are in `user_subscriptions`",
    ),
}
"""Indexes of the specification that head has no more: what took their place, and why."""

OVERLAPPING: Final = {
    "idx_user_billing_active_customers": "`idx_user_billing_stripe_customer` finds a customer too; the "
    "specification names this one, and it lists customers with their dates without visiting the table",
    "idx_user_subscriptions_trial_status": "the partial `idx_user_subscriptions_active_trials` begins with "
    "the same column but leaves out `pending`",
    "idx_scraping_runs_open": "two UNIQUE constraints begin with the same column; this one holds the runs "
    "under way alone, so asking for them does not read the finished ones",
    "idx_user_system_data_scheduled": "partial: it holds the few users for whom an e-mail waits, so that "
    "going over them does not read everybody",
    "idx_user_system_data_tenant": "finds any user, of whom most are not in the partial one",
}
"""Indexes that begin like another one, and why they stay."""

INTRODUCTION: Final = """\
# Schema

Written by `make docs` from the system catalog of a migrated database; a test fails when it is stale. Never
edited by hand: what is said here about a table or a column is its COMMENT, and changes with a migration.

Every `timestamp` is in UTC; our own columns beside the specified ones are `timestamptz`. A tenant is
`users.user_id`, the external id, by whatever name a table calls it. What row-level security means for each
role is in the [architecture](../architecture.md); how to change the schema is in
[Migrations](../operating/migrations.md).
"""


def render(connection: psycopg.Connection[Any]) -> str:
    """The whole page. The same for every server that is supported."""
    connection.execute("SET search_path = public, extensions")
    schema = read_schema(connection)
    parts = [
        INTRODUCTION,
        diagram(schema),
        _indexes_apart(schema),
        *(table(schema, each) for each in schema.tables),
        _views_and_functions(schema),
    ]
    return "\n".join(parts)


def write(page: Path) -> None:
    """Writes the page from a server of its own, which is gone afterwards."""
    with (
        tempfile.TemporaryDirectory() as home,
        embedded.running(Path(home), settings={"fsync": "off"}) as server,
    ):
        migrate(server.url(), app_password=None)
        with psycopg.connect(server.url()) as connection:
            page.write_text(render(connection), encoding="utf-8")


def _indexes_apart(schema: Schema) -> str:
    """Where the indexes differ from a list of names: carried by constraints, succeeded, overlapping."""
    carried = [k for k in schema.constraints if k.kind == "u" and k.name.startswith("idx_")]
    return "\n".join(
        [
            "## Indexes that are not what their name suggests",
            "",
            "The specification names some indexes on columns that are unique anyway. A second one would cost",
            "every write and serve no question, so the UNIQUE constraint's own index has the name:",
            "",
            *grid(("Name", "Constraint"), ((code(k.name), code(_on(k))) for k in carried)),
            "Gone with the table that they were on:",
            "",
            *grid(
                ("Name", "Instead", "Why"),
                ((code(name), code(instead), why) for name, (instead, why) in SUCCEEDED.items()),
            ),
            "Not redundant, though they begin like another one:",
            "",
            *grid(("Name", "Why it stays"), ((code(name), why) for name, why in OVERLAPPING.items())),
            "`idx_scraping_results_platform` and `idx_scraping_results_usernames` are on functions of the",
            "array: the specification's expressions are NULL for every array, and would find nothing.",
            "",
        ]
    )


def _on(constraint: Constraint) -> str:
    return f"{constraint.table_name} {constraint.definition}"


def _views_and_functions(schema: Schema) -> str:
    return "\n".join(
        [
            "## Views",
            "",
            "They read with the rights of whoever asks.",
            "",
            *grid(("View", "Meaning"), ((code(each.name), text(each.comment)) for each in schema.views)),
            "## Functions",
            "",
            *grid(
                ("Function", "Runs as", "Meaning"),
                (
                    (code(short(each.name)), code(each.runs_as) or "who calls", text(each.comment))
                    for each in schema.functions
                ),
            ),
        ]
    )


def diagram(schema: Schema) -> str:
    """Each table with its keys; what it has besides is below."""
    unique = {(k.table_name, tuple(k.columns)) for k in schema.constraints if k.kind in {"p", "u"}}
    columns = {(column.table_name, column.name): column for column in schema.columns}
    lines = ["## Diagram", "", "```mermaid", "erDiagram"]
    for key in (k for k in schema.constraints if k.kind == "f"):
        required = all(columns[key.table_name, name].required for name in key.columns)
        one = (key.table_name, tuple(key.columns)) in unique
        ends = f"{'||' if required else '|o'}--{'o|' if one else 'o{'}"
        lines.append(f'    {key.refers_to} {ends} {key.table_name} : "{", ".join(key.columns)}"')
    for table in schema.tables:
        keys = _keys_by_column(k for k in schema.constraints if k.table_name == table.name)
        lines.append(f"    {table.name} {{")
        lines.extend(
            f"        {short(columns[table.name, name].type)} {name} {', '.join(kinds)}"
            for name, kinds in keys.items()
        )
        lines.append("    }")
    return "\n".join([*lines, "```", ""])


def _keys_by_column(constraints: Iterable[Constraint]) -> dict[str, list[str]]:
    """A UNIQUE over several columns is no key of any one of them."""
    kinds: dict[str, list[str]] = {}
    for constraint in constraints:
        alone = len(constraint.columns) == 1
        if sign := {"p": "PK", "u": "UK" if alone else None, "f": "FK"}.get(constraint.kind):
            for column in constraint.columns:
                held = kinds.setdefault(column, [])
                if sign not in held:
                    held.append(sign)
    return kinds


def table(schema: Schema, described: Table) -> str:
    name = described.name
    parts = [
        f"## {name}",
        "",
        text(described.comment),
        "",
        *_columns([each for each in schema.columns if each.table_name == name]),
        *_constraints([each for each in schema.constraints if each.table_name == name]),
        *_indexes([each for each in schema.indexes if each.table_name == name]),
        *_triggers([each for each in schema.triggers if each.table_name == name]),
        f"Row-level security: {described.row_security}.",
        "",
        *_policies([each for each in schema.policies if each.table_name == name]),
    ]
    return "\n".join(parts)


def _columns(columns: Sequence[Column]) -> Iterator[str]:
    return grid(
        ("Column", "Type", "Null", "Default", "Meaning"),
        (
            (
                code(column.name),
                code(short(column.type)),
                "" if column.required else "yes",
                code(short(condition(column.default_value))),
                text(column.comment),
            )
            for column in columns
        ),
    )


def _constraints(constraints: Sequence[Constraint]) -> Iterator[str]:
    return grid(
        ("Constraint", "Definition"), ((code(k.name), code(short(k.definition))) for k in constraints)
    )


def _indexes(indexes: Sequence[Index]) -> Iterator[str]:
    return grid(
        ("Index", "Unique", "On"),
        (
            (code(index.name), "yes" if index.is_unique else "", code(short(index.definition)))
            for index in indexes
        ),
    )


def _triggers(triggers: Sequence[Trigger]) -> Iterator[str]:
    return grid(
        ("Trigger", "When", "Function"),
        ((code(each.name), code(each.occasion), code(each.function)) for each in triggers),
    )


def _policies(policies: Sequence[Policy]) -> Iterator[str]:
    return grid(
        ("Policy", "For", "To", "Sees", "May write"),
        (
            (
                code(each.name),
                each.command,
                ", ".join(code(role) for role in each.roles),
                code(condition(each.sees)),
                code(condition(each.writes)),
            )
            for each in policies
        ),
    )


def grid(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A Markdown table and the empty line after it; nothing where there is no row."""
    filled = [f"| {' | '.join(row)} |" for row in rows]
    if filled:
        yield f"| {' | '.join(heads)} |"
        yield f"|{'---|' * len(heads)}"
        yield from (re.sub(r" +\|", " |", line) for line in filled)
        yield ""


def short(text: str) -> str:
    for long, short in _SHORT_TYPES.items():
        text = text.replace(long, short)
    return text


def condition(expression: str) -> str:
    """On one line, without the name that the server gives to a subquery's column."""
    return re.sub(r"\( SELECT (\w+)\(\) AS \1\)", r"(SELECT \1())", re.sub(r"\s+", " ", expression))


def code(text: str) -> str:
    return "`" + text.replace("|", r"\|") + "`" if text else ""


def text(comment: str) -> str:
    return comment.replace("|", r"\|").replace("<", "&lt;").replace("*", r"\*")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
