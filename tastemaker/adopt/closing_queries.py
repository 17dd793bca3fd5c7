"""What makes the copies agree with each other: counters from rows, and the proof that nothing was lost."""

from datetime import datetime
from typing import Any, Final

from psycopg import Connection, sql

from tastemaker.adopt.ledger_queries import Counts
from tastemaker.adopt.people_queries import SATELLITES
from tastemaker.searches.campaign_creators_queries import REBUILD

_CHARGES: Final = """
WITH batch AS MATERIALIZED (
    SELECT g.* FROM adoption_people p JOIN public.user_usage g ON g.user_id = p.id
    WHERE p.n > %(after)s AND p.n <= %(upto)s
), charged AS (
    INSERT INTO public.usage_charges (tenant_id, period_start, platform, stable_id, job_id, charged_at)
    SELECT DISTINCT ON (b.tenant_id, c.platform, c.stable_id)
           b.tenant_id, b.usage_reset_date, c.platform, c.stable_id, c.job_id, c.created_at
    FROM batch b JOIN public.search_creators c ON c.tenant_id = b.tenant_id
    WHERE c.created_at >= b.usage_reset_date AT TIME ZONE 'UTC'
    ORDER BY b.tenant_id, c.platform, c.stable_id, c.created_at
    ON CONFLICT DO NOTHING RETURNING tenant_id
), creators AS (SELECT tenant_id, count(*) AS creators FROM charged GROUP BY 1),
campaigns AS (
    SELECT c.user_id AS tenant_id, count(*) AS campaigns FROM public.campaigns c
        JOIN batch b ON b.tenant_id = c.user_id
    WHERE c.status <> 'archived' GROUP BY 1
), wanted AS (
    SELECT b.id, coalesce(n.creators, 0) AS creators, coalesce(c.campaigns, 0) AS campaigns
    FROM batch b LEFT JOIN creators n USING (tenant_id) LEFT JOIN campaigns c USING (tenant_id)
), corrected AS (
    UPDATE public.user_usage g
    SET usage_creators_current_month = w.creators, usage_campaigns_current = w.campaigns,
        updated_at = g.updated_at + interval '1 microsecond'
    FROM wanted w
    WHERE w.id = g.id AND (g.usage_creators_current_month, g.usage_campaigns_current) <> (w.creators,
        w.campaigns)
    RETURNING 1
)
SELECT (SELECT count(*) FROM batch), (SELECT count(*) FROM charged), (SELECT count(*) FROM corrected)
"""

_CAMPAIGNS: Final = "SELECT id FROM adoption_queue_campaigns WHERE n > %(after)s AND n <= %(upto)s"

_ALREADY: Final = """
CREATE TEMPORARY TABLE already_adopted AS
SELECT 'users' AS table_name, user_id, NULL::text AS stripe_customer_id
    FROM adoption_people WHERE origin <> 'user_profiles'
"""

_ALREADY_SATELLITE: Final = """
INSERT INTO already_adopted
SELECT {name}, p.user_id, {customer} FROM adoption_people p LEFT JOIN public.{table} t ON t.user_id = p.id
WHERE NOT EXISTS (SELECT FROM adoption_profiles f WHERE f.user_id = p.user_id)
   OR EXISTS (SELECT FROM source_{table} s
       JOIN source_users u ON u.id = s.user_id WHERE u.user_id = p.user_id)
"""

_EXPECTED: Final = """
CREATE TEMPORARY TABLE expected_profiles AS SELECT * FROM adoption_profiles;
UPDATE expected_profiles SET current_plan = left(current_plan, 50), intended_plan = left(intended_plan, 50)
WHERE length(current_plan) > 50 OR length(intended_plan) > 50;
"""

_COUNTERS: Final = ("usage_campaigns_current", "usage_creators_current_month")
"""Counted anew from rows, so they need not be what the profile said."""

_WRONG: Final = """
SELECT table_name, column_name, count(*) FROM public.verify_user_migration_rows(
    'expected_profiles'::regclass, 'already_adopted'::regclass, %(moment)s)
WHERE column_name <> ALL (%(counters)s) GROUP BY 1, 2 ORDER BY 1, 2
"""

_IDS: Final = """
SELECT count(*) FROM source_{table} s
WHERE NOT EXISTS (SELECT FROM public.{table} t WHERE t.id = s.id)
  AND NOT EXISTS (SELECT FROM adoption_rejected r WHERE r.table_name = '{table}'
      AND r.row_id = left(s.id::text, 200))
"""

_CLAIMED: Final = """
SELECT count(*) FROM public.scraping_jobs j
WHERE j.processed_results <> (SELECT count(*) FROM public.search_creators c WHERE c.job_id = j.id)
"""

BY_ID: Final = (
    "campaigns", "scraping_jobs", "scraping_results", "search_jobs", "search_results", "events",
    "background_jobs",
)  # fmt: skip

_WORK_TABLES: Final = """
SELECT c.relname, c.relkind = 'v' FROM pg_class c
WHERE c.relnamespace = %(schema)s::regnamespace AND c.relkind IN ('r', 'v')
  AND (c.relname LIKE 'source\\_%%' OR c.relname LIKE 'adoption\\_queue\\_%%'
       OR c.relname IN ('adoption_people', 'adoption_profiles', 'adoption_customers', 'adoption_identities'))
ORDER BY c.relkind = 'v', c.relname
"""


def charge_batch(connection: Connection[Any], *, after: int, upto: int) -> Counts:
    """The period's charges are the creators found in it; counters equal what they count."""
    row = connection.execute(_CHARGES, {"after": after, "upto": upto}).fetchone()
    users, charged, corrected = row or (0, 0, 0)
    return {"users": users, "charged_creators": charged, "users_whose_counters_differed": corrected}


def combine_batch(connection: Connection[Any], *, after: int, upto: int) -> Counts:
    """The combined results of campaigns, from what their searches hold."""
    rows = connection.execute(_CAMPAIGNS, {"after": after, "upto": upto}).fetchall()
    of_campaigns = REBUILD.choose(which="campaigns")
    made = connection.execute(of_campaigns.query, {"campaign_ids": [row[0] for row in rows]})
    return {"campaigns": len(rows), "creators": made.rowcount}


def values_that_differ(connection: Connection[Any], moment: datetime) -> dict[str, int]:
    """Profile values that did not arrive as the schema's own verification expects them."""
    connection.execute("DROP TABLE IF EXISTS pg_temp.already_adopted, pg_temp.expected_profiles")
    connection.execute(_ALREADY)
    for satellite in SATELLITES:
        customer = "t.stripe_customer_id" if satellite.table == "user_billing" else "NULL"
        connection.execute(
            sql.SQL(_ALREADY_SATELLITE).format(
                name=sql.Literal(satellite.table), table=sql.SQL(satellite.table), customer=sql.SQL(customer)
            )
        )
    connection.execute(_EXPECTED)
    rows = connection.execute(_WRONG, {"moment": moment, "counters": list(_COUNTERS)})
    return {f"{table}.{column}": count for table, column, count in rows}


def rows_that_are_missing(connection: Connection[Any]) -> dict[str, int]:
    """Rows of the original that are neither in our table nor listed with a reason."""
    missing = {}
    for table in BY_ID:
        row = connection.execute(sql.SQL(_IDS).format(table=sql.SQL(table))).fetchone()
        if row and row[0]:
            missing[table] = int(row[0])
    row = connection.execute(_CLAIMED).fetchone()
    if row and row[0]:
        missing["searches whose count is not their creators"] = int(row[0])
    return missing


def count_ours(connection: Connection[Any]) -> dict[str, int]:
    tables = (
        "users", "campaigns", "scraping_jobs", "scraping_results", "search_creators", "campaign_creators",
        "creators", "posts", "creator_handles", "follower_snapshots", "events", "event_keys",
        "background_jobs", "usage_charges",
    )  # fmt: skip
    counted = {}
    for table in tables:
        row = connection.execute(sql.SQL("SELECT count(*) FROM public.{}").format(sql.SQL(table))).fetchone()
        counted[table] = int(row[0]) if row else 0
    return counted


def count_rejected(connection: Connection[Any]) -> dict[str, dict[str, int]]:
    rows = connection.execute(
        "SELECT table_name, reason, count(*) FROM adoption_rejected GROUP BY 1, 2 ORDER BY 1, 2"
    )
    rejected: dict[str, dict[str, int]] = {}
    for table, reason, count in rows:
        rejected.setdefault(table, {})[reason] = count
    return rejected


def drop_work_tables(connection: Connection[Any], schema: str) -> None:
    """Only what the adoption made for its own work; the original and the record stay."""
    for name, is_view in connection.execute(_WORK_TABLES, {"schema": schema}).fetchall():
        drop = "DROP VIEW {} CASCADE" if is_view else "DROP TABLE {}"
        connection.execute(sql.SQL(drop).format(sql.Identifier(schema, name)))


def analyze_ours(connection: Connection[Any]) -> None:
    connection.execute(
        "ANALYZE public.users, public.user_subscriptions, public.user_billing, public.user_usage,"
        " public.user_system_data, public.campaigns, public.scraping_jobs, public.scraping_runs,"
        " public.scraping_results, public.search_creators, public.creators, public.posts, public.events"
    )
