"""What the doctor asks a database, as the application's role. Nothing is changed."""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg.rows import tuple_row

from tastemaker.db.claims import SYSTEM, claims_json

ROLE = """
    SELECT current_user, rolsuper OR rolbypassrls,
           pg_catalog.pg_has_role(current_user, c.relowner, 'MEMBER')
    FROM pg_roles, pg_class c
    WHERE rolname = current_user AND c.oid = to_regclass('public.campaigns')
"""

UNPROTECTED = """
    SELECT c.relname FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
      AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
      AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0
                  AND NOT a.attisdropped AND a.attname IN ('tenant_id', 'user_id'))
      AND has_table_privilege(c.oid, 'SELECT')
    ORDER BY 1
"""

EXTENSIONS = "SELECT extname FROM pg_extension"

LEFTOVERS = """
    SELECT count(*) FILTER (WHERE status = 'processing' AND lease_until < app_now()),
           count(*) FILTER (WHERE status = 'failed'),
           count(*) FILTER (WHERE status = 'pending' AND scheduled_for < app_now() - interval '60 seconds')
    FROM background_jobs
"""

EVENTS = """
    SELECT (SELECT count(*) FROM event_deliveries WHERE status = 'failed'),
           (SELECT count(*) FROM event_deliveries
            WHERE status = 'pending' AND due_at < app_now() - interval '60 seconds'),
           (SELECT count(*) FROM (
                SELECT FROM events WHERE processing_status = 'pending' LIMIT 10000) AS few)
"""

UNFINISHED = "SELECT count(*) FROM scraping_jobs WHERE status IN ('pending', 'processing')"

CLAIM = "SELECT set_config('request.jwt.claims', %s, true)"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFacts:
    """`unprotected`: tables with a tenant's rows whose row-level security is off or not forced.

    `lost` messages are held by dead workers, `failed` ones were given up, `waiting` ones are due and nobody
    takes them; `unfinished` searches have not ended. `undelivered` events were given up for a subscriber,
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


def read_facts(url: str) -> DatabaseFacts:
    """Of a database whose schema is at the head. Raises psycopg.Error."""
    with psycopg.connect(url, connect_timeout=10, row_factory=tuple_row) as connection:
        connection.execute(CLAIM, (claims_json(SYSTEM),))
        role = connection.execute(ROLE).fetchone()
        leftovers = connection.execute(LEFTOVERS).fetchone()
        events = connection.execute(EVENTS).fetchone()
        unfinished = connection.execute(UNFINISHED).fetchone()
        if role is None or leftovers is None or events is None or unfinished is None:
            raise psycopg.DataError("the catalog answers nothing about the schema")
        return DatabaseFacts(
            server_version=connection.info.server_version,
            time_zone=connection.info.parameter_status("TimeZone") or "unknown",
            role=role[0],
            is_privileged=role[1] or role[2],
            unprotected=[row[0] for row in connection.execute(UNPROTECTED)],
            extensions=frozenset(row[0] for row in connection.execute(EXTENSIONS)),
            lost=leftovers[0],
            failed=leftovers[1],
            waiting=leftovers[2],
            undelivered=events[0],
            late_deliveries=events[1],
            new_events=events[2],
            unfinished=unfinished[0],
        )
