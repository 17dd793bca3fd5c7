"""What causes which e-mail and when, what takes it back, and what its status says meanwhile."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from tastemaker.config_store.hot_reload import Configuration
from tastemaker.config_store.keys import EMAIL_ENABLED, WELCOME_DELAY
from tastemaker.config_store.service import set_value
from tastemaker.core.ids import CampaignId, ExternalUserId
from tastemaker.db.claims import SYSTEM, Tenant
from tastemaker.db.enums import EmailType, UnsubscriptionSource
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import transaction
from tastemaker.mail import sequence
from tastemaker.mail.mailer import Mailer
from tastemaker.mail.service import schedule_email
from tastemaker.mail.unsubscribe import UnknownLink, resubscribe, unsubscribe, unsubscribe_by_link
from tests.mail.people import (
    KEY,
    KIM,
    ROBIN,
    add_user,
    change,
    entries_of,
    fall_due,
    happens,
    jobs,
    mailer,
    payload,
    statuses,
)
from tests.outbox.relaying import column

SOON = timedelta(0)
SUBSCRIBED = "UPDATE user_subscriptions SET subscription_status = 'active' WHERE tenant_id = %(user_id)s"
ON_TRIAL = (
    "UPDATE user_subscriptions SET trial_status = 'active', trial_start_date = timezone('UTC', app_now()),"
    " trial_end_date = timezone('UTC', app_now()) + interval '7 days' WHERE tenant_id = %(user_id)s"
)
HOLDS = (
    "UPDATE user_system_data SET email_schedule_status = CAST(%(stored)s AS jsonb)"
    " WHERE tenant_id = %(user_id)s"
)
ONBOARDED = "UPDATE users SET onboarding_step = 'completed' WHERE user_id = %(user_id)s"
CONVERTED = "UPDATE user_subscriptions SET trial_status = 'converted' WHERE tenant_id = %(user_id)s"
CANCELED = "UPDATE user_subscriptions SET subscription_status = 'canceled' WHERE tenant_id = %(user_id)s"
TRIAL_OVER = "UPDATE user_subscriptions SET trial_status = 'expired' WHERE tenant_id = %(user_id)s"


@pytest.fixture(autouse=True)
async def _robin(database: Database) -> None:
    await add_user(database)


async def test_signing_up_brings_a_welcome_and_a_reminder(database: Database) -> None:
    await happens(database, sequence.on_sign_up)
    assert await jobs(database) == {"welcome": timedelta(minutes=10), "abandonment": timedelta(hours=2)}
    entries = await entries_of(database)
    assert set(entries) == {"welcome", "abandonment"}
    for entry in entries.values():
        assert set(entry) == {"status", "messageId", "timestamp"}
        assert entry["status"] == "scheduled"
        assert datetime.fromisoformat(entry["timestamp"]).tzinfo is not None


async def test_what_is_rolled_back_schedules_nothing(database: Database) -> None:
    with pytest.raises(RuntimeError):
        async with transaction(database, Tenant(ROBIN)) as tx:
            await sequence.on_sign_up(tx, ROBIN)
            raise RuntimeError
    assert (await jobs(database), await statuses(database)) == ({}, {})


async def test_the_same_twice_is_scheduled_once(database: Database) -> None:
    await happens(database, sequence.on_sign_up)
    before = await entries_of(database)
    assert await happens(database, schedule_email, EmailType.WELCOME) is False
    await asyncio.gather(*(happens(database, sequence.on_sign_up) for _ in range(5)))
    assert await entries_of(database) == before
    assert len(await jobs(database)) == 2
    assert await fall_due(database, EmailType.WELCOME) is None
    await change(database, "UPDATE background_jobs SET status = 'completed' WHERE tenant_id = %(user_id)s")
    await happens(database, sequence.on_sign_up)
    assert await jobs(database) == {}, "not again either when its job is over"


async def test_delays_are_configuration(database: Database) -> None:
    async with transaction(database, SYSTEM) as tx:
        await set_value(tx, WELCOME_DELAY.name, "90s", actor="test")
    await happens(database, sequence.on_sign_up)
    assert (await jobs(database))["welcome"] == timedelta(seconds=90)


async def test_many_keys_at_once_lose_nothing(database: Database) -> None:
    await asyncio.gather(*(happens(database, schedule_email, email) for email in EmailType))
    assert await statuses(database) == dict.fromkeys(EmailType, "scheduled")


async def test_completed_onboarding_takes_the_reminder_back(database: Database) -> None:
    await happens(database, sequence.on_sign_up)
    await happens(database, sequence.on_onboarding_completed)
    assert await statuses(database) == {"welcome": "scheduled", "abandonment": "cancelled"}
    assert set(await jobs(database)) == {"welcome"}
    assert set(await jobs(database, "cancelled")) == {"abandonment"}


async def test_a_trial_brings_two_and_its_end_takes_back_what_is_left(database: Database) -> None:
    await change(database, ON_TRIAL)
    await happens(database, sequence.on_trial_started)
    assert await jobs(database) == {"trial_day2": timedelta(days=2), "trial_day5": timedelta(days=5)}
    assert await column_of_jobs(database) == ["send_trial_email", "send_trial_email"]
    await change(database, TRIAL_OVER)
    await happens(database, sequence.on_trial_ended, is_converted=False)
    assert await statuses(database) == {
        "trial_day2": "cancelled", "trial_day5": "cancelled", "trial_expiry": "scheduled"
    }  # fmt: skip
    assert await jobs(database) == {"trial_expiry": SOON}


@pytest.mark.parametrize("is_cancelled", [True, False])
async def test_a_trial_that_converts_or_is_cancelled_has_no_expiry(
    database: Database, *, is_cancelled: bool
) -> None:
    await happens(database, sequence.on_trial_started)
    if is_cancelled:
        await happens(database, sequence.on_trial_cancelled)
    else:
        await happens(database, sequence.on_trial_ended, is_converted=True)
    assert await statuses(database) == {"trial_day2": "cancelled", "trial_day5": "cancelled"}
    assert await jobs(database) == {}


async def test_a_subscription_is_welcomed_and_its_cancelling_takes_back_what_is_scheduled(
    database: Database,
) -> None:
    await happens(database, sequence.on_trial_started)
    await happens(database, sequence.on_subscription_started, "sub_1")
    assert await statuses(database) == {
        "trial_day2": "cancelled", "trial_day5": "cancelled", "subscription_welcome": "scheduled"
    }  # fmt: skip
    await happens(database, sequence.on_subscription_cancelled)
    assert (await statuses(database))["subscription_welcome"] == "cancelled_subscription"
    assert await jobs(database) == {}
    await happens(database, sequence.on_subscription_started, "sub_1")
    assert await jobs(database) == {}
    await happens(database, sequence.on_subscription_started, "sub_2")
    assert (await statuses(database))["subscription_welcome"] == "scheduled"


async def test_each_time_a_campaign_is_finished_is_told_once(database: Database) -> None:
    campaign = CampaignId(uuid.uuid4())
    for occasion in ("one", "one", "two"):
        await happens(database, sequence.on_campaign_finished, campaign, occasion=occasion)
    assert await column_of_jobs(database) == ["send_email", "send_email"]


async def test_each_export_is_told_though_the_status_knows_the_latest_alone(database: Database) -> None:
    messages = []
    for _ in range(3):
        await happens(database, sequence.on_export_ready, uuid.uuid4())
        messages.append(await payload(database, EmailType.EXPORT_READY))
    for message in messages:
        assert await fall_due(database, message=message) is None
    assert await column(database, "dedupe_key") == [message.key for message in messages]
    assert (await entries_of(database))["export_ready"]["messageId"] == messages[-1].key
    await happens(database, sequence.on_export_ready, uuid.uuid4())
    await happens(database, sequence.on_user_deleted)
    assert await column(database, "status") == ["cancelled"] * 3
    assert await jobs(database) == {}


async def test_who_has_no_address_is_sent_nothing(database: Database) -> None:
    await add_user(database, KIM, address=None)
    await happens(database, sequence.on_sign_up, user_id=KIM)
    assert (await jobs(database), await statuses(database, KIM)) == ({}, {})


async def test_nobody_schedules_for_somebody_else(database: Database) -> None:
    await add_user(database, KIM)
    async with transaction(database, Tenant(KIM)) as tx:
        assert await schedule_email(tx, ROBIN, EmailType.WELCOME) is False
        assert not await unsubscribe(tx, ROBIN, source=UnsubscriptionSource.ACCOUNT)
    assert await statuses(database) == {}


async def test_a_deleted_user_is_sent_nothing(database: Database) -> None:
    await happens(database, sequence.on_sign_up)
    assert await fall_due(database, EmailType.WELCOME) is None
    await happens(database, sequence.on_user_deleted)
    assert await statuses(database) == {"welcome": "cancelled", "abandonment": "cancelled"}
    assert await jobs(database) == {}
    assert await column(database, "status") == ["cancelled"]
    await change(database, "DELETE FROM users WHERE user_id = %(user_id)s")
    assert await fall_due(database, EmailType.ABANDONMENT) == "It is not scheduled any more."


async def test_what_the_original_product_has_sent_is_not_sent_again(database: Database) -> None:
    await change(
        database,
        "UPDATE user_system_data SET email_schedule_status = jsonb_build_object("
        "'welcome', jsonb_build_object('status', 'sent', 'messageId', 'msg_1'),"
        " 'abandonment', jsonb_build_object('status', 'scheduled', 'messageId', 'msg_2'), 'odd', 7)"
        " WHERE tenant_id = %(user_id)s",
    )
    await happens(database, sequence.on_sign_up)
    assert set(await jobs(database)) == {"abandonment"}
    entries = await entries_of(database)
    assert entries["welcome"]["messageId"] == "msg_1"
    assert entries["abandonment"]["messageId"] != "msg_2"
    assert entries["odd"] == 7


@pytest.mark.parametrize("stored", ["[]", '"x"', "null", '{"welcome": "sent"}', '{"welcome": null}'])
async def test_a_column_that_holds_something_else_is_put_right(database: Database, stored: str) -> None:
    await change(database, HOLDS, stored=stored)
    await happens(database, sequence.on_onboarding_completed)
    await happens(database, sequence.on_sign_up)
    assert await statuses(database) == {"welcome": "scheduled", "abandonment": "scheduled"}


async def test_what_is_due_goes_to_the_outbox_with_nothing_but_ids(database: Database) -> None:
    await happens(database, sequence.on_sign_up)
    assert await fall_due(database, EmailType.WELCOME) is None
    (body,) = await column(database, "body")
    assert {**body, "due": ""} == {"user_id": ROBIN, "email": "welcome", "subject": None, "due": ""}
    (entry,) = [entry for name, entry in (await entries_of(database)).items() if name == "welcome"]
    assert await column(database, "dedupe_key") == [entry["messageId"]]
    assert await column(database, "tenant_id") == [ROBIN]
    assert await fall_due(database, EmailType.WELCOME) is None, "a job that runs twice is harmless"
    assert len(await column(database, "id")) == 1


@pytest.mark.parametrize(
    ("email", "prepared", "gone"),
    [
        (EmailType.ABANDONMENT, "", ONBOARDED),
        (EmailType.TRIAL_DAY2, ON_TRIAL, TRIAL_OVER),
        (EmailType.TRIAL_DAY5, ON_TRIAL, TRIAL_OVER),
        (EmailType.TRIAL_EXPIRY, TRIAL_OVER, CONVERTED),
        (EmailType.SUBSCRIPTION_WELCOME, SUBSCRIBED, CANCELED),
        (EmailType.WELCOME, "", "UPDATE users SET email = NULL WHERE user_id = %(user_id)s"),
    ],
)  # fmt: skip
async def test_when_it_is_due_the_reason_must_still_be_there(
    database: Database, email: EmailType, prepared: str, gone: str
) -> None:
    for user_id in (ROBIN, KIM):
        if user_id is KIM:
            await add_user(database, KIM, address="kim@example.org")
        if prepared:
            await change(database, prepared, user_id)
        await happens(database, schedule_email, email, user_id=user_id)
        if user_id is KIM:
            await change(database, gone, KIM)
        refusal = await fall_due(database, email)
        assert (refusal is None) == (user_id is ROBIN), refusal
        await change(database, "UPDATE background_jobs SET status = 'completed', created_at = created_at"
                     " - interval '1 hour' WHERE tenant_id = %(user_id)s", user_id)  # fmt: skip
    assert await statuses(database, KIM) == {email: "cancelled"}
    assert await column(database, "tenant_id") == [ROBIN]


async def test_what_is_far_too_late_is_not_sent(database: Database) -> None:
    await happens(database, sequence.on_sign_up)
    long_ago = datetime.now(UTC) - timedelta(days=3)
    assert await fall_due(database, EmailType.WELCOME, due=long_ago) == "It is too late for it."
    assert (await statuses(database))["welcome"] == "cancelled"


@pytest.mark.parametrize(
    ("by", "config"),
    [
        (Mailer(transport=None, sender=None, app_url=None, key=None), Configuration.of_defaults()),
        (mailer(), Configuration.of_defaults({EMAIL_ENABLED: False})),
    ],
    ids=["no server", "switched off"],
)
async def test_while_mail_is_off_what_falls_due_is_cancelled(
    database: Database, by: Mailer, config: Configuration
) -> None:
    await happens(database, sequence.on_sign_up)
    assert await fall_due(database, EmailType.WELCOME, by=by, config=config) == "Mail is off."
    assert (await statuses(database))["welcome"] == "cancelled"
    assert await column(database, "id") == []


async def test_marketing_needs_a_way_to_be_rid_of_it(database: Database) -> None:
    await happens(database, sequence.on_sign_up)
    refusal = await fall_due(database, EmailType.ABANDONMENT, by=mailer(app_url=None))
    assert refusal == "There is no address at which one could unsubscribe."
    assert await fall_due(database, EmailType.WELCOME, by=mailer(app_url=None)) is None


async def test_unsubscribing_by_link_stops_marketing_and_nothing_else(database: Database) -> None:
    await change(database, ON_TRIAL)
    await happens(database, sequence.on_sign_up)
    await happens(database, sequence.on_trial_started)
    assert await fall_due(database, EmailType.TRIAL_DAY2) is None
    for _ in range(2):
        async with transaction(database, SYSTEM) as tx:
            assert await unsubscribe_by_link(tx, KEY, KEY.token(ROBIN)) == ROBIN
    assert await statuses(database) == {
        "welcome": "scheduled",
        "abandonment": "cancelled",
        "trial_day2": "cancelled",
        "trial_day5": "cancelled",
    }
    assert await column(database, "status") == ["cancelled"], "what waits in the outbox is taken back"
    assert await fall_due(database, EmailType.WELCOME) is None
    await happens(database, schedule_email, EmailType.TRIAL_DAY5, subject="another")
    assert await fall_due(database, EmailType.TRIAL_DAY5) == "The user has unsubscribed."
    assert await happens(database, resubscribe) is True
    assert await happens(database, resubscribe) is False
    await happens(database, schedule_email, EmailType.TRIAL_DAY5, subject="a third")
    assert await fall_due(database, EmailType.TRIAL_DAY5) is None


async def test_links_that_are_not_ours_change_nothing(database: Database) -> None:
    async with transaction(database, SYSTEM) as tx:
        with pytest.raises(UnknownLink):
            await unsubscribe_by_link(tx, KEY, KEY.token(ROBIN)[:-1])
        assert await unsubscribe_by_link(tx, KEY, KEY.token(ExternalUserId("deleted"))) == "deleted"
    await happens(database, sequence.on_sign_up)
    assert "cancelled" not in (await statuses(database)).values()


async def test_cancelling_and_falling_due_at_once_end_in_one_way(database: Database) -> None:
    await happens(database, sequence.on_sign_up)
    await payload(database, EmailType.WELCOME)
    await asyncio.gather(fall_due(database, EmailType.WELCOME), happens(database, sequence.on_user_deleted))
    assert (await statuses(database))["welcome"] == "cancelled"
    assert await column(database, "status") in ([], ["cancelled"])


async def column_of_jobs(database: Database) -> list[str]:
    async with transaction(database, SYSTEM) as tx:
        return await tx.many(statement("SELECT job_type FROM background_jobs WHERE status = 'pending'", str))
