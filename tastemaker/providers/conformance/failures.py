"""Tests of failures that every provider must handle, and checks of what an adapter returns."""

import logging
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

import httpx
import pytest
import pytest_asyncio

from tastemaker.core.clock import utc_now
from tastemaker.providers.base import Adapter, Capability, Cost, Creator, ErrorKind, Page, Post, ProviderError
from tastemaker.providers.conformance.remote import Remote, Reply, always, as_json, listening
from tastemaker.providers.conformance.wires import KEY, Item
from tastemaker.providers.http import make_client

FREE = Cost(calls=0, units=0)
STATUSES = {
    400: (ErrorKind.BAD_REQUEST, True),
    401: (ErrorKind.AUTH, True),
    402: (ErrorKind.QUOTA, False),
    403: (ErrorKind.AUTH, True),
    404: (ErrorKind.NOT_FOUND, True),
    429: (ErrorKind.RATE_LIMITED, False),
    500: (ErrorKind.SERVER, False),
    502: (ErrorKind.SERVER, False),
    503: (ErrorKind.SERVER, False),
    504: (ErrorKind.TIMEOUT, False),
}
GARBAGE = {
    "empty": (b"", False),
    "blank": (b"   ", False),
    "html": (b"<!doctype html><title>Sign in</title>", False),
    "truncated": (b'{"items": [{"id": "cut', False),
    "list": (b"[]", False),
    "text": (b'"text"', False),
    "binary": (b"\x00\x01\xff\xfe", False),
    "nested": (b'{"a":' + b"[" * 100_000, True),
    "nested-well": (b'{"a":' + b"[" * 500 + b"]" * 500 + b"}", True),
}
BAD_KEYS = ("", " ", "short", "has space inside", "line\r\nbreak-in-it", "clé-de-accès")

_ID = re.compile(r"[A-Za-z0-9_.\-]{1,128}")
_MOST = 2**63 - 1


class FailureConformance:
    """`ask`, `adapter`, `lost_call`, `key_variable` and `refusals` are the subclass's."""

    pytestmark = pytest.mark.asyncio
    capability: Capability

    @pytest_asyncio.fixture
    async def remote(self) -> AsyncIterator[Remote]:
        """A provider on loopback; `remote.script` decides what it answers."""
        async with listening() as server:
            yield server

    @pytest_asyncio.fixture
    async def http(self) -> AsyncIterator[httpx.AsyncClient]:
        async with make_client() as client:
            yield client

    def adapter(self, url: str, **options: object) -> Adapter:
        raise NotImplementedError

    async def ask(self, http: httpx.AsyncClient, url: str, **options: object) -> Page:
        raise NotImplementedError

    @property
    def lost_call(self) -> Cost:
        raise NotImplementedError

    @property
    def key_variable(self) -> str | None:
        raise NotImplementedError

    @property
    def refusals(self) -> Sequence[tuple[Item, ErrorKind]]:
        raise NotImplementedError

    async def failure(self, http: httpx.AsyncClient, url: str, **options: object) -> ProviderError:
        with pytest.raises(ProviderError) as raised:
            await self.ask(http, url, **options)
        return raised.value

    async def test_the_declaration_is_complete(self) -> None:
        declared = self.adapter("http://127.0.0.1:9").declaration
        assert declared.name.isidentifier()
        assert declared.platforms
        assert self.capability in declared.capabilities
        assert min(declared.page_size, declared.calls_per_second, declared.cost_per_page.calls) > 0
        assert declared.policy.keep_days is None or declared.policy.keep_days > 0
        assert declared.endpoints
        assert {endpoint.capability for endpoint in declared.endpoints} <= declared.capabilities
        assert len({endpoint.name for endpoint in declared.endpoints}) == len(declared.endpoints)
        for endpoint in declared.endpoints:
            assert 0 < endpoint.deadline_seconds <= 600  # noqa: PLR2004 - ten minutes
            assert (endpoint.cost.calls, endpoint.path[:1], endpoint.page_size > 0) == (1, "/", True)
            assert endpoint.stable_id_path
        assert declared.price_of(self.capability).calls >= 1

    @pytest.mark.parametrize("status", STATUSES)
    async def test_a_status_has_a_meaning_also_with_a_web_page_as_body(
        self, http: httpx.AsyncClient, remote: Remote, status: int
    ) -> None:
        remote.script = always(Reply(b"<html>oops</html>", status=status))
        error = await self.failure(http, remote.url)
        assert (error.kind, error.final) == STATUSES[status]
        assert error.cost.calls == len(remote.asked) == 1
        assert_declared(self.adapter(remote.url), remote.asked[0].path)

    async def test_a_refusal_with_status_200_is_no_empty_answer(
        self, http: httpx.AsyncClient, remote: Remote
    ) -> None:
        for body, kind in self.refusals:
            remote.script = always(as_json(body))
            error = await self.failure(http, remote.url)
            assert error.kind is kind, body
            assert error.cost.calls == 1

    @pytest.mark.parametrize("status", [429, 503])
    async def test_retry_after_comes_as_seconds_or_as_a_date(
        self, http: httpx.AsyncClient, remote: Remote, status: int
    ) -> None:
        later = (utc_now() + timedelta(seconds=90)).strftime("%a, %d %b %Y %H:%M:%S GMT")
        waits = []
        for value in ("17", later, "Wed, 21 Oct 2015 07:28:00 GMT", "soon", "-3", "1e999"):
            remote.script = always(Reply(status=status, headers={"Retry-After": value}))
            waits.append((await self.failure(http, remote.url)).retry_after)
        assert waits[0] == 17  # noqa: PLR2004 - as sent
        assert waits[1] == pytest.approx(90, abs=5)
        assert waits[2:] == [0, None, 0, None]

    @pytest.mark.parametrize("name", GARBAGE)
    async def test_what_is_no_object_is_garbage(
        self, http: httpx.AsyncClient, remote: Remote, name: str
    ) -> None:
        body, final = GARBAGE[name]
        remote.script = always(Reply(body))
        error = await self.failure(http, remote.url)
        assert (error.kind, error.final) == (ErrorKind.GARBAGE, final)
        assert error.cost == self.lost_call

    async def test_an_object_of_another_kind_is_garbage(
        self, http: httpx.AsyncClient, remote: Remote
    ) -> None:
        remote.script = always(as_json({"hello": "world"}))
        error = await self.failure(http, remote.url)
        assert (error.kind, error.final) == (ErrorKind.GARBAGE, False)

    async def test_a_huge_answer_is_given_up_at_the_limit(
        self, http: httpx.AsyncClient, remote: Remote
    ) -> None:
        remote.script = always(Reply(b'{"a": "' + b"x" * 50_000_000 + b'"}'))
        error = await self.failure(http, remote.url)
        assert (error.kind, error.final) == (ErrorKind.GARBAGE, True)
        assert "8,000,000 bytes" in str(error)

    async def test_a_slow_drip_ends_at_the_deadline(self, http: httpx.AsyncClient, remote: Remote) -> None:
        remote.script = always(Reply(b'{"a": "' + b"x" * 1000, drip=0.02))  # 20 seconds in all
        error = await self.failure(http, remote.url, deadline_seconds=0.2)
        assert (error.kind, error.final) == (ErrorKind.TIMEOUT, False)
        assert error.cost == self.lost_call

    async def test_silence_ends_at_the_deadline(self, http: httpx.AsyncClient, remote: Remote) -> None:
        remote.script = always(Reply(pause=0.6))
        assert (await self.failure(http, remote.url, deadline_seconds=0.1)).kind is ErrorKind.TIMEOUT

    async def test_a_reset_in_the_middle_is_worth_another_try(
        self, http: httpx.AsyncClient, remote: Remote
    ) -> None:
        remote.script = always(Reply(b'{"items": []}', cut=5))
        error = await self.failure(http, remote.url)
        assert (error.kind, error.final) == (ErrorKind.SERVER, False)
        assert error.cost == self.lost_call

    async def test_nobody_listening_costs_nothing(self, http: httpx.AsyncClient) -> None:
        error = await self.failure(http, "http://127.0.0.1:9")
        assert (error.kind, error.final, error.cost) == (ErrorKind.SERVER, False, FREE)
        assert "127.0.0.1" in str(error)

    async def test_a_redirect_is_not_followed(self, http: httpx.AsyncClient, remote: Remote) -> None:
        remote.script = always(Reply(status=302, headers={"Location": f"{remote.url}/login"}))
        assert (await self.failure(http, remote.url)).kind is ErrorKind.GARBAGE
        assert len(remote.asked) == 1

    async def test_a_malformed_key_makes_no_call(self, http: httpx.AsyncClient, remote: Remote) -> None:
        variable = self.key_variable
        for key in BAD_KEYS if variable else ():
            error = await self.failure(http, remote.url, key=key)
            assert (error.kind, error.final, error.cost) == (ErrorKind.AUTH, True, FREE)
            assert (variable or "") in str(error)
            assert not key.strip() or key not in str(error)
        assert not remote.asked

    async def test_the_key_is_sent_and_never_told(
        self, http: httpx.AsyncClient, remote: Remote, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        said = []
        for reply in (Reply(status=401), Reply(KEY.encode()), Reply(status=500), Reply(b"{", cut=0)):
            remote.script = always(reply)
            error = await self.failure(http, remote.url)
            said += [str(error), repr(error)]
        sent = [" ".join([*asked.params.values(), *asked.headers.values()]) for asked in remote.asked]
        assert all((KEY in one) is (self.key_variable is not None) for one in sent)
        assert KEY not in "".join(said) + caplog.text + repr(self.adapter(remote.url))
        assert "HTTP Request" in caplog.text  # the log line that would have carried it


def assert_storable(page: Page) -> None:
    """Ids that are ids, each once; no text that UTF-8 or PostgreSQL refuses; no count that is none."""
    ids = [creator.stable_id for creator in page.creators]
    posts = [post.post_id for post in page.posts]
    assert all(_ID.fullmatch(one) for one in [*ids, *posts])
    assert len(set(ids)) == len(ids)
    assert len(set(posts)) == len(posts)
    assert {post.creator_id for post in page.posts} <= set(ids)
    assert page.skipped >= 0
    things: list[Creator | Post] = [*page.creators, *page.posts]
    for thing in things:
        for name, value in asdict(thing).items():
            assert _is_storable(value), f"{name} is {value!r}"


def assert_declared(adapter: Adapter, asked: str) -> None:
    """The path of a call is one that the adapter declares; `{…}` in a declared one is any part of it."""
    paths = [endpoint.path for endpoint in adapter.declaration.endpoints]
    patterns = [re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(path)) for path in paths]
    assert any(re.search(f"{pattern}$", asked) for pattern in patterns), f"{asked} is not declared: {paths}"


def _is_storable(value: object) -> bool:
    if isinstance(value, str):
        return "\0" not in value and not any(0xD800 <= ord(character) <= 0xDFFF for character in value)  # noqa: PLR2004 - halves of pairs
    if isinstance(value, bool) or value is None:
        return True
    if isinstance(value, int):
        return 0 <= value <= _MOST
    if isinstance(value, datetime):
        return value.tzinfo is not None
    if isinstance(value, dict):
        return all(map(_is_storable, [*value, *value.values()]))
    return isinstance(value, tuple | list) and all(map(_is_storable, value))
