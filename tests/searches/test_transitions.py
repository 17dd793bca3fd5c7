"""Only legal steps, and one event for each of them."""

import asyncio
from dataclasses import dataclass, field

import httpx
import psycopg
import pytest

from tastemaker.db.transaction import transaction
from tastemaker.providers.base import ErrorKind, KeywordQuery, Page, ProviderError
from tastemaker.searches.service import cancel_search, resume_search
from tests.searches.rows import many, one, write
from tests.searches.scripted import Bench, ScriptedProvider, page, pages_of, working

OPEN, ENDS = ("pending", "processing"), ("completed", "error", "timeout", "cancelled")

LOG_OF_STEPS = """
    CREATE TABLE steps (n serial, of text, before text, after text);
    GRANT ALL ON steps, steps_n_seq TO tastemaker_app;
    CREATE FUNCTION log_step() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO public.steps (of, before, after)
        VALUES (TG_TABLE_NAME, CASE TG_OP WHEN 'UPDATE' THEN OLD.status END, NEW.status);
        RETURN NEW;
    END $$;
    CREATE TRIGGER log_step AFTER INSERT ON scraping_jobs FOR EACH ROW EXECUTE FUNCTION log_step();
    CREATE TRIGGER log_change AFTER UPDATE OF status ON scraping_jobs
        FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION log_step();
    CREATE TRIGGER log_step AFTER INSERT ON campaigns FOR EACH ROW EXECUTE FUNCTION log_step();
    CREATE TRIGGER log_change AFTER UPDATE OF status ON campaigns
        FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION log_step();
"""

EVENT_OF_STEP = {
    ("scraping_jobs", None, "pending"): "search_started",
    ("scraping_jobs", "pending", "processing"): "search_processing",
    ("scraping_jobs", "processing", "pending"): "search_parked",
    ("campaigns", None, "draft"): "campaign_created",
    ("campaigns", "draft", "active"): "campaign_activated",
    ("campaigns", "completed", "active"): "campaign_activated",
    ("campaigns", "active", "completed"): "campaign_completed",
}


@pytest.mark.parametrize("table", ["scraping_jobs", "scraping_runs"])
@pytest.mark.parametrize("end", ENDS)
async def test_what_has_ended_never_opens_again(bench: Bench, table: str, end: str) -> None:
    await bench.start("chess")
    await write(bench.database, f"UPDATE {table} SET status = '{end}'")  # noqa: S608 - of this file's words
    for after in {*OPEN, *ENDS} - {end}:
        with pytest.raises(psycopg.IntegrityError, match=f"{end} never becomes {after}"):
            await write(bench.database, f"UPDATE {table} SET status = '{after}'")  # noqa: S608 - of this file's words


async def test_a_run_only_goes_forward(bench: Bench) -> None:
    await bench.start("chess")
    await write(bench.database, "UPDATE scraping_runs SET status = 'processing'")
    with pytest.raises(psycopg.IntegrityError, match="processing never becomes pending"):
        await write(bench.database, "UPDATE scraping_runs SET status = 'pending'")


@pytest.mark.parametrize(
    ("before", "after"),
    [("draft", "completed"), ("active", "draft"), ("active", "archived"), ("completed", "draft")],
)
async def test_a_campaign_skips_no_step(bench: Bench, before: str, after: str) -> None:
    await bench.start("chess")  # active
    if before != "active":
        await write(bench.database, "UPDATE campaigns SET status = 'completed'")
    if before == "draft":
        for step in ("archived", "draft"):
            await write(bench.database, "UPDATE campaigns SET status = %(step)s", step=step)
    with pytest.raises(psycopg.IntegrityError, match=f"{before} never becomes {after}"):
        await write(bench.database, "UPDATE campaigns SET status = %(after)s", after=after)


@dataclass
class Abreast(ScriptedProvider):
    """Answers the second pages of two keywords once both are asked for: neither parks the other before."""

    both: asyncio.Barrier = field(default_factory=lambda: asyncio.Barrier(2))

    async def search_keyword(self, http: httpx.AsyncClient, query: KeywordQuery, cursor: str | None) -> Page:
        if cursor is not None and (query.keyword, cursor) not in self.asked:
            self.asked.append((query.keyword, cursor))
            await self.both.wait()
        return await super().search_keyword(http, query, cursor)


async def test_every_step_has_exactly_one_event(bench: Bench, admin_url: str) -> None:
    """Parked by several keywords, resumed, ended, cancelled, begun again: the log tells each step once."""
    with psycopg.connect(admin_url) as admin:
        admin.execute(LOG_OF_STEPS)
    used_up = ProviderError(ErrorKind.QUOTA, "Used up.", final=False, retry_after=3600)
    answers = {"chess": iter([page([1], "2"), used_up, page([2], None)])}
    answers["makeup"] = iter([page([3], "2"), used_up, page([4], None)])

    def script(keyword: str, _cursor: str | None) -> Page | Exception:
        return next(answers[keyword])

    search = await bench.start("chess", "makeup")
    async with working(bench.database, Abreast(script)):
        while await one(bench.database, "SELECT count(*) FROM scraping_runs WHERE error_kind = 'quota'") != 2:
            await asyncio.sleep(0.02)  # both were refused, and it was kept: nothing parks it after this
        async with transaction(bench.database, bench.user.claim) as tx:
            await resume_search(tx, bench.user, await bench.reload(search))
        await bench.finish(search, parked_ends=False)
    async with working(bench.database, ScriptedProvider(pages_of(2, 4))):
        await bench.finish(await bench.start("again", target=3))
    other = await bench.start("never", target=3)
    async with transaction(bench.database, bench.user.claim) as tx:
        await cancel_search(tx, bench.user, other)

    steps = await many(bench.database, "SELECT to_jsonb(s) FROM steps s ORDER BY n")
    expected = sorted(EVENT_OF_STEP.get((s["of"], s["before"], s["after"]), "search_finished") for s in steps)  # type: ignore[index]  # rows as JSON
    told = await many(
        bench.database,
        "SELECT event_type FROM events WHERE aggregate_type IN ('job', 'campaign')"
        " AND event_type <> 'search_resumed'",
    )
    assert sorted(map(str, told)) == expected
    assert expected.count("search_finished") == 3
    assert await one(bench.database, "SELECT count(*) FROM events WHERE event_type = 'search_resumed'") == 1
