"""Writing events: once per key, in the change's transaction, with the chain it belongs to."""

import asyncio
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import dict_row
from pydantic import ValidationError

from tastemaker.core.errors import InvalidInput
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM, Tenant
from tastemaker.db.pool import Database
from tastemaker.db.transaction import transaction
from tastemaker.events.context import LONGEST_CHAIN, caused_by
from tastemaker.events.names import Source
from tastemaker.events.payloads import (
    AdminAction,
    BillingWebhookReceived,
    CampaignCreated,
    Payload,
    SubscriptionCanceled,
    UserRegistered,
)
from tastemaker.events.redaction import UnfitMetadata
from tastemaker.events.service import (
    ChainTooLong,
    CyclicCausation,
    NewEvent,
    PayloadTooLarge,
    record,
    record_many,
)
from tests.conftest import AddUsers

CREATED = CampaignCreated(name="Spring", search_type="keyword")


async def write(database: Database, payload: Payload = CREATED, about: str = "c1", **more: Any) -> Any:  # noqa: ANN401 - as `record` takes
    async with transaction(database, SYSTEM) as tx:
        return await record(tx, payload, aggregate_id=about, source=Source.USER_ACTION, **more)


def events(admin_url: str) -> list[dict[str, Any]]:
    with psycopg.connect(admin_url, row_factory=dict_row) as admin:
        return admin.execute("SELECT * FROM events ORDER BY seq").fetchall()


def new(number: int, **more: Any) -> NewEvent:  # noqa: ANN401 - as the class takes
    return NewEvent(payload=CREATED, aggregate_id=f"c{number}", source=Source.USER_ACTION, **more)


async def test_a_fact_is_written_once_and_with_its_change(database: Database, admin_url: str) -> None:
    with pytest.raises(RuntimeError, match="changed my mind"):
        async with transaction(database, SYSTEM) as tx:
            await record(tx, CREATED, aggregate_id="lost", source=Source.USER_ACTION)
            raise RuntimeError("changed my mind")
    first = await write(database)
    assert await write(database) is None
    assert await write(database, identifier="again") is not None
    written = events(admin_url)
    assert written[0]["id"] == first
    assert [event["idempotency_key"] for event in written] == [
        "user_action_c1_campaign_created",
        "user_action_again_campaign_created",
    ]


async def test_at_once_ten_write_it_once(database: Database, admin_url: str) -> None:
    ids = await asyncio.gather(*(write(database) for _ in range(10)))
    assert len([found for found in ids if found]) == len(events(admin_url)) == 1


async def test_a_webhook_that_the_original_knew_under_its_name_is_known(
    database: Database, admin_url: str
) -> None:
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(
            "INSERT INTO event_keys VALUES ('user_action_u1_user_created', gen_random_uuid(), now()),"
            " ('user_action_s1_subscription_canceled', gen_random_uuid(), now())"
        )
    canceled = SubscriptionCanceled(plan="free", status="canceled", trial_status="expired")
    assert await write(database, UserRegistered(plan="free"), "u1") is None
    assert await write(database, canceled, "s1") is None
    assert await write(database, UserRegistered(plan="free"), "u2") is not None
    async with transaction(database, SYSTEM) as tx:
        both = [
            NewEvent(payload=UserRegistered(plan="free"), aggregate_id=who, source=Source.USER_ACTION)
            for who in ("u1", "u3")
        ]
        assert [found is None for found in await record_many(tx, both)] == [True, False]


async def test_many_are_written_in_order_and_each_once(database: Database, admin_url: str) -> None:
    async with transaction(database, SYSTEM) as tx:
        ids = await record_many(tx, [new(1), new(2), new(1), new(3)])
    assert [found is None for found in ids] == [False, False, True, False]
    written = events(admin_url)
    assert [event["aggregate_id"] for event in written] == ["c1", "c2", "c3"]
    assert [event["id"] for event in written] == [found for found in ids if found]
    async with transaction(database, SYSTEM) as tx:
        assert await record_many(tx, []) == []


async def test_an_event_belongs_to_what_is_at_work(database: Database, admin_url: str) -> None:
    with caused_by(correlation_id="request-1", causation_id="job-1", metadata={"user_agent": "curl"}):
        await write(database, metadata={"actor": "ann"})
        await asyncio.create_task(write(database, about="c2", correlation_id="own", causation_id="other"))
        async with transaction(database, SYSTEM) as tx:
            await record_many(tx, [new(3)])
    await write(database, about="c4")
    written = [
        (event["correlation_id"], event["causation_id"], event["metadata"]) for event in events(admin_url)
    ]
    assert written == [
        ("request-1", "job-1", {"actor": "ann", "user_agent": "curl"}),
        ("own", "other", {"user_agent": "curl"}),
        ("request-1", "job-1", {"user_agent": "curl"}),
        (None, None, None),
    ]


@pytest.mark.parametrize(
    "name", ["authorization", "access_token", "email", "phone", "ip", "Bad Name", "password"]
)
async def test_metadata_that_names_secrets_or_contacts_is_refused(database: Database, name: str) -> None:
    with pytest.raises(UnfitMetadata):
        await write(database, metadata={name: "x"})


async def test_what_the_outside_said_is_kept_without_contacts_and_secrets(
    database: Database, admin_url: str
) -> None:
    agent = "Bot (ann@example.com) Bearer abc.def key sk_live_123"
    await write(database, metadata={"user_agent": agent, "request_id": "r" * 1000})
    secret = {"customer": "cus_1", "customer_email": "ann@example.com", "note": "ask bob@example.org"}
    data = {**secret, "address": {"line1": "1 Road"}, "lines": [{"name": "Ann", "amount": 5}]}
    await write(database, BillingWebhookReceived(webhook_id="evt_1", webhook_type="x", data=data))
    await write(database, AdminAction(action="grant", after={"full_name": "Ann", "is_admin": True}))
    text = str(events(admin_url))
    for secret_text in ("example.com", "example.org", "abc.def", "sk_live", "1 Road", "Ann"):
        assert secret_text not in text
    assert "cus_1" in text
    assert "'is_admin': True" in text
    assert len(events(admin_url)[0]["metadata"]["request_id"]) == 500


async def test_twenty_megabytes_are_refused_and_nothing_is_lost(database: Database, admin_url: str) -> None:
    await write(database, about="before")
    with pytest.raises(PayloadTooLarge, match=r"20,000,\d+ bytes; an event's has 1,048,576 at most"):
        await write(database, CampaignCreated(name="x" * 20_000_000, search_type="keyword"))
    await write(database, about="after")
    assert [event["aggregate_id"] for event in events(admin_url)] == ["before", "after"]


async def test_a_payload_of_the_wrong_shape_is_a_clear_error() -> None:
    with pytest.raises(ValidationError):
        CampaignCreated.model_validate({"name": 5, "kind": "x"})


@pytest.mark.parametrize("name", ["a\x00b", "a\ud800b"])
async def test_text_that_cannot_be_stored_is_a_clear_error(database: Database, name: str) -> None:
    with pytest.raises((InvalidInput, ValidationError)):
        await write(database, CampaignCreated(name=name, search_type="keyword"))


async def test_no_event_is_its_own_cause(database: Database, admin_url: str) -> None:
    one, two, three = uuid4(), uuid4(), uuid4()
    with pytest.raises(CyclicCausation):
        await write(database, event_id=one, causation_id=str(one))
    async with transaction(database, SYSTEM) as tx:
        with pytest.raises(CyclicCausation):
            await record_many(
                tx,
                [
                    new(1, event_id=one, causation_id=str(two)),
                    new(2, event_id=two, causation_id=str(three)),
                    new(3, event_id=three, causation_id=str(one)),
                ],
            )
    await write(database, about="c2", event_id=two, causation_id=str(three))
    await write(database, about="c1", event_id=one, causation_id=str(two))
    with pytest.raises(CyclicCausation, match=str(three)):
        await write(database, about="c3", event_id=three, causation_id=str(one))
    assert [event["id"] for event in events(admin_url)] == [two, one]


async def test_subscribers_that_cause_their_own_event_are_stopped(database: Database) -> None:
    with caused_by(correlation_id="c", chain=LONGEST_CHAIN):
        assert await write(database) is not None
    with caused_by(correlation_id="c", chain=LONGEST_CHAIN + 1), pytest.raises(ChainTooLong):
        await write(database, about="c2")


async def test_a_tenants_event_is_the_tenants(
    database: Database, admin_url: str, add_users: AddUsers
) -> None:
    add_users("ann")
    async with transaction(database, Tenant(ExternalUserId("ann"))) as tx:
        await record_many(tx, [new(1)])
        await record(tx, CREATED, aggregate_id="c2", source=Source.USER_ACTION)
    assert [event["tenant_id"] for event in events(admin_url)] == ["ann", "ann"]
