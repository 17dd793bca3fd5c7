"""What happened stays: for the application, for the owner, and what the one door lets through."""

from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM, Tenant
from tastemaker.db.pool import Database
from tastemaker.db.transaction import transaction
from tastemaker.events.names import EventType, Source
from tastemaker.events.payloads import CampaignCreated
from tastemaker.events.queries import redact
from tastemaker.events.service import record
from tastemaker.events.upcasting import read_payload
from tests.conftest import AddUsers

EDITS = [
    "UPDATE events SET event_data = '{}'",
    "UPDATE events SET timestamp = timestamp - interval '1 day'",
    "UPDATE events SET tenant_id = 'other'",
    "UPDATE events SET correlation_id = 'other'",
    "DELETE FROM events",
    "TRUNCATE events",
]


@pytest.fixture
async def event(database: Database) -> UUID:
    async with transaction(database, SYSTEM) as tx:
        found = await record(
            tx,
            CampaignCreated(name="For Ann", search_type="keyword"),
            aggregate_id="c1",
            source=Source.USER_ACTION,
            metadata={"user_agent": "curl", "actor": "ann"},
        )
    assert found
    return found


@pytest.mark.parametrize("edit", [*EDITS, "DELETE FROM event_keys", "UPDATE event_keys SET tenant_id = 'x'"])
@pytest.mark.parametrize("door", ["", "redaction", "archive"])
async def test_the_application_cannot_edit_the_log(event: UUID, app_url: str, edit: str, door: str) -> None:
    with psycopg.connect(app_url, autocommit=True) as app:
        app.execute("SELECT set_config('request.jwt.claims', '{\"role\": \"tastemaker_system\"}', false)")
        app.execute("SELECT set_config('tastemaker.events_door', %s, false)", (door,))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(edit.encode())


@pytest.mark.parametrize("edit", EDITS)
async def test_not_even_the_owner_edits_it_by_mistake(event: UUID, admin_url: str, edit: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as admin:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            admin.execute(edit.encode())
        admin.execute("UPDATE events SET processing_status = 'completed', retry_count = 1, error = 'x'")
        assert admin.execute("SELECT count(*) FROM events").fetchone() == (1,)


async def test_the_door_blanks_and_tells(event: UUID, database: Database, admin_url: str) -> None:
    async with transaction(database, SYSTEM) as tx:
        assert await redact(tx, [event], fields=["name", "actor"], reason="erasure", actor="admin-1") == 1
        assert await redact(tx, [event], fields=["nothing"], reason="erasure", actor="admin-1") == 0
    with psycopg.connect(admin_url, row_factory=dict_row) as admin:
        blanked, audit = admin.execute("SELECT * FROM events ORDER BY seq").fetchall()
        keys: Any = admin.execute("SELECT count(*) FROM event_keys").fetchone()
    assert blanked["event_data"] == {"name": "[redacted]", "search_type": "keyword"}
    assert blanked["metadata"] == {"user_agent": "curl"}
    assert read_payload(blanked["event_type"], 1, blanked["event_data"])
    assert audit["event_type"] == EventType.EVENTS_REDACTED
    assert audit["metadata"] == {"actor": "admin-1"}
    payload = read_payload(audit["event_type"], audit["event_version"], audit["event_data"])
    assert payload.model_dump()["events"] == [event]
    assert keys["count"] == 2


async def test_the_door_is_the_products_own(event: UUID, database: Database, add_users: AddUsers) -> None:
    add_users("ann")
    with pytest.raises(Exception, match="product's own work"):
        async with transaction(database, Tenant(ExternalUserId("ann"))) as tx:
            await redact(tx, [event], fields=["name"], reason="x", actor="ann")
    with pytest.raises(Exception, match="names its fields"):
        async with transaction(database, SYSTEM) as tx:
            await redact(tx, [event], fields=["name"], reason="", actor="ann")
