"""The doctor's one question to a database, as the application's role. Nothing is changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import psycopg

from tastemaker.db.claims import SYSTEM, claims_json
from tastemaker.db.statements import statement
from tastemaker.db.transaction import CLAIM


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFacts:
    """`unprotected`: tables with a tenant's rows whose row-level security is off or not forced.

    `lost` jobs are leased by dead workers, `failed` ones were given up, `waiting` ones are due for a minute
    and not taken; `unfinished` searches have not ended. `undelivered` events were given up for a subscriber,
    `late_deliveries` are due for a minute; `new_events`, counted up to 10,000, wait for a worker.
    """

    server_version: int
    time_zone: str
    role: str
    is_privileged: bool
    unprotected: Sequence[str]
    extensions: frozenset[str]
    lost: int
    failed: int
    waiting: int
    unfinished: int
    undelivered: int
    late_deliveries: int
    new_events: int


FACTS: Final = statement(
    """
    SELECT current_setting('server_version_num')::integer AS server_version,
           current_setting('TimeZone') AS time_zone,
           current_user::text AS role,
           r.rolsuper OR r.rolbypassrls OR pg_has_role(current_user, c.relowner, 'MEMBER') AS is_privileged,
           ARRAY(SELECT t.relname::text FROM pg_class t
                 WHERE t.relnamespace = 'public'::regnamespace AND t.relkind IN ('r', 'p')
                   AND NOT (t.relrowsecurity AND t.relforcerowsecurity)
                   AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attnum > 0
                               AND NOT a.attisdropped AND a.attname IN ('tenant_id', 'user_id'))
                   AND has_table_privilege(t.oid, 'SELECT')
                 ORDER BY 1) AS unprotected,
           ARRAY(SELECT extname::text FROM pg_extension) AS extensions,
           jobs.lost, jobs.failed, jobs.waiting,
           (SELECT count(*) FROM scraping_jobs WHERE status IN ('pending', 'processing')) AS unfinished,
           (SELECT count(*) FROM event_deliveries WHERE status = 'failed') AS undelivered,
           (SELECT count(*) FROM event_deliveries
            WHERE status = 'pending' AND due_at < app_now() - interval '60 seconds') AS late_deliveries,
           (SELECT count(*) FROM (
                SELECT FROM events WHERE processing_status = 'pending' LIMIT 10000) AS few) AS new_events
    FROM pg_roles r, pg_class c, (
        SELECT count(*) FILTER (WHERE status = 'processing' AND lease_until < app_now()) AS lost,
               count(*) FILTER (WHERE status = 'failed') AS failed,
               count(*) FILTER (WHERE status = 'pending'
                                AND scheduled_for < app_now() - interval '60 seconds') AS waiting
        FROM background_jobs) AS jobs
    WHERE r.rolname = current_user AND c.oid = to_regclass('public.campaigns')
    """,
    DatabaseFacts,
    not_null="server_version time_zone role is_privileged unprotected extensions lost failed waiting"
    " unfinished undelivered late_deliveries new_events",
)


def read_facts(url: str) -> DatabaseFacts:
    """Of a database whose schema is at the head. Raises psycopg.Error."""
    with psycopg.connect(url, connect_timeout=10) as connection:
        connection.execute(CLAIM, {"claims": claims_json(SYSTEM)})
        with connection.cursor(row_factory=FACTS.make_rows) as cursor:
            facts = cursor.execute(FACTS.query).fetchone()
        if facts is None:
            raise psycopg.DataError("the catalog answers nothing about the schema")
        return facts
