"""When waiting helps and when it does not: quotas, and a disk that is full."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from tastemaker.config_store.declaration import DECLARED, ConfigKey
from tastemaker.config_store.hot_reload import Configuration
from tastemaker.config_store.keys import LONGEST_PARKING, PARK_ON_QUOTA
from tastemaker.db.transaction import transaction
from tastemaker.providers.base import ErrorKind, Page, ProviderError
from tastemaker.searches import service
from tastemaker.searches.run import runner
from tastemaker.searches.service import resume_search
from tastemaker.searches.types import Outcome, Status
from tests.searches.rows import many, one, write
from tests.searches.scripted import Bench, ScriptedProvider, page, pages_of, working


def used_up(*, final: bool = False, retry_after: float = 3600) -> ProviderError:
    return ProviderError(ErrorKind.QUOTA, "The quota is used up.", final=final, retry_after=retry_after)


@pytest.mark.parametrize(
    ("error", "changed"),
    [
        (used_up(final=True), {}),
        (used_up(retry_after=3 * 86400), {}),
        (used_up(retry_after=60), {LONGEST_PARKING: timedelta(seconds=30)}),
        (used_up(), {PARK_ON_QUOTA: False}),
    ],
    ids=["for good", "for too long", "longer than the operator waits", "the operator does not wait"],
)
async def test_a_quota_for_which_one_cannot_wait_ends_the_search(
    bench: Bench, error: ProviderError, changed: dict[ConfigKey[Any], Any]
) -> None:
    search = await bench.start("chess")
    provider = ScriptedProvider(lambda _keyword, _cursor: error)
    async with working(bench.database, provider, config=Configuration.of_defaults(changed)):
        ended = await bench.finish(search)
    assert (ended.status, ended.outcome, ended.error) == (
        Status.ERROR,
        Outcome.QUOTA,
        "The quota is used up.",
    )


async def test_a_page_works_with_one_state_of_the_configuration(bench: Bench) -> None:
    config = Configuration.of_defaults()
    defaults = {key: key.default for key in DECLARED.values()}

    def script(_keyword: str, _cursor: str | None) -> Exception:
        config.replace({**defaults, PARK_ON_QUOTA: False})  # while the provider is being asked
        return used_up()

    search = await bench.start("chess")
    async with working(bench.database, ScriptedProvider(script), config=config):
        parked = await bench.finish(search)
        assert (parked.status, parked.parked_until is not None) == (Status.PENDING, True)
        async with transaction(bench.database, bench.user.claim) as tx:
            await resume_search(tx, bench.user, parked)
        ended = await bench.finish(search, parked_ends=False)
    assert ended.outcome is Outcome.QUOTA, "the next page works with the new one"


async def test_going_on_is_not_lost_on_a_message_that_begins_to_wait_in_this_moment(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = await bench.start("chess")
    await write(bench.database, "UPDATE background_jobs SET status = 'processing', attempt = 1")
    publish_runs = service.publish_runs

    async def after_it_waits(*arguments: Any, **named: Any) -> int:  # noqa: ANN401 - whatever it is given
        later = "UPDATE background_jobs SET status = 'pending', scheduled_for = app_now() + interval '1 hour'"
        await write(bench.database, later)
        return await publish_runs(*arguments, **named)

    monkeypatch.setattr(service, "publish_runs", after_it_waits)
    async with transaction(bench.database, bench.user.claim) as tx:
        await resume_search(tx, bench.user, search)
    due = "SELECT status || CASE WHEN scheduled_for <= app_now() THEN ' now' ELSE ' later' END"
    assert await many(bench.database, f"{due} FROM background_jobs") == ["pending now"]


async def test_going_on_is_not_lost_on_a_message_that_looks_in_this_moment(bench: Bench) -> None:
    """One keyword has parked the search for long, the message of another one is due."""
    search = await bench.start("chess", target=20)
    await write(
        bench.database,
        "UPDATE scraping_jobs SET parked_until = app_now() + interval '1 hour', parked_reason = 'x',"
        " timeout_at = app_now() + interval '2 hours'",
    )
    async with AsyncExitStack() as stack:
        async with transaction(bench.database, bench.user.claim) as tx:
            await resume_search(tx, bench.user, search)
            await stack.enter_async_context(working(bench.database, ScriptedProvider(pages_of(10, 100))))
            await asyncio.sleep(0.5)
        assert (await bench.finish(search)).status is Status.COMPLETED


async def test_what_a_quota_left_is_partial_and_says_which_keyword(bench: Bench) -> None:
    def script(keyword: str, cursor: str | None) -> Page | Exception:
        if keyword == "chess":
            return page([1, 2], None)
        return used_up(final=True) if cursor else page([3], "2")

    search = await bench.start("chess", "makeup")
    async with working(bench.database, ScriptedProvider(script)):
        ended = await bench.finish(search)
    assert (ended.status, ended.outcome, ended.stored) == (Status.COMPLETED, Outcome.PARTIAL, 3)
    told = "SELECT jsonb_object_agg(keyword, jsonb_build_array(stored, end_reason)) FROM scraping_runs"
    assert await one(bench.database, told) == {"chess": [2, "exhausted"], "makeup": [1, "quota"]}


async def test_a_full_disk_parks_the_search_and_it_goes_on_after(
    bench: Bench, admin_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "SPACE_SECONDS", 1.5)
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute("""
            CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE SQLSTATE '53100' USING MESSAGE = 'could not extend file'; END $$;
            CREATE TRIGGER full_disk BEFORE INSERT ON scraping_results
                FOR EACH STATEMENT EXECUTE FUNCTION full_disk();""")
        search = await bench.start("chess", target=20)
        async with working(bench.database, ScriptedProvider(pages_of(10, 100))):
            parked = await bench.finish(search)
            assert (parked.status, parked.parked_reason) == (
                Status.PENDING,
                "The database's disk is full.",
            )
            assert await one(bench.database, "SELECT sum(failures) FROM scraping_runs") == 0
            admin.execute("DROP TRIGGER full_disk ON scraping_results")
            while (ended := await bench.reload(search)).status.is_open:
                await asyncio.sleep(0.05)
    assert (ended.outcome, ended.stored) == (Outcome.FULL, 20)
