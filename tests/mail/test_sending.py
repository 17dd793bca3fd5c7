"""From the outbox to a real mail server: once, as things are when it leaves, with an honest status."""

import asyncio
import logging
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from aiosmtpd.smtp import SMTP

from tastemaker.config_store.keys import EMAIL_ENABLED, EMAIL_FROM_NAME
from tastemaker.config_store.service import set_value
from tastemaker.db.claims import SYSTEM
from tastemaker.db.enums import EmailType, UnsubscriptionSource
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import transaction
from tastemaker.mail import compose
from tastemaker.mail.sequence import on_user_deleted
from tastemaker.mail.service import schedule_email
from tastemaker.mail.unsubscribe import MailKey, unsubscribe
from tastemaker.outbox import service as outbox
from tastemaker.outbox.channels import OutboxId
from tests.mail.people import KEY, ROBIN, add_user, change, entries_of, happens, mailer, statuses
from tests.mail.post_office import Answer, PostOffice, hang_up, post_office
from tests.mail.relaying import by_smtp, mailing, put_in_outbox
from tests.outbox.relaying import column, make_due, until
from tests.rules.source import ROOT

ON_TRIAL = "UPDATE user_subscriptions SET trial_status = 'active' WHERE tenant_id = %(user_id)s"

DUE = (
    "UPDATE outbox_messages SET available_at = app_now() WHERE tenant_id = %(user_id)s AND status = 'pending'"
)
WEEK_OLD = (
    "UPDATE outbox_messages SET body = jsonb_set(body, '{due}', to_jsonb(app_now() - interval '7 days'))"
    " WHERE tenant_id = %(user_id)s"
)
CLAIM_OVER = (
    "UPDATE background_jobs SET lease_until = app_now() - interval '1 s'"
    " WHERE tenant_id = %(user_id)s AND status = 'processing'"
)
LEASE_OVER = (
    "UPDATE outbox_messages SET lease_until = app_now() - interval '1 s'"
    " WHERE tenant_id = %(user_id)s AND status = 'sending'"
)


@pytest.fixture(autouse=True)
async def _robin(database: Database) -> None:
    await add_user(database)


@pytest.fixture
async def office() -> AsyncIterator[PostOffice]:
    async with post_office() as opened:
        yield opened


def letters(office: PostOffice) -> list[EmailMessage]:
    found = []
    for envelope in office.taken:
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.SMTPUTF8)
        assert isinstance(message, EmailMessage)
        found.append(message)
    return found


async def test_it_arrives_and_the_status_says_so(database: Database, office: PostOffice) -> None:
    async with transaction(database, SYSTEM) as tx:
        await set_value(tx, EMAIL_FROM_NAME.name, "Our Shop", actor="test")
    async with mailing(database, mailer(by_smtp(office.port))):
        await put_in_outbox(database)
        await until(database, "sent", 1)
    (letter,) = letters(office)
    entry = (await entries_of(database))["welcome"]
    assert entry["status"] == "sent"
    assert letter["Message-ID"] == f"<{entry['messageId']}@example.com>"
    assert letter["From"] == "Our Shop <hello@example.com>"
    assert letter["To"] == "Robin Example <robin@example.org>"
    assert "List-Unsubscribe" not in letter
    assert "https://app.example.com" in letter.as_string()


async def test_marketing_carries_its_way_out(database: Database, office: PostOffice) -> None:
    await change(database, ON_TRIAL)
    async with mailing(database, mailer(by_smtp(office.port))):
        await put_in_outbox(database, EmailType.TRIAL_DAY2)
        await until(database, "sent", 1)
    (letter,) = letters(office)
    link = letter["List-Unsubscribe"].strip("<> ")
    assert link.startswith("https://app.example.com/email/unsubscriptions/")
    assert MailKey(KEY.secret).user_of(link.rpartition("/")[2]) == ROBIN
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


@pytest.mark.parametrize(
    "answer", ["451 4.7.1 Greylisted <robin@example.org>", "421 Come back later", hang_up]
)
async def test_a_no_for_now_is_tried_again_and_arrives_once(
    database: Database, office: PostOffice, answer: Answer
) -> None:
    office.to_recipient = [answer, "250 OK"]
    async with mailing(database, mailer(by_smtp(office.port))):
        await put_in_outbox(database)
        await until_tried(database, 1)
        assert await statuses(database) == {"welcome": "scheduled"}
        assert "robin" not in str(await column(database, "error"))
        await make_due(database)
        await until(database, "sent", 1)
    assert len(office.taken) == 1
    assert await column(database, "attempts") == [2]
    assert await statuses(database) == {"welcome": "sent"}


async def test_a_no_for_good_is_the_end(database: Database, office: PostOffice) -> None:
    office.to_recipient = ["550 5.1.1 <robin@example.org> unknown"]
    async with mailing(database, mailer(by_smtp(office.port))):
        await put_in_outbox(database)
        await until(database, "failed", 1)
    assert await statuses(database) == {"welcome": "failed"}
    assert await column(database, "error") == ["The mail server refuses the recipient (550 5.1.1)."]


async def test_what_broke_off_after_the_letter_is_unknown_and_never_sent_again(
    database: Database, office: PostOffice
) -> None:
    office.to_letter = [hang_up, "250 OK"]
    async with mailing(database, mailer(by_smtp(office.port))):
        await put_in_outbox(database)
        await until(database, "unknown", 1)
        await make_due(database)
        await asyncio.sleep(0.3)
    assert len(office.taken) == 1
    assert await statuses(database) == {"welcome": "failed"}
    (message,) = await column(database, "id")
    async with transaction(database, SYSTEM) as tx:
        await outbox.resolve(tx, OutboxId(message), was_sent=True)
    assert await statuses(database) == {"welcome": "sent"}, "the operator knows better"


@pytest.mark.parametrize(
    ("meanwhile", "why"),
    [
        ("DELETE FROM users WHERE user_id = %(user_id)s", "There is no such user any more."),
        ("UPDATE users SET email = NULL WHERE user_id = %(user_id)s", "The user has no address."),
        (
            "UPDATE users SET email = 'no address' WHERE user_id = %(user_id)s",
            "That is not an e-mail address.",
        ),
    ],
)
async def test_it_is_written_as_things_are_when_it_leaves(
    database: Database, office: PostOffice, meanwhile: str, why: str
) -> None:
    await put_in_outbox(database)
    await change(database, meanwhile)
    async with mailing(database, mailer(by_smtp(office.port))):
        await until(database, "failed", 1)
    assert await column(database, "error") == [why]
    assert (office.encrypted, office.taken) == ([], []), "the server was not even asked"


async def test_what_waited_far_too_long_is_not_sent(database: Database, office: PostOffice) -> None:
    """Mail was off, and is on again after a week."""
    await put_in_outbox(database)
    await change(database, WEEK_OLD)
    async with mailing(database, mailer(by_smtp(office.port))):
        await until(database, "failed", 1)
    assert await column(database, "error") == ["It is too late for it."]
    assert office.encrypted == []


async def test_the_switch_stops_what_is_in_the_outbox_too(database: Database, office: PostOffice) -> None:
    await put_in_outbox(database)
    async with transaction(database, SYSTEM) as tx:
        await set_value(tx, EMAIL_ENABLED.name, "false", actor="test")
    async with mailing(database, mailer(by_smtp(office.port))):
        await until_tried(database, 1)
        assert office.encrypted == []
        async with transaction(database, SYSTEM) as tx:
            await set_value(tx, EMAIL_ENABLED.name, "true", actor="test")
        await make_due(database)
        await until(database, "sent", 1)


async def test_a_failure_after_it_was_taken_back_stays_taken_back(
    database: Database, office: PostOffice
) -> None:
    async def meanwhile(_: SMTP) -> str:
        await happens(database, on_user_deleted)
        return "550 No"

    office.to_recipient = [meanwhile]
    async with mailing(database, mailer(by_smtp(office.port))):
        await put_in_outbox(database)
        await until(database, "failed", 1)
    assert await statuses(database) == {"welcome": "cancelled"}


async def test_who_unsubscribes_while_it_waits_is_left_alone(database: Database, office: PostOffice) -> None:
    await change(database, ON_TRIAL)
    await put_in_outbox(database, EmailType.TRIAL_DAY2)
    await happens(database, unsubscribe, source=UnsubscriptionSource.ACCOUNT)
    async with mailing(database, mailer(by_smtp(office.port))):
        await asyncio.sleep(0.3)
    assert office.taken == []
    assert await statuses(database) == {"trial_day2": "cancelled"}


async def test_what_cannot_be_written_has_not_left(
    database: Database,
    office: PostOffice,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: object) -> str:
        raise ValueError("robin@example.org")

    await put_in_outbox(database)
    with monkeypatch.context() as patched:
        patched.setattr(compose, "_subject", broken)
        async with mailing(database, mailer(by_smtp(office.port))):
            await until_tried(database, 1)
    assert await column(database, "error") == ["It could not be written: ValueError."]
    (told,) = [caplog.handler.format(one) for one in caplog.records if one.name == "tastemaker.mail.sending"]
    assert "ValueError at test_sending.py" in told
    assert "robin" not in told
    await make_due(database)
    async with mailing(database, mailer(by_smtp(office.port))):
        await until(database, "sent", 1)
    assert len(office.taken) == 1


async def test_no_address_is_kept_or_logged(
    database: Database, office: PostOffice, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    office.to_recipient = ["451 <robin@example.org>", "550 <robin@example.org>"]
    async with mailing(database, mailer(by_smtp(office.port))):
        await put_in_outbox(database)
        await until_tried(database, 1)
        await make_due(database)
        await until(database, "failed", 1)
    ours = [caplog.handler.format(one) for one in caplog.records if one.name.startswith("tastemaker")]
    kept = await column(database, "row_to_json(outbox_messages)::text")
    assert "robin@" not in " ".join([*ours, *kept])
    async with transaction(database, SYSTEM) as tx:
        events = await tx.many(statement("SELECT events::text FROM events", str))
    assert "robin@" not in " ".join(events)


async def test_many_relays_send_each_once_through_all_kinds_of_trouble(
    database: Database, office: PostOffice
) -> None:
    chance = random.Random(7)  # noqa: S311 - a plan, not a secret
    office.to_recipient = [chance.choice(["250 OK", "451 later", hang_up]) for _ in range(20)] + ["250 OK"]
    for number in range(20):
        await put_in_outbox(database, EmailType.EXPORT_READY, subject=str(number))
    by = mailer(by_smtp(office.port))
    async with mailing(database, by), mailing(database, by), mailing(database, by), asyncio.timeout(60):
        while set(await column(database, "status")) != {"sent"}:
            await change(database, DUE)
            await asyncio.sleep(0.1)
    counted = Counter(letter["Message-ID"] for letter in letters(office))
    assert len(counted) == 20
    assert set(counted.values()) == {1}


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_workers_killed_at_any_point_send_nothing_twice_and_hide_nothing(
    database: Database, app_url: str, office: PostOffice, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - a plan, not a secret
    mails, kills = 60, 5

    caught, let_go = asyncio.Event(), asyncio.Event()

    async def hesitate(_: SMTP) -> str:
        """Now and then a worker is held in the middle, until it has been killed."""
        await asyncio.sleep(chance.uniform(0, 0.02))
        if not let_go.is_set() and chance.random() < 0.3:
            caught.set()
            await let_go.wait()
        return "250 OK"

    office.to_recipient = office.to_letter = [hesitate]
    for number in range(mails):
        await happens(database, schedule_email, EmailType.EXPORT_READY, subject=str(number))
    # The dead are noticed when their leases are over, which are shortened instead.
    worker = await _start(app_url, office.port)
    try:
        for number_of_kill in range(1, kills + 1):
            await asyncio.wait_for(caught.wait(), 30)
            await asyncio.sleep(chance.uniform(0, 0.05))
            worker.send_signal(signal.SIGKILL)
            await worker.wait()
            let_go.set()
            await asyncio.sleep(0)
            caught.clear()
            await change(database, LEASE_OVER)
            await change(database, CLAIM_OVER)
            if number_of_kill < kills:
                let_go.clear()
            worker = await _start(app_url, office.port)
        async with asyncio.timeout(60):
            while len(await column(database, "id")) < mails:
                await asyncio.sleep(0.1)
            while set(await column(database, "status")) - {"sent", "unknown"}:
                await asyncio.sleep(0.1)
    finally:
        worker.kill()
        await worker.wait()
    state = dict(zip(await column(database, "dedupe_key"), await column(database, "status"), strict=True))
    arrived = Counter(letter["Message-ID"].strip("<>").partition("@")[0] for letter in letters(office))
    assert len(state) == mails
    assert set(arrived.values()) == {1}, "none twice"
    assert {key for key, status in state.items() if status == "sent"} <= set(arrived)
    assert all(state[key] == "unknown" for key in state if key not in arrived), "none lost in silence"
    unknown = Counter(state.values())["unknown"]
    assert kills <= unknown <= kills * 4, "each kill was half-way; no more than were in a worker's hands"


async def _start(url: str, port: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.mail.relaying", url, str(port), cwd=ROOT
    )


async def until_tried(database: Database, attempts: int) -> None:
    async with asyncio.timeout(20):
        while await column(database, "(status, attempts)::text") != [f"(pending,{attempts})"]:
            await asyncio.sleep(0.02)
