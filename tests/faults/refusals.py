"""B1 to B4: a platform that refuses, breaks down, is silent or sends something else than was asked for."""

import asyncio
import email.utils
import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from tastemaker.core.clock import monotonic, utc_now
from tastemaker.db.claims import SYSTEM
from tastemaker.db.transaction import transaction
from tastemaker.ratelimit.queries import release
from tastemaker.searches.service import resume_search
from tastemaker.searches.types import Outcome, Search, Status
from tests.faults.registry import Result, expect, fault
from tests.faults.site import Site
from tests.faults.wire import CONTACT, KEY, PER_PAGE, Script, once, pages, position, stable_ids
from tests.providers.remote import Asked, Reply

MOST_FAILURES = 5
REST_SECONDS = 30.0


class Watched:
    """A script that remembers when it was asked for what."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.calls: list[tuple[float, Asked]] = []

    def __call__(self, asked: Asked) -> Reply:
        self.calls.append((monotonic(), asked))
        return self.script(asked)

    def of(self, keyword: str) -> list[float]:
        return [at for at, asked in self.calls if asked.params["query"] == keyword]


@fault("B1", "429 with Retry-After in seconds, as a date and without; 402 out of credits", seeds=(1,))
async def refused(site: Site, seed: int) -> Result:
    """The header is obeyed by every keyword; without credits the search waits, and says so."""
    moment = datetime.now(UTC) + timedelta(seconds=4)
    replies = [
        Reply(b"{}", status=429, headers={"Retry-After": "2"}),
        Reply(b"{}", status=429, headers={"Retry-After": email.utils.format_datetime(moment, usegmt=True)}),
        Reply(b"{}", status=429),
    ]
    random.Random(seed).shuffle(replies)  # noqa: S311 - a plan, not a secret
    watched = Watched(once(*replies, then=pages(90), at=PER_PAGE))
    site.remote.script = watched
    worker = await site.worker()
    search = await site.start("chess", target=90)
    begun = monotonic()
    await site.ended()
    recovery = monotonic() - begun
    refused_at = [at for at, asked in watched.calls if position(asked) == PER_PAGE]
    patient = refused_at[replies.index(next(r for r in replies if r.headers.get("Retry-After") == "2")) :]
    expect(patient[1] - patient[0] >= 1.9, f"asked again after {patient[1] - patient[0]:.2f} s instead of 2")
    expect(utc_now() >= moment or len(refused_at) == len(replies) + 1, "the date was not waited for")
    expect(len(watched.calls) == 3 + len(replies), f"{len(watched.calls)} calls for 3 pages")
    expect(await site.stored() == stable_ids(range(90)), "other creators than without refusals")
    stored = (await site.bench.reload(search)).stored
    stored += await _without_credits(site, watched)
    expect(worker.runs, "the worker died")
    return Result(acknowledged=stored, recovery=recovery, seen="obeyed; credits paid once; parked, resumed")


async def _without_credits(site: Site, watched: Watched) -> int:
    watched.script = once(
        Reply(b'{"message": "no credits"}', status=402), then=pages(60, first={"go": 500, "stay": 700})
    )
    search = await site.start("go", target=60)
    await site.until("SELECT parked_until IS NOT NULL FROM scraping_jobs WHERE id = %s", search.id)
    parked = await site.bench.reload(search)
    expect(parked.status is Status.PENDING and parked.parked_reason, "not parked, or without a reason")
    told = "SELECT count(*) FROM events WHERE event_type = 'search_parked' AND aggregate_id = %s"
    expect(await site.one(told, str(search.id)) == 1, "the user was not told once")
    paused = "SELECT count(*) FROM events WHERE event_type = 'provider_paused'"
    expect(await site.one(paused) == 1, "the operator was not told once")
    calls = len(watched.calls)
    other = await site.start("stay", target=30)
    await site.until("SELECT parked_until IS NOT NULL FROM scraping_jobs WHERE id = %s", other.id)
    expect(len(watched.calls) == calls, "another search asked an account without credits")
    async with transaction(site.database, SYSTEM) as tx:
        account = await site.one("SELECT name FROM provider_gates")
        expect(await release(tx, account), "there is no such account")
    async with transaction(site.database, site.user.claim) as tx:
        await resume_search(tx, site.user, parked)
        await resume_search(tx, site.user, other)
    await site.ended()
    ended = await site.bench.reload(search)
    expect(ended.stored == 60, f"{ended.stored} of 60 creators after the credits came back")
    paid = await site.one("SELECT sum(units) FROM provider_calls WHERE status = 'charged'")
    expect(paid == await site.pages(), f"{paid} credits for {await site.pages()} pages")
    return ended.stored


@fault("B2", "storms of 500, 502 and 503")
async def storms(site: Site, seed: int) -> Result:
    """A storm that passes is waited for by the circuit breaker; one that does not leaves what was found."""
    chance = random.Random(seed)  # noqa: S311 - a plan, not a secret
    good = pages(90, first={"chess": 0, "makeup": 1000})

    def storm() -> Reply:
        return Reply(b"<html>down</html>", status=chance.choice([500, 502, 503]))

    watched = Watched(
        lambda asked: storm() if asked.params["query"] == "makeup" and position(asked) else good(asked)
    )
    site.remote.script = watched
    await site.configure(providers__failures_before_a_rest="1000")
    worker = await site.worker()
    search = await site.start("chess", "makeup", target=500)
    await site.ended()
    ended = await site.bench.reload(search)
    expect((ended.status, ended.outcome) == (Status.COMPLETED, Outcome.PARTIAL), f"ended as {ended.outcome}")
    expected = stable_ids([*range(90), *range(1000, 1030)])
    expect(await site.stored() == expected, "what was found was not kept")
    asked = len(watched.of("makeup"))
    expect(asked == 1 + MOST_FAILURES, f"{asked - 1} calls into the storm, not {MOST_FAILURES}")
    told = await site.one("SELECT error FROM scraping_runs WHERE keyword = 'makeup'")
    expect(told, "nobody is told why")
    rest = await _rest_of_the_breaker(site, watched)
    expect(worker.runs, "the worker died")
    return Result(acknowledged=ended.stored + 90, recovery=rest, seen=f"partial kept; breaker {rest:.0f} s")


async def _rest_of_the_breaker(site: Site, watched: Watched) -> float:
    """Three failures open it; then nobody calls for half a minute, and one call finds the storm over."""
    await site.configure(providers__failures_before_a_rest="3")
    await asyncio.sleep(3)
    await site.do("UPDATE provider_gates SET failures = 0, open_until = NULL, trips = 0")
    watched.calls.clear()
    watched.script = once(*[Reply(b"", status=503)] * 3, then=pages(90, first={"garden": 2000}))
    await site.start("garden", target=90)
    await site.ended()
    times = [at for at, _ in watched.calls]
    expect(len(times) == 6, f"{len(times)} calls: three into the storm and three pages were due")
    rest = times[3] - times[2]
    expect(rest >= REST_SECONDS - 1, f"the breaker rested {rest:.1f} s only")
    return rest


@fault("B3", "connect and read time-outs, one byte a second, a reset in mid-body")
async def silences(site: Site, seed: int) -> Result:
    """Each call has a deadline; what hangs holds up no other keyword."""
    good = pages(90, first={"slow": 1000, "mute": 2000, "cut": 3000, "fine": 0})
    slow = {
        "slow": lambda reply: Reply(reply.body, drip=1.0),
        "mute": lambda reply: Reply(reply.body, pause=600),
        "cut": lambda reply: Reply(reply.body, cut=len(reply.body) // 2),
    }
    bad: dict[str, int] = dict.fromkeys(slow, 1)

    def script(asked: Asked) -> Reply:
        keyword, reply = asked.params["query"], good(asked)
        if position(asked) and bad.get(keyword):
            bad[keyword] -= 1
            return slow[keyword](reply)
        return reply

    watched = Watched(script)
    site.remote.script = watched
    await site.configure(providers__failures_before_a_rest="1000")
    worker = await site.worker(FAULTS_DEADLINE="3")
    await site.start("slow", "mute", "cut", "fine", target=360)
    fine = await site.until(
        "SELECT coalesce(bool_or(status = 'completed'), false) FROM scraping_runs WHERE keyword = 'fine'"
    )
    took = await site.ended()
    expected = stable_ids(n for first in (0, 1000, 2000, 3000) for n in range(first, first + 90))
    expect(await site.stored() == expected, "other creators than without the silences")
    gaps = [
        b - a for k in ("slow", "mute") for a, b in zip(watched.of(k)[1:], watched.of(k)[2:], strict=False)
    ]
    expect(2.5 <= gaps[0] <= 15, f"the deadline of 3 s was {gaps[0]:.1f} s")
    expect(worker.runs, "the worker died")
    unreachable = await _unreachable(site)
    return Result(
        acknowledged=len(expected) + unreachable, recovery=took, seen=f"the fine keyword took {fine:.1f} s"
    )


async def _unreachable(site: Site) -> int:
    """No connection is answered at all: nothing was sent, nothing is paid, and it is tried again."""
    await site.stop_workers()
    with _deaf_port() as url:
        deaf = await site.worker(FAULTS_DEADLINE="3", TASTEMAKER_SCRAPECREATORS_BASE_URL=url)
        search = await site.start("deaf", target=30)
        await site.until("SELECT failures >= 1 FROM scraping_runs WHERE job_id = %s", search.id)
        await deaf.kill()
    site.remote.script = pages(30, first={"deaf": 9000})
    await site.worker()
    await site.ended()
    units = "SELECT sum(calls) FROM provider_calls WHERE job_id = %s AND status = 'failed'"
    paid = await site.one(units, search.id)
    expect(not paid, f"{paid} calls that were never sent were paid for")
    return (await site.bench.reload(search)).stored


@contextmanager
def _deaf_port() -> Iterator[str]:
    """A port whose queue of connections is full: the kernel answers no further one."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.settimeout(0)
            one.connect_ex(deaf.getsockname())
        yield f"http://127.0.0.1:{deaf.getsockname()[1]}"
        for one in waiting:
            one.close()


GARBAGE: dict[str, Reply] = {
    "not JSON": Reply(b"%PDF-1.7 something else"),
    "truncated": Reply(b'{"success": true, "search_item_list": [{"aweme_info": {"aweme_id": "71'),
    "a login page": Reply(b"<!doctype html><title>Log in</title>", headers={"Content-Type": "text/html"}),
    "empty": Reply(b""),
    "another type": Reply(b"OK", headers={"Content-Type": "text/plain"}),
    "our key": Reply(f"<p>{KEY} of {CONTACT} is fine.</p>".encode() + b"." * 9_000),
    "another form": Reply(b'{"success": true, "search_item_list": "none"}'),
}


@fault("B4", "garbage, truncated JSON, a login page with 200, an empty body, another content type")
async def garbage(site: Site, seed: int) -> Result:
    """Asked again; where nothing else comes the keyword ends with its reason, the other's finds stay."""
    names = random.Random(seed).sample(sorted(GARBAGE), MOST_FAILURES - 1)  # noqa: S311 - a plan, not a secret
    passing = once(*(GARBAGE[name] for name in names), then=pages(90), at=PER_PAGE)
    await site.configure(providers__failures_before_a_rest="1000")
    site.remote.script = passing
    worker = await site.worker()
    search = await site.start("chess", target=90)
    recovery = await site.ended()
    expect(await site.stored() == stable_ids(range(90)), "other creators than without garbage")
    lasting = _lasting(pages(60, first={"good": 1000, "bad": 2000}))
    site.remote.script = lasting
    second = await site.start("good", "bad", target=500)
    await site.ended()
    ended = await _expect_partial(site, second, {"kind": "garbage"})
    expect(worker.runs, "the worker died")
    told = """SELECT count(*) FROM events JOIN provider_samples s ON s.id::text = event_data ->> 'sample_id'
        WHERE event_type = 'provider_malformed' AND aggregate_id = %s"""
    expect(await site.one(told, str(second.id)) == 1, "no event, or none with the answer's beginning")
    large = "SELECT max(octet_length(beginning)) <= 4096 FROM provider_samples"
    expect(await site.one(large), "more than 4 kB of an answer is kept")
    stored = (await site.bench.reload(search)).stored + ended.stored
    return Result(acknowledged=stored, recovery=recovery, seen=f"asked again after: {', '.join(names)}")


def _lasting(good: Script) -> Script:
    rounds = iter([*GARBAGE.values()] * 3)
    return lambda asked: next(rounds) if asked.params["query"] == "bad" and position(asked) else good(asked)


async def _expect_partial(site: Site, search: Search, said: dict[str, Any]) -> Search:
    ended = await site.bench.reload(search)
    expect((ended.status, ended.outcome) == (Status.COMPLETED, Outcome.PARTIAL), f"ended as {ended.outcome}")
    kind = await site.one(
        "SELECT error_kind FROM scraping_runs WHERE job_id = %s AND keyword = 'bad'", search.id
    )
    expect(kind == said["kind"], f"classified as {kind}")
    return ended
