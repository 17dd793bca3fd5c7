"""A search from its start to its end, against a scripted provider and a real database."""

import asyncio
from dataclasses import replace

import pytest

from tastemaker.core.errors import Conflict
from tastemaker.core.platforms import Platform
from tastemaker.db.pool import Database
from tastemaker.db.transaction import transaction
from tastemaker.providers import limits
from tastemaker.providers.base import Cost, ErrorKind, Page, ProviderError
from tastemaker.searches.queries import list_runs
from tastemaker.searches.run.failures import MAX_FAILURES, MAX_TIMEOUTS
from tastemaker.searches.service import cancel_search, resume_search
from tastemaker.searches.types import Outcome, Search, Status
from tests.searches.rows import many, one, write
from tests.searches.scripted import Bench, ScriptedProvider, page, pages_of, working


async def test_a_search_ends_full_with_every_creator_once(bench: Bench) -> None:
    provider = ScriptedProvider(pages_of(10, 35))
    search = await bench.start("chess", target=100)
    async with working(bench.database, provider):
        ended = await bench.finish(search)
    assert (ended.status, ended.outcome, ended.stored, ended.pages) == (
        Status.COMPLETED,
        Outcome.FULL,
        35,
        4,
    )
    assert ended.progress == 100
    assert await stable_ids(bench.database, search) == {f"UC{number:06}" for number in range(35)}
    assert [cursor for _, cursor in provider.asked] == [None, "10", "20", "30"]


async def test_never_more_than_the_target_are_stored_or_charged(bench: Bench) -> None:
    search = await bench.start("chess", target=23)
    async with working(bench.database, ScriptedProvider(pages_of(10, 1000))):
        ended = await bench.finish(search)
    assert (ended.stored, ended.outcome) == (23, Outcome.FULL)
    assert await one(bench.database, "SELECT count(*) FROM search_creators") == 23
    assert await one(bench.database, "SELECT count(*) FROM usage_charges") == 23
    assert await one(bench.database, "SELECT usage_creators_current_month FROM user_usage") == 23
    assert await one(bench.database, "SELECT sum(jsonb_array_length(creators)) FROM scraping_results") == 23
    assert await one(bench.database, "SELECT count(*) FROM creators") == 30, "the catalog keeps what was seen"


async def test_skipped_items_are_counted_for_each_keyword_and_the_search(bench: Bench) -> None:
    def script(keyword: str, cursor: str | None) -> Page:
        return replace(pages_of(10, 20)(keyword, cursor), skipped={"chess": 3, "opening": 1}[keyword])

    search = await bench.start("chess", "opening")
    async with working(bench.database, ScriptedProvider(script)):
        ended = await bench.finish(search)
    async with transaction(bench.database, bench.user.claim) as tx:
        runs = await list_runs(tx, bench.user.user_id, search.id)
    assert [(run.keyword, run.skipped) for run in runs] == [("chess", 6), ("opening", 2)]
    assert ended.skipped == 8


async def test_keywords_run_side_by_side_and_share_the_target(bench: Bench) -> None:
    def script(keyword: str, cursor: str | None) -> Page:
        start = {"chess": 0, "opening": 500, "endgame": 5}[keyword] + int(cursor or 0)
        return page(list(range(start, start + 10)), str(int(cursor or 0) + 10))

    search = await bench.start("chess", "opening", "endgame", target=57)
    async with working(bench.database, ScriptedProvider(script, delay=0.01)):
        ended = await bench.finish(search)
    assert (ended.stored, ended.outcome) == (57, Outcome.FULL)
    assert await one(bench.database, "SELECT count(DISTINCT stable_id) FROM search_creators") == 57
    assert await one(bench.database, "SELECT sum(stored) FROM scraping_runs") == 57
    assert await one(
        bench.database, "SELECT array_agg(position ORDER BY position) FROM search_creators"
    ) == list(range(1, 58))


async def test_a_creator_is_charged_once_in_a_period_whatever_the_searches(bench: Bench) -> None:
    provider = ScriptedProvider(pages_of(10, 20))
    async with working(bench.database, provider):
        await bench.finish(await bench.start("chess", target=50))
        again = await bench.finish(await bench.start("chess", target=60))
    assert again.stored == 20
    assert await one(bench.database, "SELECT usage_creators_current_month FROM user_usage") == 20
    assert await one(bench.database, "SELECT count(*) FROM search_creators") == 40


async def test_nothing_found_is_not_a_failure(bench: Bench) -> None:
    search = await bench.start("chess")
    async with working(bench.database, ScriptedProvider(pages_of(10, 0))):
        ended = await bench.finish(search)
    assert (ended.status, ended.outcome, ended.error) == (Status.COMPLETED, Outcome.NOTHING_FOUND, None)


async def test_a_provider_that_says_not_found_has_found_nothing(bench: Bench) -> None:
    absent = ProviderError(ErrorKind.NOT_FOUND, "No results.", final=True)
    search = await bench.start("chess")
    async with working(bench.database, ScriptedProvider(lambda _keyword, _cursor: absent)):
        ended = await bench.finish(search)
    assert (ended.status, ended.outcome, ended.error) == (Status.COMPLETED, Outcome.NOTHING_FOUND, None)


async def test_a_provider_that_fails_is_not_nothing_found(bench: Bench) -> None:
    refused = ProviderError(ErrorKind.AUTH, "YouTube refuses the key.", final=True)
    search = await bench.start("chess")
    async with working(bench.database, ScriptedProvider(lambda _keyword, _cursor: refused)):
        ended = await bench.finish(search)
    assert (ended.status, ended.outcome) == (Status.ERROR, Outcome.PROVIDER_FAILED)
    assert ended.error == "YouTube refuses the key."
    assert await one(bench.database, "SELECT status FROM provider_calls") == "failed"


async def test_what_was_found_before_a_failure_is_kept(bench: Bench) -> None:
    good = pages_of(10, 1000)

    def script(keyword: str, cursor: str | None) -> Page | Exception:
        broken = ProviderError(ErrorKind.BAD_REQUEST, "The page is gone.", final=True)
        return broken if cursor == "20" else good(keyword, cursor)

    search = await bench.start("chess")
    async with working(bench.database, ScriptedProvider(script)):
        ended = await bench.finish(search)
    assert (ended.status, ended.outcome, ended.stored) == (Status.ERROR, Outcome.PARTIAL, 20)


async def test_one_good_keyword_makes_a_partial_search_complete(bench: Bench) -> None:
    def script(keyword: str, cursor: str | None) -> Page | Exception:
        if keyword == "bad":
            return ProviderError(ErrorKind.BAD_REQUEST, "Not this word.", final=True)
        return pages_of(10, 10)(keyword, cursor)

    search = await bench.start("chess", "bad")
    async with working(bench.database, ScriptedProvider(script)):
        ended = await bench.finish(search)
    assert (ended.status, ended.outcome, ended.stored) == (Status.COMPLETED, Outcome.PARTIAL, 10)


async def test_a_passing_failure_is_asked_again(bench: Bench) -> None:
    answers = iter(
        [
            ProviderError(ErrorKind.RATE_LIMITED, "Slow down.", final=False, retry_after=0.05),
            ProviderError(ErrorKind.SERVER, "Not now.", final=False, retry_after=0.05),
            page([1, 2, 3], None),
        ]
    )
    search = await bench.start("chess")
    async with working(bench.database, ScriptedProvider(lambda _keyword, _cursor: next(answers))):
        ended = await bench.finish(search)
    assert (ended.outcome, ended.stored) == (Outcome.FULL, 3)
    assert await many(bench.database, "SELECT status FROM provider_calls ORDER BY started_at") == [
        "failed",
        "failed",
        "charged",
    ]


@pytest.mark.parametrize(
    ("cost", "calls"), [(Cost(calls=1, units=0), MAX_TIMEOUTS), (Cost(calls=0, units=0), MAX_FAILURES)]
)
async def test_who_does_not_answer_is_given_up_sooner(bench: Bench, cost: Cost, calls: int) -> None:
    silence = ProviderError(ErrorKind.TIMEOUT, "No answer.", final=False, retry_after=0.01, cost=cost)
    provider = ScriptedProvider(lambda _keyword, _cursor: silence)
    search = await bench.start("chess")
    async with working(bench.database, provider):
        ended = await bench.finish(search)
    assert (ended.status, ended.outcome, ended.error) == (Status.ERROR, Outcome.PROVIDER_FAILED, "No answer.")
    assert len(provider.asked) == calls


async def test_a_used_up_quota_parks_the_search_and_it_goes_on_when_told(bench: Bench) -> None:
    quota = ProviderError(ErrorKind.QUOTA, "The daily quota is used up.", final=False, retry_after=3600)
    answers = iter([page([1, 2], "2"), quota, page([3, 4], None)])
    search = await bench.start("chess")
    async with working(bench.database, ScriptedProvider(lambda _keyword, _cursor: next(answers))):
        parked = await bench.finish(search)
        assert (parked.status, parked.stored) == (Status.PENDING, 2)
        assert parked.parked_reason == "The daily quota is used up."
        async with transaction(bench.database, bench.user.claim) as tx:
            await resume_search(tx, bench.user, parked)
        ended = await bench.finish(search)
    assert (ended.status, ended.outcome, ended.stored) == (Status.COMPLETED, Outcome.FULL, 4)
    assert await many(
        bench.database, "SELECT event_type FROM events WHERE aggregate_type = 'job' ORDER BY seq"
    ) == [
        "search_started",
        "search_processing",
        "search_parked",
        "search_resumed",
        "search_processing",
        "search_finished",
    ]


async def test_the_plan_limit_cuts_a_page_exactly_and_says_so(bench: Bench) -> None:
    await write(bench.database, "UPDATE user_usage SET plan_creators_limit = 14")
    search = await bench.start("chess")
    async with working(bench.database, ScriptedProvider(pages_of(10, 1000))):
        ended = await bench.finish(search)
    assert (ended.status, ended.outcome, ended.stored) == (Status.COMPLETED, Outcome.PLAN_LIMIT, 14)
    assert await one(bench.database, "SELECT usage_creators_current_month FROM user_usage") == 14


@pytest.mark.parametrize(
    ("cursors", "pages"),
    [({None: "a", "a": "a"}, 2), ({None: "a", "a": "b", "b": "a"}, 3)],
    ids=["the same cursor again", "a circle of cursors"],
)
async def test_a_cursor_that_comes_again_ends_the_run(
    bench: Bench, cursors: dict[str | None, str], pages: int
) -> None:
    numbers = iter(range(1000))

    def script(_keyword: str, cursor: str | None) -> Page:
        return page([next(numbers)], cursors[cursor])

    search = await bench.start("chess")
    async with working(bench.database, ScriptedProvider(script)):
        ended = await bench.finish(search)
    assert (ended.status, ended.pages) == (Status.COMPLETED, pages)
    assert await one(bench.database, "SELECT end_reason FROM scraping_runs") == "cursor_loop"


async def test_pages_without_anybody_new_end_the_run(bench: Bench) -> None:
    numbers = iter(range(1000))
    search = await bench.start("chess")
    provider = ScriptedProvider(lambda _keyword, _cursor: page([1, 2], f"page-{next(numbers)}"))
    async with working(bench.database, provider):
        ended = await bench.finish(search)
    assert (ended.stored, ended.pages) == (2, 4)
    assert await one(bench.database, "SELECT end_reason FROM scraping_runs") == "no_new_creators"


async def test_cancelling_stops_within_a_page_and_keeps_what_was_found(bench: Bench) -> None:
    provider = ScriptedProvider(pages_of(5, 100_000), delay=0.05)
    search = await bench.start("chess", target=50_000)
    async with working(bench.database, provider):
        while (await bench.reload(search)).stored < 10:
            await asyncio.sleep(0.02)
        async with transaction(bench.database, bench.user.claim) as tx:
            cancelled = await cancel_search(tx, bench.user, search)
        asked = len(provider.asked)
        await asyncio.sleep(0.3)
        assert len(provider.asked) <= asked + 1
    assert (cancelled.status, cancelled.outcome) == (Status.CANCELLED, Outcome.CANCELLED)
    assert (await bench.reload(search)).stored == cancelled.stored >= 10
    with pytest.raises(Conflict):
        async with transaction(bench.database, bench.user.claim) as tx:
            await cancel_search(tx, bench.user, search)


async def test_an_adapter_that_breaks_is_a_failed_provider(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BACKOFF_SECONDS", 0.01)
    search = await bench.start("chess")
    provider = ScriptedProvider(lambda _keyword, _cursor: KeyError("items"))
    async with working(bench.database, provider):
        ended = await bench.finish(search, within=60)
    assert (ended.status, ended.outcome) == (Status.ERROR, Outcome.PROVIDER_FAILED)
    assert "could not understand an answer: KeyError at " in (ended.error or "")


async def test_a_creator_without_the_word_is_kept_and_nothing_is_claimed_of_it(bench: Bench) -> None:
    search = await bench.start("poker")
    async with working(bench.database, ScriptedProvider(pages_of(2, 2))):
        ended = await bench.finish(search)
    assert ended.stored == 2
    assert await many(bench.database, "SELECT matched_in FROM search_creators") == [[], []]


async def test_the_document_is_the_shape_that_readers_of_the_original_know(bench: Bench) -> None:
    search = await bench.start("chess", platform=Platform.YOUTUBE)
    async with working(bench.database, ScriptedProvider(pages_of(1, 1))):
        await bench.finish(search)
    (document,) = await one(bench.database, "SELECT creators FROM scraping_results")
    assert document["creator"]["channelId"] == "UC000000"
    assert document["video"]["statistics"] == {"likes": 0, "comments": None, "views": 0, "shares": None}
    assert document["platform"] == "YouTube"


async def test_a_message_that_fails_for_good_ends_its_run(bench: Bench) -> None:
    search = await bench.start("chess")
    await write(
        bench.database,
        "UPDATE background_jobs SET status = 'processing', worker = 'gone',"
        " retry_count = max_retries + 2, lease_until = app_now() - interval '1 s'",
    )
    async with working(bench.database, ScriptedProvider(pages_of(10, 20))):
        ended = await bench.finish(search)
    assert (ended.status, ended.outcome) == (Status.ERROR, Outcome.PROVIDER_FAILED)
    assert "fault of its own" in (ended.error or "")


async def stable_ids(database: Database, search: Search) -> set[str]:
    rows = await many(
        database,
        "SELECT stable_id FROM search_creators WHERE job_id = CAST(%(id)s AS uuid)",
        id=str(search.id),
    )
    return set(rows)
