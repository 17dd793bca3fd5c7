import json
import time
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import pytest

from tastemaker.sandbox.faults import Faults
from tastemaker.sandbox.server import create_sandbox
from tests.sandbox.conftest import Running

SEARCH = "/youtube/v3/search"
TIKTOK = "/v1/tiktok/search/keyword"


async def ask(client: httpx.AsyncClient, path: str = SEARCH, **params: str) -> httpx.Response:
    known = {"q": "makeup", "query": "makeup", "part": "snippet", "type": "video", "key": "sandbox"}
    return await client.get(path, params=known | params, headers={"x-api-key": "sandbox"})


async def statuses(client: httpx.AsyncClient, count: int, path: str = SEARCH) -> list[int]:
    return [(await ask(client, path)).status_code for _ in range(count)]


async def test_nothing_goes_wrong_unasked(running: Running, corpus: Path) -> None:
    async with running(corpus) as client:
        assert await statuses(client, 10) == [200] * 10


async def test_every_nth_call_meets_the_rate_limit(running: Running, corpus: Path) -> None:
    async with running(corpus, Faults(rate_limit_every=3, retry_after=7)) as client:
        assert await statuses(client, 6) == [200, 200, 429, 200, 200, 429]
        await statuses(client, 2)
        assert (await ask(client)).headers["Retry-After"] == "7"


async def test_retry_after_can_be_a_date_or_missing(running: Running, corpus: Path) -> None:
    async with running(corpus, Faults(rate_limit_every=1, retry_after=3, retry_after_as_date=True)) as client:
        answer = await ask(client)
        assert 0 < parsedate_to_datetime(answer.headers["Retry-After"]).timestamp() - time.time() <= 4
    async with running(corpus, Faults(rate_limit_every=1, retry_after=None)) as client:
        assert "Retry-After" not in (await ask(client)).headers


async def test_server_errors_are_500_and_503_in_turn(running: Running, corpus: Path) -> None:
    async with running(corpus, Faults(server_error_every=2)) as client:
        assert await statuses(client, 6) == [200, 500, 200, 503, 200, 500]


async def test_both_services_have_their_own_words(running: Running, corpus: Path) -> None:
    async with running(corpus, Faults(rate_limit_every=2, server_error_every=3)) as client:
        assert await statuses(client, 4, TIKTOK) == [200, 429, 500, 429]
        assert (await ask(client, TIKTOK)).json()["success"] is True
        assert (await ask(client, TIKTOK)).json()["success"] is False
        assert await statuses(client, 2) == [200, 429]
        answer = await ask(client)
        assert answer.status_code == 500
        assert answer.json()["error"]["errors"][0]["reason"] == "backendError"


async def test_the_quota_ends(running: Running, corpus: Path) -> None:
    async with running(corpus, Faults(quota_after=2)) as client:
        assert await statuses(client, 3) == [200, 200, 403]
        (error,) = (await ask(client)).json()["error"]["errors"]
        assert (error["domain"], error["reason"]) == ("youtube.quota", "quotaExceeded")
        out = await ask(client, TIKTOK)
        assert out.status_code == 402
        assert out.json()["credits_remaining"] == 0


async def test_garbage_comes_as_a_page_as_cut_off_json_and_as_nothing(running: Running, corpus: Path) -> None:
    async with running(corpus, Faults(garbage_every=1)) as client:
        page, cut, nothing, again = [await ask(client) for _ in range(4)]
    assert page.headers["content-type"].startswith("text/html")
    assert {each.status_code for each in (page, cut, nothing)} == {200}
    with pytest.raises(json.JSONDecodeError):
        cut.json()
    assert cut.text.startswith('{"kind"')
    assert nothing.content == b""
    assert again.text == page.text


async def test_a_connection_is_dropped_in_the_middle(running: Running, corpus: Path) -> None:
    async with running(corpus, Faults(drop_every=2)) as client:
        assert (await ask(client)).status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            await ask(client)
        assert (await ask(client)).status_code == 200


async def test_answers_can_be_slow(running: Running, corpus: Path) -> None:
    async with running(corpus, Faults(latency=0.25)) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.get(SEARCH, params={"key": "sandbox"}, timeout=0.05)
        begin = time.monotonic()
        assert (await ask(client)).status_code == 200
        assert time.monotonic() - begin >= 0.25


async def test_a_cursor_can_lead_in_circles(running: Running, corpus: Path) -> None:
    async with running(corpus, Faults(cursor_loop=True)) as client:
        first = (await ask(client)).json()
        second = (await ask(client, pageToken=first["nextPageToken"])).json()
        assert second["items"] == first["items"]
        assert second["nextPageToken"] == first["nextPageToken"]
        tiktok = (await ask(client, TIKTOK)).json()
        assert (tiktok["cursor"], tiktok["has_more"]) == (0, 1)


async def test_pages_can_overlap(running: Running, corpus: Path) -> None:
    async with running(corpus, Faults(overlap=3)) as client:
        first = (await ask(client, maxResults="10")).json()
        second = (await ask(client, maxResults="10", pageToken=first["nextPageToken"])).json()
    assert second["items"][:3] == first["items"][-3:]
    assert len(second["items"]) == 13


async def test_the_rate_of_repeats_can_be_set(running: Running, corpus: Path) -> None:
    async with running(corpus, Faults(duplicate_rate=0)) as client:
        items = (await ask(client, maxResults="50")).json()["items"]
        assert len({item["snippet"]["channelId"] for item in items}) == 50
    async with running(corpus, Faults(duplicate_rate=0.8)) as client:
        items = (await ask(client, maxResults="50")).json()["items"]
        assert len({item["snippet"]["channelId"] for item in items}) < 25


async def test_switches_can_be_set_while_it_runs_and_calls_are_counted(
    running: Running, corpus: Path
) -> None:
    async with running(corpus) as client:
        await statuses(client, 2)
        await ask(client, TIKTOK)
        changed = await client.post("/_sandbox/faults", json={"rate_limit_every": 2})
        assert changed.json()["rate_limit_every"] == 2
        assert await statuses(client, 4) == [200, 429, 200, 429]
        await client.post("/_sandbox/faults", json={})
        assert await statuses(client, 2) == [200, 200]
        calls = (await client.get("/_sandbox/calls")).json()
    assert calls == {"total": 9, "calls": {SEARCH: 8, TIKTOK: 1}}


@pytest.mark.parametrize("body", ['{"nope": 1}', '{"overlap": -1}', '{"latency": "slow"}', "[]", ""])
async def test_unknown_switches_are_refused_by_name(running: Running, corpus: Path, body: str) -> None:
    async with running(corpus) as client:
        answer = await client.post("/_sandbox/faults", content=body)
        assert answer.status_code == 422
        assert await statuses(client, 1) == [200]


async def test_only_this_machine_sets_switches(corpus: Path) -> None:
    transport = httpx.ASGITransport(create_sandbox(corpus), client=("203.0.113.5", 1234))
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox.example") as client:
        assert (await client.post("/_sandbox/faults", json={})).status_code == 403


async def test_the_fault_injector_is_within_reach_of_a_test(corpus: Path) -> None:
    app = create_sandbox(corpus)
    app.state.sandbox.injector.set_faults(Faults(quota_after=0))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sandbox") as client:
        assert (await ask(client)).status_code == 403
