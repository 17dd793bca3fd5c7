"""docs/reference/schema.md, written from the system catalog of a migrated database.

`python -m tastemaker.ops.schema_reference PAGE` (`make docs`) writes it from a database of its own.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import psycopg

from tastemaker.db import embedded
from tastemaker.db.migrate import migrate
from tastemaker.ops.schema_reference_parts import code, diagram, grid, short, table, text
from tastemaker.ops.schema_reference_queries import Constraint, Schema, read_schema

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


if __name__ == "__main__":
    write(Path(sys.argv[1]))
