"""`tastemaker searches …`: each search, its state and how it ended."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from tastemaker.cli import creators_table as report
from tastemaker.cli import screen, states
from tastemaker.cli.groups import group
from tastemaker.cli.listing import Listing, answer, show_facts, show_table
from tastemaker.cli.options import Json, Limit
from tastemaker.cli.plain_text import plain
from tastemaker.cli.session import Session, with_session
from tastemaker.cli.table import Column
from tastemaker.core.clock import utc_now
from tastemaker.core.display import UNKNOWN, counted, moment
from tastemaker.db.transaction import transaction
from tastemaker.searches.queries import list_runs, list_searches
from tastemaker.searches.types import Run, Search

searches_app = group("searches")

Reference = Annotated[str, typer.Argument(metavar="SEARCH", help="An id, or the start of one.")]

COLUMNS = (
    Column(title="Search", least=8),
    Column(title="Keywords", least=10, most=50),
    Column(title="Platform", least=9),
    Column(title="Found", right=True, least=10),
    Column(title="State", least=12, rank=1),
    Column(title="Begun (UTC)", least=16, rank=2),
    Column(title="Campaign", least=12, most=40, rank=3, style="dim"),
)

RUN_COLUMNS = (
    Column(title="Keyword", least=10, most=60),
    Column(title="New", right=True),
    Column(title="Seen", right=True, rank=2),
    Column(title="Skipped", right=True, rank=3),
    Column(title="Pages", right=True, rank=1),
    Column(title="Ended because", least=14, rank=1),
)


def _search_row(search: Search) -> Sequence[str]:
    return (
        states.short_id(search),
        plain(", ".join(search.keywords)),
        search.platform.value,
        f"{search.stored:,} of {search.target:,}",
        states.word(search, now=utc_now()),
        moment(search.created_at),
        plain(search.campaign_name) or UNKNOWN,
    )


def _run_row(run: Run) -> Sequence[str]:
    ended = run.end_reason.value.replace("_", " ") if run.end_reason else UNKNOWN
    return (
        plain(run.keyword),
        f"{run.stored:,}",
        f"{run.found:,}",
        f"{run.skipped:,}",
        f"{run.pages:,}",
        ended,
    )


SEARCHES = Listing(
    "searches",
    COLUMNS,
    _search_row,
    empty="There is no search yet. `tastemaker search KEYWORD` begins one.",
    document=states.search_document,
)
SEARCHES_OF_CAMPAIGN: Listing[Search] = Listing(
    "searches", COLUMNS[:-1], lambda search: _search_row(search)[:-1], empty=""
)


@searches_app.command("list")
@with_session
async def show_all(
    session: Session,
    *,
    campaign: Annotated[
        str | None, typer.Option("--campaign", metavar="CAMPAIGN", help="Only the searches of this campaign.")
    ] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Show the searches, the newest first."""
    async with transaction(session.database, session.user.claim) as tx:
        campaign_id = None
        if campaign:
            from tastemaker.campaigns.service import get_campaign

            campaign_id = (await get_campaign(tx, session.user, campaign)).id
        searches = await list_searches(tx, session.user.user_id, campaign_id=campaign_id, limit=limit)
    SEARCHES.show(searches, as_json=as_json)


@searches_app.command("show")
@with_session
async def show_one(session: Session, search: Reference, *, as_json: Json = False) -> None:
    """Show a search, keyword by keyword."""
    from tastemaker.searches.service import get_search

    async with transaction(session.database, session.user.claim) as tx:
        found = await get_search(tx, session.user, search)
        runs = await list_runs(tx, session.user.user_id, found.id)
    if as_json:
        screen.write_json({**states.search_document(found), "runs": [asdict(run) for run in runs]})
        return
    screen.show(Text(f"{found.platform.value}: {plain(', '.join(found.keywords))}", style="bold"))
    show_facts(_facts(found))
    screen.show("")
    show_table(RUN_COLUMNS, [_run_row(run) for run in runs])
    for line in report.keyword_lines(runs):
        screen.show(Text(line, style="dim"))
    sentence = states.problem(found, now=utc_now())
    if sentence:
        screen.show("")
        screen.show(Text(sentence, style="yellow"))


@searches_app.command()
@with_session
async def cancel(session: Session, search: Reference, *, as_json: Json = False) -> None:
    """Stop a search. Its results stay; it cannot be resumed."""
    from tastemaker.searches.service import cancel_search, get_search

    async with transaction(session.database, session.user.claim) as tx:
        found = await get_search(tx, session.user, search)
        found = await cancel_search(tx, session.user, found)
    sentence = f"Cancelled search {states.short_id(found)}. Kept: {counted(found.stored, 'creator')}."
    answer(states.search_document(found), sentence, as_json=as_json)


@searches_app.command()
@with_session
async def resume(session: Session, search: Reference, *, as_json: Json = False) -> int:
    """Continue a search that was interrupted or waits for its provider."""
    from tastemaker.cli.search_steps import resume_and_finish

    return await resume_and_finish(session, search, as_json=as_json)


def _facts(search: Search) -> list[tuple[str, str]]:
    return [
        ("State", states.word(search, now=utc_now())),
        ("Found", f"{search.stored:,} of {search.target:,}"),
        ("Source", search.source or UNKNOWN),
        ("Campaign", plain(search.campaign_name) or UNKNOWN),
        ("Begun", f"{moment(search.started_at)} UTC" if search.started_at else UNKNOWN),
        ("Ended", f"{moment(search.completed_at)} UTC" if search.completed_at else UNKNOWN),
        ("Id", str(search.id)),
    ]
