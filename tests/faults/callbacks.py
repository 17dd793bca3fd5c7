"""D2 to D5 and D9: QStash delivers twice, loses answers, is away, and calls that only look like its own."""

import asyncio
import json
import random
import time
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import jwt

from tastemaker.core.clock import monotonic
from tastemaker.core.ids import JobId
from tastemaker.db.claims import SYSTEM
from tastemaker.db.transaction import transaction
from tastemaker.jobs.maintenance import PRUNE_JOBS
from tastemaker.jobs.schedules import Nothing
from tastemaker.jobs.service import publish
from tastemaker.jobs.transports.qstash import PREFIX, Callback
from tests.faults.registry import Result, expect, fault
from tests.faults.site import Site, Worker
from tests.faults.wire import pages, stable_ids
from tests.jobs.transports.lines import free_port
from tests.jobs.transports.twin import KEYS, TOKEN, Twin, running

TARGET = 150
PUBLIC = "https://tastemaker.example.com"


@dataclass
class Line:
    """QStash's twin, and where `tastemaker serve` is that it calls."""

    site: Site
    twin: Twin
    port: int

    @property
    def host(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self) -> Worker:
        return await self.site.command(
            "serve", "--port", str(self.port), ready="Serving",
            TASTEMAKER_JOB_TRANSPORT="qstash", TASTEMAKER_PUBLIC_URL=PUBLIC, QSTASH_TOKEN=TOKEN,
            QSTASH_CURRENT_SIGNING_KEY=KEYS[0], QSTASH_NEXT_SIGNING_KEY=KEYS[1], QSTASH_URL=self.twin.url,
        )  # fmt: skip

    async def call(self, callback: Callback, body: bytes, token: str | None) -> httpx.Response:
        headers = {"Content-Type": "application/json"}
        if token is not None:
            headers["Upstash-Signature"] = token
        async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
            return await http.post(f"{self.host}{PREFIX}/{callback}", content=body, headers=headers)

    def token(self, callback: Callback, body: bytes, **changed: object) -> str:
        return self.twin.token(f"{PUBLIC}{PREFIX}/{callback}", body, **changed)


@asynccontextmanager
async def line_of(site: Site) -> AsyncIterator[Line]:
    site.remote.script = pages(10_000)
    async with running(Twin()) as twin:
        line = Line(site, twin, free_port())
        twin.hosts = [line.host]
        yield line


async def _whole(site: Site) -> int:
    """The search found what it would have found in peace; how many."""
    stored = await site.stored()
    expect(stored == stable_ids(range(TARGET)), f"{len(stored)} creators, or others than in peace")
    kept = await site.pages()
    expect(kept == TARGET // 30, f"{kept} pages kept instead of {TARGET // 30}")
    return len(stored)


@fault("D2", "QStash delivers a message again, at once and after it succeeded")
async def redelivered(site: Site, seed: int) -> Result:
    """Answered with 200, and no second effect: no page twice, no call paid twice."""
    async with line_of(site) as line:
        line.twin.deliver_times = 2 + seed % 3
        await line.serve()
        await site.start("chess", target=TARGET)
        recovery = await site.ended()
        line.twin.deliver_times = 1
        before, calls = len(line.twin.attempts), len(site.remote.asked)
        messages = list({one.id: one for one in line.twin.published}.values())
        for message in messages:
            message.retries = 0
            line.twin.put(message)
        async with asyncio.timeout(30):
            while len(line.twin.attempts) < before + len(messages):
                await asyncio.sleep(0.05)
        late = {attempt.status for attempt in line.twin.attempts[before:]}
        expect(late == {200}, f"answers to what was done before: {sorted(late)}")
        expect(
            len(site.remote.asked) == calls == TARGET // 30, f"{len(site.remote.asked)} calls to the platform"
        )
        stored = await _whole(site)
        seen = f"{len(line.twin.attempts)} deliveries of {len(messages)} messages"
    return Result(acknowledged=stored, recovery=recovery, seen=seen)


@fault("D3", "QStash's answer is lost; a crash after the insert, before the publishing")
async def unacknowledged(site: Site, seed: int) -> Result:
    """Published again under the same id; a job whose process died before it spoke of it is not stuck."""
    chance = random.Random(seed)  # noqa: S311 - a plan, not a secret
    async with line_of(site) as line:
        line.twin.lose_acknowledgements = 2
        line.twin.retry_seconds = 3.0  # QStash's own first retry is after twelve
        await site.start("chess", target=TARGET)  # nobody is there to announce it
        line.twin.is_holding = True
        server = await line.serve()
        async with asyncio.timeout(30):
            while not line.twin.published:
                await asyncio.sleep(0.02)
        await asyncio.sleep(chance.uniform(0, 0.3))
        await server.kill()
        killed = monotonic()
        line.twin.is_holding = False
        await line.serve()
        await site.until("SELECT sum(pages) >= 1 FROM scraping_runs")
        recovery = monotonic() - killed
        await site.ended()
        stored = await _whole(site)
        sent = "SELECT count(*), count(DISTINCT dedupe_key) FROM outbox_messages WHERE channel = 'qstash'"
        rows, keys = (await site.ask(sent))[0]
        expect(rows == keys, f"{rows} messages under {keys} ids")
        lost = "SELECT count(*) FROM outbox_messages WHERE channel = 'qstash' AND status = 'sending'"
        await site.until(f"SELECT ({lost}) = 0", within=60)
    return Result(acknowledged=stored, recovery=recovery, seen=f"{keys} messages, two answers lost, one kill")


@fault("D4", "QStash cannot deliver for longer than it tries, and gives up")
async def given_up(site: Site, seed: int) -> Result:
    """The sweeper drives it anew; what an operator then delivers out of the dead letters is harmless."""
    async with line_of(site) as line:
        line.twin.retry_seconds = 0.02
        line.twin.hosts = [f"http://127.0.0.1:{free_port()}"]
        await site.start("chess", target=TARGET)
        server = await line.serve()
        async with asyncio.timeout(40):
            while len(line.twin.dead) < 2:  # the message, and the news of its failure
                await asyncio.sleep(0.05)
        await server.kill()
        expect(await site.pages() == 0, "something was delivered: nothing was tested")
        line.twin.hosts = [line.host]
        await site.do("UPDATE clock_offset SET shift = interval '46 minutes'")
        back = monotonic()
        await line.serve()
        await site.until("SELECT sum(pages) >= 1 FROM scraping_runs")
        recovery = monotonic() - back
        await site.ended()
        before, dead = len(line.twin.attempts), len(line.twin.dead)
        await line.twin.redeliver_dead()
        async with asyncio.timeout(30):
            while len(line.twin.attempts) < before + dead:
                await asyncio.sleep(0.05)
        late = sorted({attempt.status for attempt in line.twin.attempts[before:]})
        expect(late == [200], f"dead letters were answered with {late}")
        stored = await _whole(site)
    return Result(acknowledged=stored, recovery=recovery, seen=f"{dead} dead letters delivered afterwards")


@fault("D5", "calls with a wrong key, expired, too early, for another URL or body, alg none, replayed")
async def forged(site: Site, seed: int) -> Result:
    """401 or 409, never 500, and nothing happens; the next key is good."""
    async with line_of(site) as line:
        await line.serve()
        job_id = await _far_job(site)
        where, body = Callback.BACKGROUND_JOBS, json.dumps({"job_id": str(job_id), "attempt": 0}).encode()
        now = int(time.time())
        claims = jwt.decode(line.token(where, body), options={"verify_signature": False})
        bodiless = {name: value for name, value in claims.items() if name != "body"}
        wrong = {
            "no signature": None,
            "nonsense": "a.b.c",
            "another key": jwt.encode(claims, "sig_another_0123456789abcdef0123456789", algorithm="HS256"),
            "alg none": jwt.encode(claims, None, algorithm="none"),
            "another hash": jwt.encode(claims, KEYS[0] * 2, algorithm="HS512"),
            "expired": line.token(where, body, iat=now - 900, nbf=now - 900, exp=now - 600),
            "too early": line.token(where, body, nbf=now + 600),
            "another URL": line.token(where, body, sub=f"{PUBLIC}/elsewhere"),
            "another body": line.token(where, body + b" "),
            "no body claim": jwt.encode(bodiless, KEYS[0], algorithm="HS256"),
            "another issuer": line.token(where, body, iss="somebody"),
        }
        names = random.Random(seed).sample(sorted(wrong), len(wrong))  # noqa: S311 - a plan, not a secret
        for name in names:
            said = await line.call(where, body, wrong[name])
            expect(said.status_code == 401, f"{name}: answered {said.status_code}")
        line.twin.rotate()
        token = line.token(where, body)
        statuses = [(await line.call(where, body, token)).status_code for _ in range(3)]
        expect(statuses == [425, 409, 409], f"the next key, and its call replayed: {statuses}")
        attempt = await site.one("SELECT attempt FROM background_jobs WHERE id = %s", job_id)
        expect(attempt == 0, "a forged call began a job")
    return Result(acknowledged=len(wrong) + 3, seen=f"{len(wrong)} refused with 401, replays with 409")


@fault("D9", "a callback comes several times and out of order")
async def several_times(site: Site, seed: int) -> Result:
    """Known by its message and retry: each counts once, and none after the job has ended."""
    async with line_of(site) as line:
        await line.serve()
        job_id = await _far_job(site)
        order = [0, 1, 2, 0, 1, 2, 2]
        random.Random(seed).shuffle(order)  # noqa: S311 - a plan, not a secret
        told = await asyncio.gather(*(_tell_failure(line, job_id, retried) for retried in order))
        expect({one.status_code for one in told} == {200}, f"answered {[one.status_code for one in told]}")
        known = [one.text for one in told].count("Known already.")
        expect(known == len(order) - 3, f"{known} of {len(order)} were known already")
        counted = await site.one("SELECT retry_count FROM background_jobs WHERE id = %s", job_id)
        expect(counted == 3, f"{counted} failures counted of 3 that were told {len(order)} times")
        await site.do("UPDATE background_jobs SET status = 'cancelled' WHERE id = %s", job_id)
        late = await _tell_failure(line, job_id, 3)
        status = await site.one("SELECT status FROM background_jobs WHERE id = %s", job_id)
        expect((late.status_code, status) == (200, "cancelled"), f"late news: {late.status_code}, {status}")
        kept = await site.one("SELECT count(*) FROM inbox_messages WHERE source = 'qstash_failures'")
        expect(kept == 4, f"{kept} news kept instead of 4")
    return Result(acknowledged=4, seen=f"{len(order) + 1} calls, 4 counted")


async def _far_job(site: Site) -> JobId:
    """One that waits for an hour, so that only what the fault does touches it."""
    async with transaction(site.database, SYSTEM) as tx:
        job_id = await publish(tx, PRUNE_JOBS, Nothing(), delay=3500.0)
    expect(job_id is not None, "no job was published")
    return JobId(job_id) if job_id else job_id  # type: ignore[return-value]  # expect has raised


async def _tell_failure(line: Line, job_id: JobId, retried: int) -> httpx.Response:
    source = json.dumps({"job_id": str(job_id), "attempt": 0}).encode()
    told = {
        "status": 503,
        "retried": retried,
        "maxRetries": 3,
        "sourceMessageId": "msg_of_the_fault",
        "sourceBody": b64encode(source).decode(),
    }
    body = json.dumps(told).encode()
    return await line.call(Callback.FAILURES, body, line.token(Callback.FAILURES, body))
