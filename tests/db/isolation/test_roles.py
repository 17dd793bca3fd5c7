"""Reports and backups: who reads across tenants, and how little of it."""

from typing import Final

import psycopg
import pytest
from psycopg import sql

from tests.db.isolation.conftest import Attacked
from tests.db.isolation.planting import ALICE, BOB, Connection
from tests.db.isolation.reach import named, tables_of, views_of

PERSONAL: Final = {
    "email", "full_name", "business_name", "brand_description", "bio", "emails", "links", "keywords",
    "keyword", "payload", "event_data", "creators", "search_params", "stripe_customer_id", "card_last_4",
    "stripe_subscription_id", "payment_method_id", "card_brand", "billing_address_city",
    "billing_address_postal_code",
}  # fmt: skip


@pytest.fixture
def readonly(owner: Connection) -> Connection:
    owner.execute("SET ROLE tastemaker_readonly")
    owner.execute("SET default_transaction_read_only = on")
    return owner


def test_each_report_answers_over_all_tenants(readonly: Connection) -> None:
    views = [view for view in views_of(readonly, "tastemaker_readonly") if view.startswith("reports.")]
    assert len(views) == 5
    for view in views:
        assert readonly.execute(sql.SQL("SELECT * FROM {}").format(named(view))).fetchall(), view
    seen = readonly.execute("SELECT user_id FROM reports.users ORDER BY user_id").fetchall()
    assert {(ALICE,), (BOB,)} <= set(seen)


def test_reports_reach_no_contact_data(readonly: Connection) -> None:
    reachable = readonly.execute(
        """
        SELECT c.oid::regclass || '.' || a.attname, a.attname
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE c.relnamespace IN ('public'::regnamespace, 'reports'::regnamespace) AND a.attnum > 0
          AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v')
          AND has_column_privilege('tastemaker_readonly', c.oid, a.attnum, 'SELECT')
        """
    ).fetchall()
    assert reachable
    assert [name for name, column in reachable if column in PERSONAL] == []


def test_reports_write_nothing(readonly: Connection) -> None:
    assert "public.users" in tables_of(readonly, "tastemaker_readonly")
    for statement in (
        "UPDATE users SET onboarding_step = 'x'",
        "DELETE FROM reports.searches",
        "CREATE TABLE t ()",
    ):
        with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)):
            readonly.execute(statement.encode())


def test_a_backup_reads_every_row_of_every_table(attacked: Attacked, owner: Connection) -> None:
    counted = sql.SQL("SELECT count(*) FROM {}")
    tables = [name for name in tables_of(owner, "tastemaker_owner") if name.startswith("public.")]
    assert len(tables) > len(attacked.planted.rows)
    for bypasses in ("BYPASSRLS", "NOBYPASSRLS"):  # a managed server may not give the first
        with owner.transaction(force_rollback=True):
            owner.execute(sql.SQL("ALTER ROLE tastemaker_backup {}").format(sql.SQL(bypasses)))
            for table in tables:
                there = owner.execute(counted.format(named(table))).fetchone()
                owner.execute("SET LOCAL ROLE tastemaker_backup")
                assert owner.execute(counted.format(named(table))).fetchone() == there, (table, bypasses)
                owner.execute("RESET ROLE")


def test_no_role_of_ours_is_a_member_of_another_it_should_not_be(owner: Connection) -> None:
    rows = owner.execute(
        """
        SELECT member.rolname, role.rolname FROM pg_auth_members m
        JOIN pg_roles member ON member.oid = m.member JOIN pg_roles role ON role.oid = m.roleid
        WHERE member.rolname LIKE 'tastemaker%'
        """
    ).fetchall()
    assert set(rows) <= {("tastemaker_owner", "tastemaker_door")}


def test_only_backup_and_definer_functions_bypass_policies(owner: Connection) -> None:
    rows = owner.execute(
        "SELECT rolname FROM pg_roles WHERE rolname LIKE 'tastemaker%' AND (rolbypassrls OR rolsuper)"
        " ORDER BY rolname"
    ).fetchall()
    assert rows == [("tastemaker_backup",), ("tastemaker_door",)]


@pytest.mark.parametrize("table", ["users", "campaigns", "scraping_jobs", "search_creators"])
def test_a_query_that_names_its_tenant_uses_the_tenants_index(
    table: str, attacked: Attacked, owner: Connection
) -> None:
    """One policy joins tenant and system by OR, which no index serves: the query's own condition does."""
    column = attacked.planted.tenant_columns[table]
    with owner.transaction(force_rollback=True):
        owner.execute("SET LOCAL enable_seqscan = off")
        owner.execute("SET LOCAL ROLE tastemaker_app")
        owner.execute("SELECT set_config('request.jwt.claims', '{\"sub\": \"bob-secret\"}', true)")
        asked = sql.SQL("EXPLAIN SELECT * FROM {} WHERE {} = 'bob-secret'")
        plan = owner.execute(asked.format(named(table), sql.Identifier(column))).fetchall()
    lines = "\n".join(line for (line,) in plan)
    assert f"Index Cond: ({column} = 'bob-secret'::text)" in lines, lines
    assert "InitPlan" in lines, "the claim is looked up once, not for each row"
