"""Bob, through every table the application reaches: he sees, changes, adds, moves nothing of Alice's."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
import pytest
from psycopg import sql

from tastemaker.db.access import APP_ROLE
from tests.db.isolation.conftest import Attacked
from tests.db.isolation.planting import (
    ALICE,
    BOB,
    NOBODY,
    Connection,
    columns_of,
    insertion,
    values_for,
)
from tests.db.isolation.reach import may, named, tables_of

SHARED: Final = {
    "creators": "the installation's catalog, without tenant rows",
    "creator_handles": "the same",
    "posts": "the same",
    "follower_snapshots": "the same",
    "creator_documents": "the same, read without a claim, so that its index of words is used",
    "subscription_plans": "what is for sale",
    "system_configurations": "the installation's settings",
    "configuration_keys": "their types and bounds",
    "schedules": "what runs again and again",
    "provider_gates": "how fast and whether a provider may be called, the same for everybody",
    "provider_quotas": "the same",
    "provider_pages": "what providers answered, without who asked",
    "suppressions": "keyed hashes, which say nobody's name, of people whom nobody may store",
    "alembic_version": "the schema's number",
}
"""Tables that the application reads whole. Any other needs a tenant column and rows of two tenants."""

OF_THE_SYSTEM: Final = {
    "provider_samples": "beginnings of answers that nobody understood",
    "sign_in_attempts": "counted before it is known who tries",
    "trial_claims": "who had a trial is known beyond the account",
}
"""Tables that the application reads and writes by the system's claim alone."""

OWNERS: Final = {"clock_offset", "schema_migrations_applied", "user_profiles_backup"}
"""Tables that the application does not reach at all."""

REFUSALS: Final = (psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidTextRepresentation)
"""The second is a malformed claim: an error, no rows."""

ABSENT: Final = None
CLAIMS: Final = [
    '{"sub": "bob-secret"}',
    '{"sub": "nobody-in-particular"}',
    '{"sub": ["alice-secret"]}',
    '{"sub": {"id": "alice-secret"}}',
    '{"sub": "alice-secret "}',
    '{"sub": "ALICE-SECRET"}',
    '{"sub": "alice-secre_"}',
    '{"sub": "%"}',
    "{\"sub\": \"' OR '1' = '1\"}",
    '{"sub": ""}',
    '{"sub": null}',
    '{"sub": 0}',
    '{"SUB": "alice-secret"}',
    '{"user": {"sub": "alice-secret"}}',
    '{"role": "alice-secret"}',
    '{"role": "TASTEMAKER_SYSTEM"}',
    '{"role": ["tastemaker_system"]}',
    '{"sub": "alice-secret", "sub": "bob-secret"}',
    '["alice-secret"]',
    '[{"sub": "alice-secret"}]',
    '"alice-secret"',
    "null",
    "{}",
    "",
    " ",
    "alice-secret",
    '{"sub": "alice-secret"',
    '{"sub": "alice-secret"} x',
    "{'sub': 'alice-secret'}",
    ABSENT,
]
TENANT_TABLES: Final = [
    "account_links", "api_keys", "background_jobs", "browser_sessions", "campaign_creators", "campaigns",
    "clerk_subjects", "credentials", "email_unsubscriptions", "enrichments", "event_deliveries",
    "event_keys", "events", "exclusions", "exports", "idempotent_answers", "inbox_messages", "members",
    "outbox_messages", "plan_grants", "provider_budgets",
    "provider_calls", "provider_spending", "scraping_jobs", "scraping_results", "scraping_runs",
    "search_candidates", "search_creators", "search_jobs", "search_results", "similar_creators",
    "stripe_subscriptions", "usage_charges", "usage_enrichments", "usage_periods", "user_billing",
    "user_subscriptions", "user_system_data", "user_usage", "users",
]  # fmt: skip
"""Spelled out for pytest's names; the first test holds the list to the catalog."""


def test_every_table_is_somebodys_or_everybodys(attacked: Attacked, owner: Connection) -> None:
    reached = {name.removeprefix("public.") for name in tables_of(owner, APP_ROLE)}
    tenants = {table for table in attacked.planted.tenant_columns if table in reached}
    assert reached == tenants | set(SHARED) | set(OF_THE_SYSTEM), (
        "a new table belongs to a tenant or, with a reason, to everybody or to the system alone"
    )
    assert sorted(tenants) == TENANT_TABLES
    assert set(attacked.planted.rows) - reached == OWNERS - {"schema_migrations_applied"}


@pytest.mark.parametrize("table", OF_THE_SYSTEM)
def test_what_is_the_systems_is_no_tenants(
    table: str, attacked: Attacked, app: Connection, owner: Connection
) -> None:
    name = sql.Identifier(table)
    before = owner.execute(sql.SQL("SELECT count(*) FROM {}").format(name)).fetchone()
    assert before is not None
    assert before[0] >= 1
    for claim in (*CLAIMS, f'{{"sub": "{ALICE}"}}'):
        try:
            with claiming(app, claim):
                assert app.execute(sql.SQL("SELECT FROM {}").format(name)).fetchall() == [], claim
            with claiming(app, claim):
                assert app.execute(sql.SQL("DELETE FROM {}").format(name)).rowcount == 0, claim
        except psycopg.errors.InvalidTextRepresentation:
            continue
    assert owner.execute(sql.SQL("SELECT count(*) FROM {}").format(name)).fetchone() == before


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_both_have_a_row(table: str, attacked: Attacked, owner: Connection) -> None:
    column = attacked.planted.tenant_columns[table]
    counted = sql.SQL("SELECT {c} FROM {t} WHERE {c} IN (%s, %s) GROUP BY {c} ORDER BY 1")
    rows = owner.execute(counted.format(c=sql.Identifier(column), t=sql.Identifier(table)), (ALICE, BOB))
    assert [name for (name,) in rows] == [ALICE, BOB]


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_no_claim_but_hers_shows_her_row(table: str, attacked: Attacked, app: Connection) -> None:
    column = sql.Identifier(attacked.planted.tenant_columns[table])
    everything = sql.SQL("SELECT {c}, t::text FROM {t} t").format(c=column, t=sql.Identifier(table))
    for claim in CLAIMS:
        try:
            with claiming(app, claim):
                rows = app.execute(everything).fetchall()
        except psycopg.errors.InvalidTextRepresentation:
            continue  # malformed: an error, no rows
        assert all(tenant in (BOB, NOBODY) and ALICE not in shown for tenant, shown in rows), claim
    with claiming(app, '{"sub": "alice-secret"}'):
        assert {tenant for tenant, _ in app.execute(everything).fetchall()} == {ALICE}


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_no_claim_but_hers_changes_her_row(
    table: str, attacked: Attacked, app: Connection, owner: Connection
) -> None:
    column = attacked.planted.tenant_columns[table]
    before = _rows_of(owner, table, column)
    each, together = _changes(owner, table, column)
    for claim in CLAIMS:
        for statement in each if claim == CLAIMS[0] else together:
            try:
                with claiming(app, claim):
                    assert app.execute(statement).rowcount == 0, (claim, statement)
            except REFUSALS:
                continue
    assert _rows_of(owner, table, column) == before


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_bob_adds_no_row_of_hers(table: str, attacked: Attacked, app: Connection, owner: Connection) -> None:
    column = attacked.planted.tenant_columns[table]
    parents = {name: rows[ALICE] for name, rows in attacked.planted.rows.items()}
    hers = values_for(columns_of(owner, table), ALICE, parents, table=table, salt=" again")
    before = _rows_of(owner, table, column)
    for claim in CLAIMS:
        with pytest.raises(REFUSALS), claiming(app, claim):
            app.execute(insertion(table, hers))
    assert _rows_of(owner, table, column) == before


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_bob_hangs_no_row_of_his_on_hers(
    table: str, attacked: Attacked, app: Connection, owner: Connection
) -> None:
    """A row that says it is Bob's, with every parent Alice's."""
    parents = {name: rows[ALICE] for name, rows in attacked.planted.rows.items()}
    columns = columns_of(owner, table)
    mixed = values_for(columns, BOB, parents, table=table, salt=" mixed")
    if table == "users" or not any(
        c["parent"] in TENANT_TABLES and (c["parent"], c["referenced"]) != ("users", "user_id")
        for c in columns
    ):
        return
    for column in columns:
        if column["parent"] == "users" and column["referenced"] == "user_id":
            mixed[column["name"]] = BOB
    with pytest.raises(psycopg.errors.InsufficientPrivilege), claiming(app, '{"sub": "bob-secret"}'):
        app.execute(insertion(table, mixed))


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_bob_gives_no_row_of_his_away(
    table: str, attacked: Attacked, app: Connection, owner: Connection
) -> None:
    column = attacked.planted.tenant_columns[table]
    moved = sql.SQL("UPDATE {t} SET {c} = %s WHERE {c} = %s").format(
        t=sql.Identifier(table), c=sql.Identifier(column)
    )
    before = _rows_of(owner, table, column)
    try:
        with claiming(app, '{"sub": "bob-secret"}'):
            app.execute(moved, (ALICE, BOB))
    except psycopg.errors.InsufficientPrivilege:
        pass
    else:  # the trigger that copies the owner has put it back
        assert may(owner, APP_ROLE, table, "UPDATE")
    assert _rows_of(owner, table, column) == before


@pytest.mark.parametrize("table", [*TENANT_TABLES, *SHARED])
def test_nobody_truncates_or_copies_past_the_policies(table: str, app: Connection) -> None:
    for statement in (
        "TRUNCATE {}",
        "ALTER TABLE {} DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE {} NO FORCE ROW LEVEL SECURITY",
        "CREATE POLICY mine ON {} USING (true)",
        "CREATE TABLE copy (LIKE {})",
        "CREATE MATERIALIZED VIEW copy AS SELECT * FROM {}",
        "CREATE INDEX ON {} ((1))",
        "DROP TABLE {}",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(sql.SQL(statement).format(sql.Identifier(table)))


@contextmanager
def claiming(connection: Connection, claim: str | None) -> Iterator[None]:
    """A transaction on somebody's behalf, as `transaction` opens it; it commits what it may."""
    with connection.transaction():
        if claim is not None:
            connection.execute("SELECT set_config('request.jwt.claims', %s, true)", (claim,))
        yield


def _changes(owner: Connection, table: str, column: str) -> tuple[list[sql.Composed], list[sql.Composed]]:
    """Statements that delete, take and change her row: column by column, and what the role may in one."""
    named_table, tenant = sql.Identifier(table), sql.Identifier(column)
    hers = sql.SQL("{} = {}").format(tenant, sql.Literal(ALICE))
    update = sql.SQL("UPDATE {} SET {} WHERE {}")
    takes = [
        sql.SQL("DELETE FROM {} WHERE {}").format(named_table, hers),
        update.format(named_table, sql.SQL("{} = {}").format(tenant, sql.Literal(BOB)), hers),
    ]
    names = [described["name"] for described in columns_of(owner, table)]
    same = {name: sql.SQL("{c} = {c}").format(c=sql.Identifier(name)) for name in names}
    permitted = "SELECT has_column_privilege(%s, %s::regclass, %s, 'UPDATE')"
    may_change = [
        one
        for name, one in same.items()
        if owner.execute(permitted, (APP_ROLE, table, name)).fetchone() == (True,)
    ]
    each = [*takes, *(update.format(named_table, one, hers) for one in same.values())]
    if may_change:
        takes.append(update.format(named_table, sql.SQL(", ").join(may_change), hers))
    return each, takes


def _rows_of(owner: Connection, table: str, column: str) -> list[str]:
    rows = sql.SQL("SELECT t::text FROM {} t WHERE {} = %s").format(named(table), sql.Identifier(column))
    return [text for (text,) in owner.execute(rows, (ALICE,))]
