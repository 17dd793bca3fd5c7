"""What a refusal tells: unique keys and foreign keys ignore policies, so each is shown to reveal nothing."""

from typing import Final

import psycopg
import pytest

from tests.db.isolation.conftest import Attacked
from tests.db.isolation.planting import ALICE, BOB, Connection, columns_of, insertion, values_for
from tests.db.isolation.test_crossing import SHARED, claiming

REVIEWED_KEYS: Final = {
    "events_idempotency_key_key": "event_keys has the key first; see there",
    "event_keys_pkey": "keys name the writer's own user or a random id; only our code chooses them",
    "idx_user_billing_stripe_customer": "written from Stripe's webhooks only, never from a request",
    "uq_background_jobs_lock_key": "run:<random id>; only our code chooses them",
    "uq_background_jobs_dedupe_key": "the same",
    "outbox_messages_pkey": "GENERATED ALWAYS: nobody chooses it",
    "uq_outbox_messages_dedupe_key": "only our code chooses keys, of the own user or a random id",
    "uq_api_keys_prefix": "48 bits of chance, drawn by our code",
    "uq_browser_sessions_digest": "a digest of 256 bits of chance, drawn by our code",
    "uq_credentials_email": "only the system's claim writes it; a trigger refuses a tenant's",
    "uq_account_links_digest": "the same, and a digest of 256 bits of chance",
    "clerk_subjects_pkey": "only the system's claim writes it, by verified tokens and webhooks",
    "stripe_subscriptions_pkey": "only the system's claim writes it, by verified webhooks",
    "inbox_messages_pkey": "GENERATED ALWAYS: nobody chooses it",
    "uq_inbox_messages_message_id": "written from verified webhooks only, whose senders choose the ids",
    "search_jobs_pkey": "text as specified; our code draws a random one",
    "uq_events_seq": "GENERATED ALWAYS: nobody chooses it",
}
"""Unique without the tenant in the key."""

UNIQUE_KEYS: Final = """
    SELECT i.relname, c.relname, array_agg(a.attname ORDER BY a.attnum),
           bool_or(a.attname IN ('tenant_id', 'user_id')), bool_or(a.atttypid = 'uuid'::regtype)
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class c ON c.oid = x.indrelid
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (x.indkey)
    WHERE x.indisunique AND c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    GROUP BY 1, 2
"""

FOREIGN_KEYS: Final = """
    SELECT k.conname, c.relname, parent.relname,
           (SELECT bool_and(a.atttypid = 'uuid'::regtype) FROM pg_attribute a
            WHERE a.attrelid = parent.oid AND a.attnum = ANY (k.confkey)),
           (SELECT array_agg(a.attname::text) FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attnum = ANY (k.conkey))
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
    JOIN pg_class parent ON parent.oid = k.confrelid
    WHERE k.contype = 'f' AND c.relnamespace = 'public'::regnamespace
"""

REVIEWED_PARENTS: Final = {
    "members_member_id_fkey": "only the system's claim writes it; a trigger refuses a tenant's",
    "search_results_job_id_fkey": "the trigger takes the tenant from the parent, which has to be visible",
}


def test_every_unique_key_names_its_tenant_or_cannot_be_guessed(
    attacked: Attacked, owner: Connection
) -> None:
    """Random ids have 122 bits: knowing one is knowing it."""
    open_keys = set()
    for name, table, columns, has_tenant, has_random in owner.execute(UNIQUE_KEYS):
        if table in attacked.planted.tenant_columns and not has_tenant and not has_random:
            open_keys.add(name)
        assert columns
    assert open_keys == set(REVIEWED_KEYS)


def test_every_foreign_key_points_to_a_random_id_or_to_what_all_may_know(
    attacked: Attacked, owner: Connection
) -> None:
    doubtful = set()
    for name, table, parent, is_random, columns in owner.execute(FOREIGN_KEYS):
        is_tenant_itself = columns in (["user_id"], ["tenant_id"]) and parent == "users"
        if parent not in SHARED and not is_random and not is_tenant_itself:
            doubtful.add(name)
        assert table
    assert doubtful == set(REVIEWED_PARENTS)


def test_a_row_for_another_is_refused_before_its_keys_are_looked_at(
    attacked: Attacked, owner: Connection, app: Connection
) -> None:
    """The same answer for an e-mail, a user, a customer that exists and for one that does not."""
    for user, customer in (("alice-secret", "no-such"), ("no-such-user", "no-such")):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), claiming(app, '{"sub": "bob-secret"}'):
            app.execute("INSERT INTO users (user_id, email) VALUES (%s, %s)", (user, customer))
        with pytest.raises(psycopg.errors.InsufficientPrivilege), claiming(app, '{"sub": "bob-secret"}'):
            app.execute(
                "INSERT INTO user_billing (user_id, stripe_customer_id) VALUES (%s, %s)",
                (attacked.planted.rows["users"][ALICE]["id"], customer),
            )


@pytest.mark.parametrize("table", ["scraping_runs", "search_creators", "scraping_results", "search_results"])
def test_her_search_answers_like_one_that_is_not_there(
    table: str, attacked: Attacked, owner: Connection, app: Connection
) -> None:
    parents = {name: rows[BOB] for name, rows in attacked.planted.rows.items()}
    answers = set()
    for job in (attacked.planted.rows[_parent(table)][ALICE]["id"], _absent(table)):
        row = values_for(columns_of(owner, table), BOB, parents, table=table, salt=" probe")
        with pytest.raises(psycopg.Error) as refused, claiming(app, '{"sub": "bob-secret"}'):
            app.execute(insertion(table, {**row, "job_id": job}))
        answers.add((type(refused.value), refused.value.diag.message_primary))
    assert len(answers) == 1


def test_her_campaign_answers_like_one_that_is_not_there(attacked: Attacked, app: Connection) -> None:
    answers = set()
    for campaign in (attacked.planted.rows["campaigns"][ALICE]["id"], _absent("scraping_jobs")):
        for statement in (
            "INSERT INTO scraping_jobs (user_id, campaign_id) VALUES ('bob-secret', %s)",
            "UPDATE scraping_jobs SET campaign_id = %s WHERE user_id = 'bob-secret'",
        ):
            with (
                pytest.raises(psycopg.errors.InsufficientPrivilege) as refused,
                claiming(app, '{"sub": "bob-secret"}'),
            ):
                app.execute(statement.encode(), (campaign,))
            answers.add(refused.value.diag.message_primary)
    assert len(answers) == 1


def _parent(table: str) -> str:
    return "search_jobs" if table == "search_results" else "scraping_jobs"


def _absent(table: str) -> str:
    return "no such job" if table == "search_results" else "00000000-0000-4000-8000-000000000000"
