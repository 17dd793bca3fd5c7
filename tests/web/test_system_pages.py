"""The pages of the system in a browser without JavaScript; administrators alone see them."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import BaseModel

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.core.settings import Settings
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.transaction import transaction
from tastemaker.jobs.service import publish
from tastemaker.jobs.types import JobType
from tastemaker.providers.registry import load_registry
from tastemaker.providers.samples import KEEP
from tastemaker.ratelimit import service as ratelimit
from tastemaker.searches.installation import Installation
from tests.searches.rows import many, one, write
from tests.web.conftest import app_over
from tests.web.test_campaigns import somebody
from tests.web.visitors import browsing, submit

JOBS, EVENTS, CONFIGURATION = "/system/jobs", "/system/events", "/system/configuration"
PROVIDERS, MAIL = "/system/providers", "/system/mail"
PAGES = (JOBS, EVENTS, CONFIGURATION, PROVIDERS, MAIL, f"{CONFIGURATION}/budgets.user_usd_a_month")
POSTS = (
    f"{JOBS}/retries",
    f"{JOBS}/00000000-0000-0000-0000-000000000000/retries",
    f"{JOBS}/00000000-0000-0000-0000-000000000000/cancellation",
    f"{CONFIGURATION}/budgets.user_usd_a_month",
    f"{CONFIGURATION}/budgets.user_usd_a_month/default",
    f"{PROVIDERS}/release",
    f"{MAIL}/1/retries",
    f"{MAIL}/1/resolution",
)


class Note(BaseModel):
    text: str


NOTE = JobType(name="note", payload=Note)


@pytest.fixture
async def browser(database: Database, user: CurrentUser) -> AsyncIterator[httpx.AsyncClient]:
    installation = Installation(Settings(), load_registry(Settings(providers="-instagram_graph")))
    async with browsing(database, user, app_over(database, installation=installation)) as browser:
        yield browser


@pytest.fixture
async def job_id(database: Database) -> str:
    async with transaction(database, SYSTEM) as tx:
        found = await publish(tx, NOTE, Note(text="<b>hello</b>"))
    return str(found)


async def test_every_page_without_anything_says_what_will_stand_there(browser: httpx.AsyncClient) -> None:
    found = await browser.get("/system", follow_redirects=True)
    assert found.url.path == JOBS
    assert "A worker takes them from here" in found.text
    assert "No job has failed." in (await browser.get(JOBS, params={"status": "failed"})).text
    assert "No e-mail was written yet." in (await browser.get(MAIL)).text
    told = (await browser.get(PROVIDERS)).text
    assert "No provider was called yet." in told
    assert "set <code>SCRAPECREATORS_API_KEY</code>" in told
    assert "Nothing of this kind" in (await browser.get(EVENTS, params={"type": "user_deleted"})).text


async def test_a_failed_job_is_found_read_and_retried(
    browser: httpx.AsyncClient, database: Database, job_id: str
) -> None:
    await write(
        database,
        "UPDATE background_jobs SET status = 'failed', error = '<i>no</i>', failed_at = app_now()",
    )
    listed = (await browser.get(JOBS, params={"status": "failed"})).text
    assert "&lt;i&gt;no&lt;/i&gt;" in listed
    shown = (await browser.get(f"{JOBS}/{job_id}")).text
    assert "&lt;b&gt;hello&lt;/b&gt;" in shown
    again = await submit(browser, f"{JOBS}/{job_id}/retries")
    assert "back in the queue" in again.text
    assert await one(database, "SELECT status FROM background_jobs") == "pending"
    assert (await browser.post(f"{JOBS}/{job_id}/retries")).status_code == 409


async def test_all_failed_jobs_of_a_type_are_retried(
    browser: httpx.AsyncClient, database: Database, job_id: str
) -> None:
    await write(database, "UPDATE background_jobs SET status = 'failed', failed_at = app_now()")
    listed = await browser.get(JOBS, params={"status": "failed", "type": "note"})
    assert "Retry all failed note" in listed.text
    assert "1 job back" in (await submit(browser, f"{JOBS}/retries", type="note")).text


async def test_a_waiting_job_is_cancelled_once(
    browser: httpx.AsyncClient, database: Database, job_id: str
) -> None:
    done = await submit(browser, f"{JOBS}/{job_id}/cancellation")
    assert "is cancelled" in done.text
    assert (await browser.post(f"{JOBS}/{job_id}/cancellation")).status_code == 409
    assert await one(database, "SELECT status FROM background_jobs") == "cancelled"


async def test_events_are_listed_by_name_and_shown(browser: httpx.AsyncClient) -> None:
    listed = (await browser.get(EVENTS, params={"type": "user_registered"})).text
    (path,) = set(re.findall(r'href="(/system/events/[0-9a-f-]{36})"', listed))
    shown = (await browser.get(path)).text
    assert "user_registered" in shown
    assert "self_hosted" in shown
    assert (
        "user_registered"
        not in (await browser.get(EVENTS, params={"type": "job_failed"})).text.split("<table")[-1:]
    )
    assert (await browser.get(f"{EVENTS}/00000000-0000-0000-0000-000000000000")).status_code == 404


async def test_a_key_is_changed_with_its_history_and_reset(
    browser: httpx.AsyncClient, database: Database
) -> None:
    path = f"{CONFIGURATION}/budgets.user_usd_a_month"
    wrong = await submit(browser, path, value="lots<>")
    assert wrong.status_code == 422
    assert "is no number" in wrong.text
    assert 'value="lots&lt;&gt;"' in wrong.text
    assert (await submit(browser, path, value="-7")).status_code == 422
    changed = await submit(browser, path, value="25")
    assert "budgets.user_usd_a_month is 25. It takes effect within seconds." in changed.text
    assert "by local (browser)" in changed.text
    assert "$25.00" not in changed.text
    reset = await submit(browser, f"{path}/default")
    assert "is -1 again, its default" in reset.text
    assert "from 25 to <b>its default</b>" in reset.text
    assert (await browser.post(f"{path}/default")).status_code == 422
    assert (await browser.get(f"{CONFIGURATION}/budgets.nothing")).status_code == 404


async def test_a_row_that_no_code_reads_is_removed(browser: httpx.AsyncClient, database: Database) -> None:
    await write(
        database,
        """INSERT INTO system_configurations (category, key, value, value_type)
        VALUES ('cache', 'pictures', '<5>', 'string')""",
    )
    listed = (await browser.get(CONFIGURATION)).text
    assert "that no code reads" in listed
    assert "&lt;5&gt;" in listed
    gone = await submit(browser, f"{CONFIGURATION}/cache.pictures/default")
    assert "which no code reads" in gone.text
    assert await one(database, "SELECT count(*) FROM system_configurations WHERE key = 'pictures'") == 0


async def test_a_paused_account_is_released(browser: httpx.AsyncClient, database: Database) -> None:
    async with transaction(database, SYSTEM) as tx:
        await ratelimit.pause_calls(tx, "youtube:abc", seconds=600, reason="the quota is <used up>")
        await tx.one(
            KEEP,
            provider="youtube",
            operation="search",
            status=200,
            content_type="text/html",
            said="no JSON",
            bytes_read=12,
            beginning="<script>",
            days=7,
            most=20,
        )
    told = (await browser.get(PROVIDERS)).text
    assert "the quota is &lt;used up&gt;" in told
    assert "&lt;script&gt;" in told
    done = await submit(browser, f"{PROVIDERS}/release", account="youtube:abc")
    assert "youtube:abc may be called again" in done.text
    assert "End the pause" not in done.text
    assert (await browser.post(f"{PROVIDERS}/release", data={"account": "nobody"})).status_code == 404


async def test_a_failed_message_is_sent_again_and_an_unknown_one_decided(
    browser: httpx.AsyncClient, database: Database
) -> None:
    for status in ("failed", "unknown", "unknown"):
        await write(
            database,
            """INSERT INTO outbox_messages (channel, body, dedupe_key, status, attempts, available_at, error,
                                            created_at)
            VALUES ('email', CAST(%(body)s AS jsonb), gen_random_uuid()::text, %(status)s, 3, app_now(),
                    '550 <no>', app_now())""",
            status=status,
            body='{"user_id": "local", "email": "trial_day2", "due": "2026-11-01T00:00:00Z"}',
        )
    failed, unknown, doubtful = await many(database, "SELECT id FROM outbox_messages ORDER BY id")
    listed = (await browser.get(MAIL)).text
    assert "550 &lt;no&gt;" in listed
    assert "Send again anyway" in listed
    assert "will be sent again" in (await submit(browser, f"{MAIL}/{failed}/retries")).text
    assert (await browser.post(f"{MAIL}/{unknown}/retries")).status_code == 409
    assert "counts as sent" in (await submit(browser, f"{MAIL}/{unknown}/resolution", arrived="yes")).text
    assert "sent again" in (await submit(browser, f"{MAIL}/{doubtful}/retries", may_double="yes")).text
    states = await many(database, "SELECT status FROM outbox_messages ORDER BY id")
    assert states == ["pending", "sent", "pending"]


@pytest.mark.parametrize(
    "path",
    [f"{JOBS}?status=%00&type=%00", f"{EVENTS}?type=x&after=x", f"{CONFIGURATION}/%00", f"{MAIL}?status=x"],
)
async def test_odd_questions_are_no_fault_of_ours(browser: httpx.AsyncClient, path: str) -> None:
    assert (await browser.get(path)).status_code < 500


async def test_for_others_the_system_does_not_exist(
    database: Database, user: CurrentUser, job_id: str
) -> None:
    async with browsing(database, await somebody(database, "bob")) as bob:
        for path in ("/system", *PAGES, f"{JOBS}/{job_id}"):
            assert (await bob.get(path)).status_code == 404
        form = {"value": "5", "type": "note", "account": "x"}
        for path in (*POSTS, f"{JOBS}/{job_id}/cancellation"):
            assert (await bob.post(path, data=form)).status_code == 404
        assert "/system" not in (await bob.get("/settings/keys")).text
    assert await one(database, "SELECT status FROM background_jobs") == "pending"


async def test_forms_of_other_sites_are_refused(
    browser: httpx.AsyncClient, database: Database, job_id: str
) -> None:
    form = {"value": "5", "type": "note", "account": "x"}
    for path in (*POSTS, f"{JOBS}/{job_id}/cancellation"):
        answer = await browser.post(path, data=form, headers={"Origin": "https://evil.example.com"})
        assert answer.status_code == 403
    assert await one(database, "SELECT status FROM background_jobs") == "pending"


async def test_a_delivery_that_was_given_up_is_tried_again(
    browser: httpx.AsyncClient, database: Database
) -> None:
    await write(
        database,
        """INSERT INTO event_deliveries (event_id, subscriber, event_timestamp, event_type, status, attempts,
                                         due_at, created_at, error, completed_at)
        SELECT id, 'mailer', "timestamp", event_type, 'failed', 12, app_now(), app_now(), '<b>no</b>',
               app_now()
        FROM events WHERE event_type = 'user_registered'""",
    )
    listed = (await browser.get(EVENTS)).text
    assert "Not delivered" in listed
    assert "&lt;b&gt;no&lt;/b&gt;" in listed
    (path,) = set(re.findall(r'action="(/system/events/[^"]+/replays)"', listed))
    assert "1 delivery will be tried again" in (await submit(browser, path)).text
    assert await one(database, "SELECT status FROM event_deliveries") == "pending"
    assert "Not delivered" not in (await browser.get(EVENTS)).text
