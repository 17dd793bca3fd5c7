"""Searches watched over real HTTP: waited for, and as a stream of events."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import orjson
import psycopg
import pytest

from tastemaker.accounts import api_keys
from tastemaker.accounts.current_user import CurrentUser
from tastemaker.core.clock import monotonic
from tastemaker.core.ids import SearchId
from tastemaker.db.pool import Database
from tastemaker.db.transaction import transaction
from tastemaker.searches import watching_api
from tastemaker.searches.watching import SearchWatching
from tests.web.conftest import MakeProgram, Program, app_over, make_key, served, working
from tests.web.test_campaigns import somebody
from tests.web.test_searches import PATH, started

Event = dict[str, str]


@asynccontextmanager
async def streamed(program: Program, search: str, last_seen: str = "") -> AsyncIterator[AsyncIterator[Event]]:
    headers = {"Last-Event-ID": last_seen} if last_seen else {}
    async with program.http.stream("GET", f"{PATH}/{search}/events", headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        yield events_of(answer)


async def events_of(answer: httpx.Response) -> AsyncIterator[Event]:
    event: Event = {}
    async for line in answer.aiter_lines():
        name, _, value = line.partition(": ")
        if line:
            event[name] = value
        elif event:
            yield event
            event = {}


def touch(admin_url: str, search: str, stored: int) -> None:
    with psycopg.connect(admin_url) as owner:
        owner.execute("UPDATE scraping_jobs SET processed_results = %s WHERE id = %s", (stored, search))


async def test_a_wait_ends_with_the_search(program: Program, database: Database, corpus: Path) -> None:
    search = await started(program)
    async with working(database, corpus):
        shown = await program.get(f"{PATH}/{search}", wait=30)
    assert (shown.status_code, shown.json()["status"]) == (200, "completed")
    at_once = await program.get(f"{PATH}/{search}", wait=30)
    assert at_once.content == shown.content
    assert at_once.headers["ETag"] == shown.headers["ETag"]


async def test_a_wait_without_an_end_shows_what_is_there(program: Program) -> None:
    search = await started(program)
    began = monotonic()
    shown = await program.get(f"{PATH}/{search}", wait=1)
    assert (shown.status_code, shown.json()["status"]) == (200, "pending")
    assert 0.9 <= monotonic() - began < 5


async def test_a_wait_ends_with_a_change_where_the_client_knows_the_state(
    program: Program, admin_url: str
) -> None:
    search = await started(program)
    known = {"If-None-Match": (await program.get(f"{PATH}/{search}")).headers["ETag"]}
    same = await program.http.get(f"{PATH}/{search}", headers=known)
    assert (same.status_code, same.content) == (304, b"")
    still = await program.http.get(f"{PATH}/{search}", params={"wait": 1}, headers=known)
    assert still.status_code == 304
    waiting = asyncio.create_task(program.http.get(f"{PATH}/{search}", params={"wait": 30}, headers=known))
    await asyncio.sleep(0.5)
    assert not waiting.done()
    await asyncio.to_thread(touch, admin_url, search, 3)
    changed = await waiting
    assert (changed.status_code, changed.json()["stored"]) == (200, 3)


@pytest.mark.parametrize("wait", ["-1", "61", "soon"])
async def test_a_wait_is_bounded(program: Program, wait: str) -> None:
    assert (await program.get(f"{PATH}/{UUID(int=1)}", wait=wait)).status_code == 422


async def test_a_stream_shows_every_state_until_the_end(
    program: Program, database: Database, corpus: Path
) -> None:
    search = await started(program)
    async with streamed(program, search) as events, working(database, corpus):
        seen = [event async for event in events]
    assert [event["event"] for event in seen[:-1]] == ["progress"] * (len(seen) - 1)
    assert seen[-1]["event"] == "end"
    assert len({event["id"] for event in seen}) == len(seen) >= 2
    stored = [orjson.loads(event["data"])["stored"] for event in seen]
    assert stored == sorted(stored)
    shown = await program.get(f"{PATH}/{search}")
    assert orjson.loads(seen[-1]["data"]) == shown.json()
    async with streamed(program, search, "anything at all") as events:
        assert [event["event"] async for event in events] == ["end"]
    headers = {"Last-Event-ID": seen[-1]["id"]}
    again = await program.http.get(f"{PATH}/{search}/events", headers=headers)
    assert again.status_code == 204


async def test_a_reconnected_stream_begins_with_what_is_new(program: Program, admin_url: str) -> None:
    search = await started(program)
    async with streamed(program, search) as events:
        first = await anext(events)
    async with streamed(program, search, first["id"]) as events:
        waiting = asyncio.create_task(anext_of(events))
        await asyncio.sleep(0.3)
        await asyncio.to_thread(touch, admin_url, search, 7)
        assert orjson.loads((await waiting)["data"])["stored"] == 7


async def anext_of(events: AsyncIterator[Event]) -> Event:
    return await anext(events)


async def test_a_revoked_key_ends_its_stream(
    program: Program, database: Database, user: CurrentUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching_api, "HEARTBEAT_SECONDS", 0.2)
    search = await started(program)
    async with streamed(program, search) as events:
        assert (await anext(events))["event"] == "progress"
        prefix = program.http.headers["Authorization"].removeprefix("Bearer ")[:15]
        async with transaction(database, user.claim) as tx:
            await api_keys.revoke_key(tx, user, await api_keys.get_key(tx, user, prefix))
        said = [event async for event in events]
    assert [event["event"] for event in said] == ["problem"]
    assert orjson.loads(said[0]["data"])["status"] == 401


async def test_deleting_the_campaign_ends_the_stream(program: Program) -> None:
    search = await started(program)
    async with streamed(program, search) as events:
        campaign = orjson.loads((await anext(events))["data"])["campaign_id"]
        waiting = asyncio.create_task(program.get(f"{PATH}/{search}", wait=30))
        await asyncio.sleep(0.2)
        await program.http.delete(f"/api/v1/campaigns/{campaign}")
        said = [event async for event in events]
    assert [event["event"] for event in said] == ["problem"]
    assert orjson.loads(said[0]["data"])["status"] == 404
    assert (await waiting).status_code == 404


async def test_anothers_search_is_not_watched(
    program: Program, database: Database, program_with: MakeProgram
) -> None:
    mine = await started(program)
    other = await somebody(database, "mallory")
    stranger = program_with(await make_key(database, other))
    for said in (
        await stranger.get(f"{PATH}/{mine}", wait=30),
        await stranger.get(f"{PATH}/{mine}/events"),
    ):
        assert (said.status_code, said.json()["detail"]) == (404, "There is no such search.")
    watching = SearchWatching(database, asyncio.Event())
    async with watching.watch(other.user_id, [UUID(mine)]) as watcher:
        assert await watcher.changes(within=5) == []
        assert watcher.deleted == {SearchId(UUID(mine))}


async def test_a_stream_ends_when_the_process_stops(database: Database, user: CurrentUser) -> None:
    app = app_over(database)
    headers = {"Authorization": f"Bearer {await make_key(database, user)}"}
    async with served(app) as url, httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as http:
        program = Program(http)
        async with streamed(program, await started(program)) as events:
            await anext(events)
            app.state.services.stopping.set()
            began = monotonic()
            assert [event async for event in events] == []
            assert monotonic() - began < 5


async def test_many_watchers_hold_no_connection_and_miss_nothing(
    program: Program, database: Database, user: CurrentUser, admin_url: str
) -> None:
    searches = [await started(program) for _ in range(5)]
    watching = SearchWatching(database, asyncio.Event(), poll=60)
    seen: dict[str, Any] = {}

    async def watch(number: int) -> None:
        search = searches[number % len(searches)]
        async with watching.watch(user.user_id, [UUID(search)]) as watcher:
            while seen.get(search, {}).get(number) != number % len(searches) + 1:
                for state in await watcher.changes(within=20):
                    seen.setdefault(search, {})[number] = state.search.stored

    async with asyncio.TaskGroup() as watchers:
        for number in range(200):
            watchers.create_task(watch(number))
        await asyncio.sleep(0.5)
        assert database.pool.get_stats()["pool_available"] == database.pool.get_stats()["pool_size"]
        for number, search in enumerate(searches):
            await asyncio.to_thread(touch, admin_url, search, number + 1)


async def test_without_notifications_the_poll_sees_it(
    program: Program, database: Database, user: CurrentUser, admin_url: str
) -> None:
    search = await started(program)
    with psycopg.connect(admin_url) as owner:
        owner.execute("ALTER TABLE scraping_jobs DISABLE TRIGGER wake_watchers")
    watching = SearchWatching(database, asyncio.Event(), poll=0.3)
    async with watching.watch(user.user_id, [UUID(search)]) as watcher:
        assert [state.search.stored for state in await watcher.changes(within=5)] == [0]
        await asyncio.to_thread(touch, admin_url, search, 4)
        assert [state.search.stored for state in await watcher.changes(within=5)] == [4]
