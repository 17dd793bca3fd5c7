"""The edge: ids, bodies, keys, pace, faults, and the way out."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import psycopg
import pytest
from fastapi import APIRouter
from psycopg_pool import AsyncConnectionPool
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.asgi import OPENAPI
from tastemaker.config_store.keys import ENABLE_RATE_LIMITING, RATE_LIMIT_PER_MINUTE
from tastemaker.db.enums import ApiScope
from tastemaker.db.pool import Database, Pool, open_database
from tastemaker.db.profiles import LOCAL
from tastemaker.web.middleware import MOST_BODY_BYTES
from tastemaker.web.problems import OUT_OF_REACH
from tastemaker.web.server import listening
from tests.web.conftest import MakeProgram, Program, app_over, make_key, served
from tests.web.test_campaigns import PATH

PROBLEM = "application/problem+json"


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer nonsense", "Basic eDp5", "Bearer tm_0_0"])
async def test_nobody_is_answered_401(url: str, header: str | None) -> None:
    async with httpx.AsyncClient(base_url=url) as http:
        for method, path in (("GET", PATH), ("POST", PATH), ("GET", f"{PATH}/{'0' * 32}")):
            said = await http.request(method, path, headers={"Authorization": header} if header else {})
            assert said.status_code == 401
            assert said.headers["WWW-Authenticate"] == "Bearer"
            assert said.headers["Content-Type"] == PROBLEM


@pytest.mark.parametrize("place", ["127.0.0.1:1/x", "/x?host=/nowhere/secret-place"])
async def test_a_503_names_no_address(
    place: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log has it, for the operator."""
    pool: Pool = AsyncConnectionPool(f"postgresql://nobody@{place}", min_size=1, timeout=0.2, open=False)
    monkeypatch.setattr(logging.getLogger("tastemaker"), "propagate", True)
    await pool.open()
    try:
        async with served(app_over(Database("", pool, prepares=True))) as url, httpx.AsyncClient() as http:
            headers = {"Authorization": f"Bearer tm_{'0' * 12}_{'a' * 43}"}
            said = await http.get(f"{url}{PATH}", headers=headers)
    finally:
        await pool.close()
    assert (said.status_code, said.headers["Retry-After"]) == (503, "2")
    assert said.json()["detail"] == OUT_OF_REACH
    assert place.rpartition("=")[2].partition("/x")[0].partition(":")[0] in caplog.text


async def test_a_key_is_good_for_its_scopes_only(
    database: Database, user: CurrentUser, program_with: MakeProgram
) -> None:
    reader = program_with(await make_key(database, user, ApiScope.CAMPAIGNS_READ))
    assert (await reader.get(PATH)).status_code == 200
    assert (await reader.post(PATH, {"name": "Chess"})).status_code == 403
    assert (await reader.get("/api/v1/searches")).status_code == 403


async def test_a_requests_id_is_the_correlation_of_its_events(program: Program, admin_url: str) -> None:
    headers = {"X-Request-ID": "chosen-by-client.1"}
    made = await program.http.post(PATH, json={"name": "Chess"}, headers=headers)
    assert made.headers["X-Request-ID"] == "chosen-by-client.1"
    with psycopg.connect(admin_url) as owner:
        row = owner.execute(
            "SELECT correlation_id, metadata ->> 'actor', metadata ->> 'caller' FROM events"
            " WHERE event_type = 'campaign_created'"
        ).fetchone()
    assert row is not None
    assert row[:2] == ("chosen-by-client.1", "local")
    assert row[2].startswith("tm_")


@pytest.mark.parametrize("given", ["a b", "x" * 101, "über", "<script>"])
async def test_what_is_no_plain_id_is_replaced(program: Program, given: str) -> None:
    said = await program.http.get(PATH, headers={"X-Request-ID": given.encode()})
    assert len(said.headers["X-Request-ID"]) == 36


async def test_a_large_body_is_refused_before_it_is_read(program: Program) -> None:
    declared = await program.http.post(PATH, content=b" " * (MOST_BODY_BYTES + 1))
    assert (declared.status_code, declared.json()["status"]) == (413, 413)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * 65536

    with_chunks = await program.http.post(PATH, content=pieces())
    assert with_chunks.status_code == 413
    assert (await program.post(PATH, {"name": "Chess"})).status_code == 201


async def test_a_compressed_body_and_too_many_headers_are_refused(program: Program) -> None:
    zipped = await program.http.post(PATH, content=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
    assert zipped.status_code == 415
    many = await program.http.get(PATH, headers={f"X-{number}": "x" for number in range(150)})
    assert many.status_code == 431


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b'{"name": NaN}', b'{"name": "\\ud800"}']
)
async def test_a_body_that_is_no_json_is_a_problem_not_a_fault(program: Program, body: bytes) -> None:
    said = await program.http.post(PATH, content=body, headers={"Content-Type": "application/json"})
    assert said.status_code in {400, 422}
    assert said.headers["Content-Type"] == PROBLEM


async def test_what_is_not_there_is_a_problem_too(program: Program) -> None:
    missing = await program.get("/nothing/here")
    assert (missing.status_code, missing.headers["Content-Type"]) == (404, PROBLEM)
    wrong = await program.http.delete(PATH)
    assert (wrong.status_code, wrong.headers["Content-Type"]) == (405, PROBLEM)
    assert (await program.get(f"{PATH}/not-an-id")).status_code == 422


async def test_a_fault_of_ours_is_told_by_its_id_alone(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_over(database)
    broken = APIRouter()

    @broken.get("/broken")
    async def fail() -> None:
        raise ValueError("the secret of anna@example.com")

    app.router.routes.extend(broken.routes)
    with caplog.at_level(logging.ERROR, logger="tastemaker"):
        async with served(app) as url, httpx.AsyncClient(base_url=url) as http:
            said = await http.get("/broken", headers={"X-Request-ID": "r1"})
    assert said.status_code == 500
    assert said.json()["request_id"] == "r1"
    assert "anna" not in said.text
    assert "r1" in caplog.text


async def test_one_key_cannot_take_all(database: Database, user: CurrentUser) -> None:
    keys = [await make_key(database, user) for _ in range(2)]
    app = app_over(database, config={RATE_LIMIT_PER_MINUTE: 3})
    async with served(app) as url, httpx.AsyncClient(base_url=url) as http:
        first = [await http.get(PATH, headers={"Authorization": f"Bearer {keys[0]}"}) for _ in range(5)]
        other = await http.get(PATH, headers={"Authorization": f"Bearer {keys[1]}"})
    assert [said.status_code for said in first[:3]] == [200] * 3
    assert first[-1].status_code == 429
    assert 1 <= int(first[-1].headers["Retry-After"]) <= 20
    assert other.status_code == 200


async def test_an_operator_may_let_them(database: Database, user: CurrentUser) -> None:
    key = await make_key(database, user)
    app = app_over(database, config={RATE_LIMIT_PER_MINUTE: 1, ENABLE_RATE_LIMITING: False})
    async with served(app) as url, httpx.AsyncClient(base_url=url) as http:
        said = [await http.get(PATH, headers={"Authorization": f"Bearer {key}"}) for _ in range(3)]
    assert {one.status_code for one in said} == {200}


async def test_health_tells_of_the_database(app_url: str, admin_url: str, database_name: str) -> None:
    async with (
        open_database(app_url, replace(LOCAL, wait=0.5)) as database,
        served(app_over(database)) as url,
        httpx.AsyncClient(base_url=url, timeout=30) as http,
    ):
        assert (await http.get("/healthz")).json() == {"status": "ok"}
        server = psycopg.conninfo.make_conninfo(admin_url, dbname="postgres")
        with psycopg.connect(server, autocommit=True) as owner:
            owner.execute(f'ALTER DATABASE "{database_name}" WITH ALLOW_CONNECTIONS false'.encode())
            owner.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (database_name,)
            )
            sick = await http.get("/healthz")
            refused = await http.get(PATH, headers={"Authorization": "Bearer tm_0123456789ab_" + "A" * 43})
            owner.execute(f'ALTER DATABASE "{database_name}" WITH ALLOW_CONNECTIONS true'.encode())
        assert {sick.status_code, refused.status_code} == {503}
        assert sick.headers["Retry-After"]
        assert refused.headers["Retry-After"]


async def test_every_answer_forbids_to_be_kept_or_guessed_at(program: Program) -> None:
    for said in (await program.get(PATH), await program.get("/nothing")):
        assert said.headers["Cache-Control"] == "no-store"
        assert said.headers["X-Content-Type-Options"] == "nosniff"
        assert "server" not in said.headers


async def test_the_interface_describes_itself(program: Program) -> None:
    described = (await program.get(OPENAPI)).json()
    app_paths = {path for path in described["paths"] if path.startswith("/api/")}
    assert PATH in app_paths
    assert "/api/v1/searches/{search_id}/results" in app_paths
    assert "CampaignDocument" in described["components"]["schemas"]


async def test_a_request_under_way_reaches_its_end_when_the_server_stops(database: Database) -> None:
    app = app_over(database)
    begun = asyncio.Event()

    async def slow(_request: object) -> PlainTextResponse:
        begun.set()
        await asyncio.sleep(0.5)
        return PlainTextResponse("done")

    app.router.routes.append(Route("/slow", slow))
    async with httpx.AsyncClient() as http:
        async with served(app) as url:
            asking = asyncio.create_task(http.get(f"{url}/slow"))
            await begun.wait()
        assert (await asking).text == "done"


def test_an_answer_does_not_wait_for_the_clients_acknowledgement() -> None:
    """With Nagle's algorithm the body of a small answer waits 40 ms behind its head."""
    with listening("127.0.0.1", 0) as listener:
        client = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
        with client, accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
