"""What an adoption would do: the state it found, each step with its lock, and the decisions that are open."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg import Connection

from tastemaker.adopt import survey_queries
from tastemaker.adopt.original import TABLES, Census
from tastemaker.adopt.steps import steps

WORDS_SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class Options:
    """`with_orphans`: owners without a user get one. `fit_settings`: test-era limits give way to ours."""

    with_orphans: bool = True
    fit_settings: bool = False

    def as_document(self) -> dict[str, Any]:
        return {
            "orphans": "users" if self.with_orphans else "leave",
            "settings": "fit" if self.fit_settings else "keep",
        }


@dataclass(frozen=True, slots=True)
class Decision:
    """`rows` are concerned; `chosen` is what happens unless the option says otherwise."""

    question: str
    option: str
    chosen: str
    rows: int
    details: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlannedStep:
    name: str
    what: str
    lock: str
    rows: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    database: str
    schema: str
    state: tuple[str, ...]
    rows: dict[str, int]
    steps: tuple[PlannedStep, ...]
    words: list[dict[str, Any]]
    creators: dict[str, Any]
    duplicates: dict[str, int]
    orphans: list[dict[str, Any]]
    decisions: tuple[Decision, ...]


def make_plan(
    connection: Connection[Any], census: Census, options: Options, *, schema: str, moment: datetime
) -> Plan:
    """Reads only; the connection is inside a transaction, so that every number is of one moment."""
    rows = survey_queries.count_rows(connection, census)
    orphans, owners = survey_queries.survey_orphans(connection, census)
    throttles = survey_queries.survey_throttles(connection, census)
    creators = survey_queries.survey_creators(connection, census, moment=moment)
    chosen = options.as_document()
    return Plan(
        database=census.database,
        schema=schema,
        state=tuple(_state(census)),
        rows=rows,
        steps=tuple(_steps(census, rows, schema)),
        words=survey_queries.survey_words(connection, census, most=WORDS_SHOWN),
        creators={
            "pages": creators.pages, "elements": creators.elements, "accounts": creators.accounts,
            "shapes": dict(sorted(creators.shapes.items())), "rejected_elements": dict(creators.rejected),
        },
        duplicates=survey_queries.survey_duplicates(connection, census),
        orphans=owners,
        decisions=(
            Decision(
                "Campaigns and searches whose owner has no user: make the user, or leave them in the schema?",
                "--orphans users|leave", chosen["orphans"], sum(orphans.values()),
                tuple(f"{count:,} {table}" for table, count in orphans.items() if count),
            ),
            Decision(
                "Settings that allow less than a fresh installation: keep them, or take ours?",
                "--settings keep|fit", chosen["settings"], len(throttles),
                tuple(f"{one.key} = {one.value}, ours {one.fit}" for one in throttles),
            ),
        ),
    )  # fmt: skip


def _state(census: Census) -> list[str]:
    """What was recognised, as sentences."""
    wide, five = "user_profiles" in census.tables, "users" in census.tables
    said = [
        "users are in user_profiles and in the five tables" if wide and five
        else "users are in user_profiles only" if wide else "users are in the five tables"
    ]  # fmt: skip
    said += [f"the ledger {name} is another tool's" for name in census.foreign_ledgers]
    said += [
        f"{table} does not hold one row a user: user_id is not unique"
        for table in ("user_subscriptions", "user_billing", "user_usage", "user_system_data")
        if table in census.tables and (table, "user_id") not in census.unique
    ]
    said += [
        f"{table} has times with a zone; they become UTC"
        for table, columns in sorted(census.tables.items())
        if table in TABLES and "timestamp with time zone" in columns.values()
    ]
    said += [f"the policy {policy} steps aside with its table" for policy in census.policies]
    said += [
        f"the role {role} may make objects in public, and so put functions in the way of ours: revoke that"
        for role in census.makers
    ]
    said += [f"the table {table} is not copied" for table in survey_queries.names_of_others(census)]
    if census.sessions:
        said.append(f"{census.sessions} other sessions are connected; stop the original before adopting")
    return said


def _steps(census: Census, rows: dict[str, int], schema: str) -> list[PlannedStep]:
    moving = PlannedStep(
        "move", f"everything in public steps aside into the schema {schema}; no row is changed",
        "ACCESS EXCLUSIVE on every table for a moment; given up and tried again after half a second",
        sum(rows.values()),
    )  # fmt: skip
    building = PlannedStep(
        "build", "our schema, from its whole history, in public", "none on the original", None
    )
    copying = [PlannedStep(step.name, step.what, step.lock, rows.get(step.name)) for step in steps()]
    del census
    return [moving, building, *copying]
