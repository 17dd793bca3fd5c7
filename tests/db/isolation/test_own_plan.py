"""Bob, in his own rows: becomes no administrator, changes no plan, limit or usage, gives no row away."""

import re
from typing import Final

import psycopg
import pytest
from psycopg import sql

from tests.db.isolation.conftest import Attacked
from tests.db.isolation.planting import ALICE, BOB, Connection, columns_of, insertion, values_for
from tests.db.isolation.test_crossing import TENANT_TABLES, claiming

BOBS: Final = '{"sub": "bob-secret"}'
BOTH: Final = '{"sub": "bob-secret", "role": "tastemaker_system"}'
"""Policies let this one through everywhere; the triggers see the tenant in it."""

PRIVILEGED: Final = re.compile(
    "is_admin|plan|trial|subscription|limit|usage|charge|budget|signup|card|billing|stripe|payment"
)
WHOLE: Final = ("user_subscriptions", "user_billing", "user_usage", "usage_charges", "provider_budgets")
"""Every column of these, and every row."""


def privileged(owner: Connection) -> list[tuple[str, str]]:
    """Read from the catalog, so that a new column of this kind is tested, or fails the test."""
    return [
        (table, column["name"])
        for table in TENANT_TABLES
        for column in columns_of(owner, table)
        if table in WHOLE or PRIVILEGED.search(column["name"])
    ]


@pytest.mark.parametrize("claim", [BOBS, BOTH])
def test_no_tenant_changes_what_was_granted_or_counted(
    claim: str, attacked: Attacked, app: Connection, owner: Connection
) -> None:
    columns = privileged(owner)
    assert len(columns) > 40
    assert ("users", "is_admin") in columns
    for table, name in columns:
        change = sql.SQL("UPDATE {t} SET {c} = {c} WHERE {tenant} = {bob}").format(
            t=sql.Identifier(table),
            c=sql.Identifier(name),
            tenant=sql.Identifier(attacked.planted.tenant_columns[table]),
            bob=sql.Literal(BOB),
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege), claiming(app, claim):
            app.execute(change)
            pytest.fail(f"{claim} changes {table}.{name}")


@pytest.mark.parametrize("claim", [BOBS, BOTH])
@pytest.mark.parametrize("table", ["users", "user_system_data", *WHOLE])
def test_no_tenant_adds_or_removes_them(
    table: str, claim: str, attacked: Attacked, app: Connection, owner: Connection
) -> None:
    parents = {name: rows[BOB] for name, rows in attacked.planted.rows.items()}
    values = values_for(columns_of(owner, table), BOB, parents, table=table)
    for statement in (insertion(table, values), sql.SQL("DELETE FROM {}").format(sql.Identifier(table))):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), claiming(app, claim):
            app.execute(statement)


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_no_tenant_moves_a_row_even_with_the_systems_claim_beside_its_own(
    table: str, attacked: Attacked, app: Connection, owner: Connection
) -> None:
    tenant = attacked.planted.tenant_columns[table]
    hers = attacked.planted.rows[table][ALICE]
    moving = [column["name"] for column in columns_of(owner, table) if column["parent"]]
    for name in {tenant, *moving}:
        move = sql.SQL("UPDATE {t} SET {c} = {hers} WHERE {tenant} = {bob} RETURNING {tenant}").format(
            t=sql.Identifier(table),
            c=sql.Identifier(name),
            hers=sql.Literal(hers[name]),
            tenant=sql.Identifier(tenant),
            bob=sql.Literal(BOB),
        )
        for claim in (BOBS, BOTH):
            with app.transaction(force_rollback=True):
                app.execute("SELECT set_config('request.jwt.claims', %s, true)", (claim,))
                try:
                    owners = {one for (one,) in app.execute(move).fetchall()}
                except (psycopg.errors.InsufficientPrivilege, psycopg.IntegrityError):
                    continue
                assert owners <= {BOB}, (name, claim)


def test_only_the_owners_functions_count(app: Connection, owner: Connection) -> None:
    usage = (
        "SELECT usage_campaigns_current, usage_creators_current_month FROM user_usage WHERE tenant_id = %s"
    )
    owner.execute("UPDATE user_usage SET plan_creators_limit = -1 WHERE tenant_id = %s", (BOB,))
    before = {who: owner.execute(usage, (who,)).fetchone() for who in (ALICE, BOB)}
    charge = "SELECT charge_creators(%s, 'TikTok', '{one,two,two}', NULL)"
    with app.transaction(force_rollback=True):
        app.execute("SELECT set_config('request.jwt.claims', %s, true)", (BOBS,))
        assert app.execute(charge, (BOB,)).fetchone() == (2,)
        assert app.execute(charge, (BOB,)).fetchone() == (0,), "once in a period"
        now = app.execute(usage, (BOB,)).fetchone()
        assert now is not None
        assert before[BOB] is not None
        assert now == (before[BOB][0], before[BOB][1] + 2)
        for call in (charge, "SELECT give_campaign_back(%s)", "SELECT take_campaign(%s)"):
            assert app.execute(call, (ALICE,)).fetchone() in ((0,), (False,)), "and for nobody else"
    assert owner.execute(usage, (ALICE,)).fetchone() == before[ALICE]


def test_no_tenant_gives_back_a_campaign_that_still_counts(app: Connection, owner: Connection) -> None:
    usage = "SELECT usage_campaigns_current FROM user_usage WHERE tenant_id = %s"
    with owner.transaction(force_rollback=True):
        owner.execute(
            "UPDATE campaigns SET status = 'active', deleting_since = NULL WHERE user_id = %s", (BOB,)
        )
        owner.execute("UPDATE user_usage SET usage_campaigns_current = 3 WHERE tenant_id = %s", (BOB,))
        (counted,) = owner.execute(
            "SELECT count(*) FROM campaigns WHERE user_id = %s", (BOB,)
        ).fetchone() or (0,)
        assert 1 <= counted < 3
        for left in (2, *[counted] * 3):
            owner.execute("SET LOCAL ROLE tastemaker_app")
            owner.execute("SELECT set_config('request.jwt.claims', %s, true)", (BOBS,))
            assert owner.execute("SELECT give_campaign_back(%s)", (BOB,)).fetchone() == (True,)
            owner.execute("RESET ROLE")
            assert owner.execute(usage, (BOB,)).fetchone() == (max(left, counted),)
