"""The log is read by its indexes however long it is: what one page costs does not grow with the table."""

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM, Tenant, claims_json
from tastemaker.db.statements import Statement
from tastemaker.events import reading_queries, tailing

MANY = """
INSERT INTO events (aggregate_id, aggregate_type, event_type, event_data, idempotency_key, source_system,
                    tenant_id, "timestamp", correlation_id, processing_status)
SELECT 'a' || n % 5000, 'user', CASE WHEN n % 1000 = 0 THEN 'user_created' ELSE 'search_finished' END, '{}',
       'key ' || n, 'user_action', 'tenant ' || n % 300, timestamp '2026-01-01' + n * interval '1 minute',
       'c' || n % 4000, 'completed'
FROM generate_series(1, 30000) AS n;
ANALYZE events;
"""
EVERYBODY = {
    "types": ["user_created", "user_registered"],
    "tenant": None,
    "since": None,
    "until": None,
    "at": None,
    "key": None,
    "limit": 51,
    "correlation_id": "c7",
    "settled": 29_950,
    "seen": [29_960],
}
MIDDLE = {**EVERYBODY, "at": datetime(2026, 1, 10, tzinfo=UTC), "key": 9000, "types": ["search_finished"]}
OF_ONE = {**MIDDLE, "tenant": "tenant 7"}
PAGES = 250
"""Of 8 kB; the table has more than 600."""


@pytest.fixture(scope="module")
def log(make_database: Any, server: Any, template: str) -> str:  # noqa: ANN401 - the fixtures' own types
    name = make_database(template)
    with psycopg.connect(server.url(database=name), autocommit=True) as admin:
        admin.execute(MANY.encode())
    return str(server.url(database=name, role="tastemaker_app"))


@pytest.mark.parametrize("plans", ["force_generic_plan", "force_custom_plan"])
@pytest.mark.parametrize(
    ("statement", "asked"),
    [
        (reading_queries.LIST_OF_ANYBODY, EVERYBODY),
        (reading_queries.LIST_OF_ANYBODY, MIDDLE),
        (reading_queries.LIST_TYPES_OF_ANYBODY, EVERYBODY),
        (reading_queries.LIST_TYPES_OF_ANYBODY, MIDDLE),
        (reading_queries.LIST_OF_TENANT, OF_ONE),
        (reading_queries.LIST_TYPES_OF_TENANT, OF_ONE),
        (reading_queries.LIST_CORRELATION, EVERYBODY),
        (tailing.NEWER, EVERYBODY),
        (tailing.NEWEST, EVERYBODY),
    ],
)
def test_a_page_is_read_by_an_index(
    log: str, plans: str, statement: Statement[Any], asked: dict[str, Any]
) -> None:
    claim = Tenant(ExternalUserId(asked["tenant"])) if asked["tenant"] else SYSTEM
    with psycopg.connect(log) as app:
        app.prepare_threshold = 0
        app.execute("SELECT set_config('request.jwt.claims', %s, true)", (claims_json(claim),))
        app.execute("SELECT set_config('plan_cache_mode', %s, true)", (plans,))
        row = app.execute(
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement.sql}".encode(), asked, prepare=True
        ).fetchone()
    assert row
    plan = row[0][0]["Plan"]
    assert plan["Actual Rows"] > 0
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < PAGES
