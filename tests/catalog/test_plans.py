"""What a page costs in the catalog does not grow with it: behind its policies its indexes are used."""

from datetime import UTC, datetime
from typing import Any

import orjson
import psycopg
import pytest

from tastemaker.catalog import queries
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import Tenant, claims_json
from tastemaker.db.statements import Statement

CREATORS = [{"platform": "TikTok", "stable_id": str(number), "handle": f"u{number}"} for number in range(3)]
POSTS = [{"platform": "TikTok", "post_id": str(number), "creator_id": str(number)} for number in range(3)]


@pytest.mark.parametrize(
    "statement", [queries.UPSERT_CREATORS, queries.UPSERT_POSTS], ids=["creators", "posts"]
)
def test_the_catalog_is_never_walked_to_keep_a_page(app_url: str, statement: Statement[Any]) -> None:
    asked = {
        "creators": orjson.dumps(CREATORS).decode(),
        "posts": orjson.dumps(POSTS).decode(),
        "source": "x",
        "policy": "x",
        "now": datetime(2026, 1, 1, tzinfo=UTC),
        "expires_at": None,
    }
    with psycopg.connect(app_url) as connection:
        claims = claims_json(Tenant(ExternalUserId("alice")))
        connection.execute("SELECT set_config('request.jwt.claims', %s, true)", (claims,))
        for method in ("seqscan", "bitmapscan", "indexonlyscan"):
            connection.execute(f"SET LOCAL enable_{method} = off".encode())
        plan = connection.execute(b"EXPLAIN " + statement.query, asked).fetchall()
        lines = "\n".join(line for (line,) in plan)
        connection.rollback()
    assert "Seq Scan on creators" not in lines, lines
    assert "uq_creators_platform_stable_id on creators" in lines
