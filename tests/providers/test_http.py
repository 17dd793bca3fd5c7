"""The one door: what bounds a call, and what never leaves it."""

import gzip
import logging
import zlib

import httpx
import pytest

import tastemaker
from tastemaker.providers.base import Cost, ErrorKind, ProviderError
from tastemaker.providers.http import JsonResponse, get_json, make_client
from tests.providers.remote import Remote, Reply, always, as_json


async def get(http: httpx.AsyncClient, url: str, *, max_bytes: int = 10_000) -> JsonResponse:
    return await get_json(
        http, url, provider="Test", params={"q": "a b"}, headers={}, deadline_seconds=5, max_bytes=max_bytes
    )


async def failure(http: httpx.AsyncClient, url: str, *, max_bytes: int = 10_000) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        await get(http, url, max_bytes=max_bytes)
    return raised.value


async def test_an_answer_has_its_bytes_and_what_they_mean(http: httpx.AsyncClient, remote: Remote) -> None:
    remote.script = always(as_json({"a": ["x"]}))
    answer = await get(http, remote.url)
    assert (answer.status, answer.body, answer.raw) == (200, {"a": ["x"]}, b'{"a": ["x"]}')
    assert answer.headers["content-type"] == "application/json"
    sent = remote.asked[0].headers
    assert sent["user-agent"] == f"tastemaker/{tastemaker.__version__}"
    assert sent["accept-encoding"] == "gzip"


async def test_an_error_status_keeps_its_readable_body(http: httpx.AsyncClient, remote: Remote) -> None:
    remote.script = always(as_json({"error": "no"}, status=403))
    assert (await get(http, remote.url)).body == {"error": "no"}
    remote.script = always(Reply(b"x" * 20_000, status=503))
    assert (await get(http, remote.url)).body == {}


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_packed_answers_are_unpacked(
    http: httpx.AsyncClient, remote: Remote, encoding: str, pack: "type[bytes]"
) -> None:
    remote.script = always(Reply(pack(b'{"a": 1}'), headers={"Content-Encoding": encoding}))
    assert (await get(http, remote.url)).raw == b'{"a": 1}'


async def test_a_bomb_is_given_up_at_the_limit(http: httpx.AsyncClient, remote: Remote) -> None:
    bomb = gzip.compress(b'{"a": "' + b"x" * 20_000_000 + b'"}')
    assert len(bomb) < 100_000
    remote.script = always(Reply(bomb, headers={"Content-Encoding": "gzip"}))
    error = await failure(http, remote.url, max_bytes=100_000)
    assert (error.kind, error.final) == (ErrorKind.GARBAGE, True)


async def test_the_limit_is_exact(http: httpx.AsyncClient, remote: Remote) -> None:
    body = b'{"a": "' + b"x" * 991 + b'"}'
    remote.script = always(Reply(body))
    assert (await get(http, remote.url, max_bytes=len(body))).raw == body
    assert "more than 999 bytes" in str(await failure(http, remote.url, max_bytes=len(body) - 1))


@pytest.mark.parametrize(
    ("body", "encoding"),
    [(b"{}", "gzip"), (b"{}", "br"), (gzip.compress(b'{"a": 1}', mtime=0)[:-12], "gzip")],
)
async def test_wrongly_packed_answers_are_garbage(
    http: httpx.AsyncClient, remote: Remote, body: bytes, encoding: str
) -> None:
    remote.script = always(Reply(body, headers={"Content-Encoding": encoding}))
    assert (await failure(http, remote.url)).kind is ErrorKind.GARBAGE


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "example.com/x",
        "http://example.com:port/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:0/",
        "",
        "http:///x",
    ],
)
async def test_an_address_that_is_none_is_the_operators_to_mend(http: httpx.AsyncClient, url: str) -> None:
    error = await failure(http, url)
    assert "The address set for Test" in str(error)
    assert (error.kind, error.final, error.cost) == (ErrorKind.BAD_REQUEST, True, Cost(calls=0, units=0))


async def test_a_password_in_the_address_is_not_told(http: httpx.AsyncClient) -> None:
    error = await failure(http, "http://user:canary@127.0.0.1:9/")
    assert "canary" not in str(error)
    assert error.cost == Cost(calls=0, units=0)


async def test_the_clients_own_time_limits_do_not_cut_a_slow_call_short(remote: Remote) -> None:
    remote.script = always(Reply(b'{"a": 1}', pause=0.2))
    async with httpx.AsyncClient(timeout=0.05) as impatient:
        assert (await get(impatient, remote.url)).body == {"a": 1}


async def test_no_free_connection_in_time_costs_nothing(remote: Remote) -> None:
    remote.script = always(Reply(pause=0.5))
    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=0)) as full:
        with pytest.raises(ProviderError) as raised:
            await get_json(full, remote.url, provider="Test", params={}, headers={}, deadline_seconds=2)
    assert (raised.value.kind, raised.value.cost) == (ErrorKind.TIMEOUT, Cost(calls=0, units=0))


async def test_a_proxy_of_the_environment_is_not_used_towards_this_machine(
    remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    remote.script = always(as_json({"a": 1}))
    async with make_client() as client:
        assert (await get(client, remote.url)).body == {"a": 1}


async def test_no_query_is_logged(
    http: httpx.AsyncClient, remote: Remote, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await get(http, f"{remote.url}/path")
    line = next(record.getMessage() for record in caplog.records if record.name == "httpx")
    assert f"{remote.url}/path?…" in line
    assert "200 Told" in line
    assert "a+b" not in caplog.text
    assert "a%20b" not in caplog.text
