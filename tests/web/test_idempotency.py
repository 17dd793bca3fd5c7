"""A request that comes twice has one effect and one answer, also when both come at once."""

import asyncio
import os
import random
import socket
import subprocess
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

import httpx
import psycopg
import pytest

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.transaction import transaction
from tastemaker.web import idempotency
from tests.web.conftest import MakeProgram, Program, make_key
from tests.web.test_campaigns import PATH, somebody

CHESS = {"name": "Chess"}
SEED = 20261125


async def number_of(program: Program) -> int:
    return len((await program.get(PATH, limit=200)).json()["campaigns"])


async def test_the_same_request_again_gets_the_same_answer(program: Program) -> None:
    first = await program.post(PATH, CHESS, key="k1")
    again = await program.post(PATH, CHESS, key="k1")
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["Location"] == first.headers["Location"]
    assert (first.headers.get("Idempotent-Replayed"), again.headers["Idempotent-Replayed"]) == (None, "true")
    assert await number_of(program) == 1


async def test_another_request_under_the_key_is_refused(program: Program) -> None:
    await program.post(PATH, CHESS, key="k1")
    refused = await program.post(PATH, {"name": "Go"}, key="k1")
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:tastemaker:problem:key_reused")
    elsewhere = await program.post(f"/api/v1/searches/{'0' * 32}/cancellation", CHESS, key="k1")
    assert elsewhere.status_code == 422
    assert await number_of(program) == 1


async def test_many_at_once_have_one_effect(program: Program) -> None:
    """More than there are connections: those that wait too long are told to come again, and then get it."""

    async def click() -> bytes:
        while True:
            said = await program.post(PATH, CHESS, key="double-click")
            if said.status_code not in {409, 503}:
                assert said.status_code == 201, said.text
                return said.content
            assert said.headers["Retry-After"]
            await asyncio.sleep(0.2)

    answers = await asyncio.gather(*(click() for _ in range(20)))
    assert len(set(answers)) == 1
    assert await number_of(program) == 1


async def test_different_keys_are_different_requests_up_to_the_plans_limit(
    database: Database, program_with: MakeProgram
) -> None:
    limited = program_with(await make_key(database, await somebody(database, "limited", plan="glow_up")))
    answers = await asyncio.gather(*(limited.post(PATH, CHESS, key=f"k{n}") for n in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [402] * 5
    assert await number_of(limited) == 3


async def test_a_refusal_is_not_kept(program: Program, admin_url: str) -> None:
    assert (await program.post(PATH, {"name": ""}, key="k1")).status_code == 422
    with psycopg.connect(admin_url) as owner:
        assert owner.execute("SELECT count(*) FROM idempotent_answers").fetchone() == (0,)
    assert (await program.post(PATH, CHESS, key="k1")).status_code == 201


async def test_a_key_is_its_owners(database: Database, program: Program, program_with: MakeProgram) -> None:
    other = program_with(await make_key(database, await somebody(database, "mallory")))
    mine = await program.post(PATH, CHESS, key="k1")
    theirs = await other.post(PATH, CHESS, key="k1")
    assert theirs.status_code == 201
    assert theirs.json()["id"] != mine.json()["id"]


@pytest.mark.parametrize("key", ["", "x" * 256])
async def test_what_is_no_key_is_refused(program: Program, key: str) -> None:
    refused = await program.http.post(PATH, json=CHESS, headers={"Idempotency-Key": key})
    assert refused.status_code == 422
    assert await number_of(program) == 0


async def test_who_waits_for_one_that_does_not_end_is_told_to_come_again(
    program: Program, admin_url: str, user: CurrentUser
) -> None:
    """Somebody has written the key's row and not committed: a process that hangs half-way."""
    with psycopg.connect(admin_url) as hanging:
        hanging.execute(
            "INSERT INTO idempotent_answers (tenant_id, key, request_digest, created_at)"
            " VALUES (%s, 'k1', '', now())",
            (user.user_id,),
        )
        waiting = asyncio.create_task(program.post(PATH, CHESS, key="k1"))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        hanging.rollback()
        assert (await waiting).status_code == 201


async def test_answers_are_kept_for_more_than_a_day_and_then_forgotten(
    program: Program, database: Database, admin_url: str
) -> None:
    await program.post(PATH, CHESS, key="k1")
    for hours, gone in ((25, 0), (49, 1)):
        with psycopg.connect(admin_url) as owner:
            owner.execute("UPDATE clock_offset SET shift = make_interval(hours => %s)", (hours,))
        async with transaction(database, SYSTEM) as tx:
            assert await idempotency.prune(tx, batch=100) == gone


@pytest.mark.slow
async def test_a_server_killed_at_any_moment_makes_each_campaign_once(
    database: Database, user: CurrentUser, app_url: str, admin_url: str, tmp_path: Path
) -> None:
    """kill -9 while requests are under way; each is asked again under its key until it is answered."""
    chance = random.Random(SEED)  # noqa: S311 - a seed, so that a failure can be repeated
    port = free_port()
    command = [sys.executable, "-m", "tastemaker.cli", "serve", "--port", str(port)]
    environment = {
        **os.environ,
        "TASTEMAKER_HOME": str(tmp_path / "home"),
        "DATABASE_URL": app_url,
        "DATABASE_ADMIN_URL": admin_url,
    }
    headers = {"Authorization": f"Bearer {await make_key(database, user)}"}
    answers: dict[str, set[bytes]] = {}

    async def insist(http: httpx.AsyncClient, number: int) -> None:
        """Until two answers came: what was answered before a kill is answered so after it."""
        key = f"campaign {number}"
        while len(answers.setdefault(key, set())) < 1 or chance.random() < 0.5:
            with suppress(httpx.HTTPError):
                said = await http.post(PATH, json={"name": key}, headers={**headers, "Idempotency-Key": key})
                if said.status_code == 201:
                    answers[key].add(said.content)
            await asyncio.sleep(chance.uniform(0, 0.1))

    begin = partial(subprocess.Popen[bytes], command, env=environment)
    process = begin()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as http:
            asking = asyncio.gather(*(insist(http, number) for number in range(200)))
            for _ in range(5):
                await asyncio.sleep(chance.uniform(0.5, 2.5))
                process.kill()
                await asyncio.to_thread(process.wait)
                process = begin()
            await asking
    finally:
        process.kill()
        process.wait()
    assert {len(bodies) for bodies in answers.values()} == {1}
    with psycopg.connect(admin_url) as owner:
        rows = owner.execute("SELECT name, count(*) FROM campaigns GROUP BY name").fetchall()
        usage = owner.execute("SELECT usage_campaigns_current FROM user_usage").fetchone()
        events = owner.execute("SELECT count(*) FROM events WHERE event_type = 'campaign_created'").fetchone()
    assert sorted(rows) == sorted((key, 1) for key in answers)
    assert usage == events == (200,)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
