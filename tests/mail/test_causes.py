"""The product's own verbs schedule and take back e-mails, and a worker carries them to the end."""

import asyncio
from datetime import timedelta

import psycopg
import pytest

from tastemaker.accounts.current_user import LOCAL_USER, CurrentUser
from tastemaker.accounts.service import complete_onboarding
from tastemaker.billing.tasks import ExpireTrial, expire_trial
from tastemaker.campaigns import service as campaigns
from tastemaker.config_store.hot_reload import Configuration
from tastemaker.core.ids import ExternalUserId, JobId, new_id
from tastemaker.db.claims import SYSTEM, Tenant
from tastemaker.db.enums import EmailType
from tastemaker.db.pool import Database
from tastemaker.db.transaction import in_transaction, transaction
from tastemaker.jobs.schedules import Nothing
from tastemaker.jobs.types import ClaimedJob, Done, JobContext
from tastemaker.mail import tasks
from tastemaker.mail.mailer import Mailer
from tastemaker.mail.sending import email_senders
from tastemaker.mail.sequence import on_sign_up, on_trial_started
from tastemaker.mail.service import give_up, schedule_email
from tastemaker.mail.transports import MemoryTransport
from tastemaker.worker import run_worker_process
from tests.mail.people import (
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

ADDRESSED = "UPDATE users SET email = 'robin@example.org' WHERE user_id = %(user_id)s"
TRIAL_PAST = (
    "UPDATE user_subscriptions SET trial_status = 'active', subscription_status = %(status)s,"
    " trial_end_date = timezone('UTC', app_now()) - interval '1 hour' WHERE tenant_id = %(user_id)s"
)
OF_OLD = ExternalUserId("user_of_old")
BUSY = "UPDATE campaigns SET status = 'active' WHERE user_id = %(user_id)s"


async def test_completing_onboarding_takes_the_reminder_back(database: Database) -> None:
    await add_user(database)
    await happens(database, on_sign_up)
    assert await happens(database, complete_onboarding) is True
    assert await statuses(database) == {"welcome": "scheduled", "abandonment": "cancelled"}


async def test_the_end_of_a_trial_is_told_unless_it_became_a_subscription(database: Database) -> None:
    for status, told in (("none", {"trial_expiry": timedelta(0)}), ("active", {})):
        await change(database, "DELETE FROM users WHERE user_id = %(user_id)s")
        await change(database, "DELETE FROM background_jobs WHERE tenant_id = %(user_id)s")
        await add_user(database)
        await happens(database, on_trial_started)
        await change(database, TRIAL_PAST, status=status)
        await expire_trial(_context(database), ExpireTrial(user_id="user_robin"))
        assert await jobs(database) == told
        assert (await statuses(database))["trial_day5"] == "cancelled"


async def test_a_campaign_is_finished_once_each_time(database: Database, user: CurrentUser) -> None:
    await change(database, ADDRESSED, LOCAL_USER)
    async with transaction(database, user.claim) as tx:
        campaign = await campaigns.create_campaign(tx, user, name="Chess")
    for told in (1, 2):
        await change(database, BUSY, LOCAL_USER)
        for _ in range(2):
            await in_transaction(
                database,
                Tenant(LOCAL_USER),
                lambda tx: campaigns.complete_if_idle(tx, LOCAL_USER, campaign.id),
            )
        assert await fall_due(database, EmailType.CAMPAIGN_FINISHED) is None
        assert len(await column(database, "id")) == told
    assert await statuses(database, LOCAL_USER) == {"campaign_finished": "scheduled"}


async def test_without_an_address_a_campaign_leaves_no_job(database: Database, user: CurrentUser) -> None:
    async with transaction(database, user.claim) as tx:
        campaign = await campaigns.create_campaign(tx, user, name="Chess")
    await change(database, BUSY, LOCAL_USER)
    async with transaction(database, user.claim) as tx:
        await campaigns.complete_if_idle(tx, LOCAL_USER, campaign.id)
    assert await jobs(database) == {}


async def test_a_worker_carries_an_email_from_its_cause_to_its_end(database: Database) -> None:
    await add_user(database)
    transport = MemoryTransport()
    by = mailer(transport)
    stopping = asyncio.Event()
    worker = asyncio.create_task(
        run_worker_process(database, {Mailer: by}, email_senders(database, by), stopping=stopping)
    )
    try:
        await happens(database, schedule_email, EmailType.WELCOME)
        async with asyncio.timeout(30):
            while await statuses(database) != {"welcome": "sent"}:
                await asyncio.sleep(0.05)
    finally:
        stopping.set()
        await worker
    (letter,) = transport.letters
    assert letter.to == "robin@example.org"
    assert b"Welcome to Tastemaker" in letter.raw


async def test_time_alone_brings_the_sequence(database: Database, admin_url: str) -> None:
    await add_user(database)
    await happens(database, on_sign_up)
    transport = MemoryTransport()
    by = mailer(transport)
    stopping = asyncio.Event()
    worker = asyncio.create_task(
        run_worker_process(database, {Mailer: by}, email_senders(database, by), stopping=stopping)
    )
    try:
        for passed, due in (("9 minutes", 0), ("11 minutes", 1), ("121 minutes", 2)):
            _shift_clock(admin_url, passed)
            async with asyncio.timeout(30):
                while len(transport.letters) < due:
                    await asyncio.sleep(0.05)
            await asyncio.sleep(0.3)
            assert len(transport.letters) == due
    finally:
        stopping.set()
        await worker
    subjects = [b"Welcome to Tastemaker", b"account is almost ready"]
    assert [one in letter.raw for one, letter in zip(subjects, transport.letters, strict=True)] == [True] * 2


async def test_what_nothing_carries_any_more_gets_the_status_that_is_true(database: Database) -> None:
    """A job was cancelled by hand, one goes on, and the end of a third could not be told."""
    for user_id in (ROBIN, KIM):
        await add_user(database, user_id, address=f"{user_id}@example.org")
        await happens(database, on_sign_up, user_id=user_id)
    await happens(database, schedule_email, EmailType.EXPORT_READY, subject="x")
    assert await fall_due(database, EmailType.EXPORT_READY) is None
    await change(database, "UPDATE background_jobs SET status = 'completed' WHERE tenant_id = %(user_id)s"
                 " AND payload ->> 'email' = 'export_ready'")  # fmt: skip
    assert await _settled(database) == {"settled": 0}
    await change(database, "UPDATE outbox_messages SET status = 'sent' WHERE tenant_id = %(user_id)s")
    await change(database, "UPDATE background_jobs SET status = 'cancelled' WHERE tenant_id = %(user_id)s"
                 " AND payload ->> 'email' = 'welcome'", KIM)  # fmt: skip
    await add_user(database, OF_OLD)
    await change(database, "UPDATE user_system_data SET email_schedule_status = jsonb_build_object('welcome',"
                 " jsonb_build_object('status', 'scheduled', 'messageId', 'msg_1'), 'odd', 7)"
                 " WHERE tenant_id = %(user_id)s", OF_OLD)  # fmt: skip
    assert await _settled(database) == {"settled": 2}
    assert await statuses(database) == {
        "welcome": "scheduled", "abandonment": "scheduled", "export_ready": "sent"
    }  # fmt: skip
    assert await statuses(database, KIM) == {"welcome": "cancelled", "abandonment": "scheduled"}
    assert (await entries_of(database, OF_OLD))["welcome"]["status"] == "scheduled"


async def _settled(database: Database, batch: int = 1) -> object:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tasks, "BATCH", batch)
        answer = await tasks.settle(_context(database), Nothing())
    assert isinstance(answer, Done)
    return answer.result


async def test_a_job_that_is_given_up_is_told(database: Database) -> None:
    await add_user(database)
    await happens(database, on_sign_up)
    message = await payload(database, EmailType.WELCOME)
    async with transaction(database, SYSTEM) as tx:
        await give_up(tx, message)
    assert (await statuses(database))["welcome"] == "failed"


def _shift_clock(admin_url: str, passed: str) -> None:
    """The database's clock, by so much since the beginning."""
    with psycopg.connect(admin_url, autocommit=True) as owner:
        owner.execute("UPDATE clock_offset SET shift = %s::interval", (passed,))


def _context(database: Database) -> JobContext:
    job = ClaimedJob(
        id=JobId(new_id()), job_type="x", payload={}, attempt=1, retry_count=0, max_retries=3,
        tenant_id=None, correlation_id=None,
    )  # fmt: skip
    return JobContext(database, job, asyncio.Event(), Configuration.of_defaults())
