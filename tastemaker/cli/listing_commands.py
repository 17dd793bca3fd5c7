"""`tastemaker campaigns …` and `tastemaker searches …`: what there is, and one of them in full."""

from collections.abc import Sequence

from rich.text import Text

from tastemaker.campaigns.queries import Campaign, list_campaigns
from tastemaker.campaigns.service import get_campaign
from tastemaker.cli import report, screen, states
from tastemaker.cli.documents import campaign_document, run_document, search_document
from tastemaker.cli.numbers import UNKNOWN, counted, moment
from tastemaker.cli.plain_text import plain
from tastemaker.cli.session import Session
from tastemaker.cli.table import Column, table
from tastemaker.core.clock import utc_now
from tastemaker.db.engine import session_scope
from tastemaker.searches.queries import list_runs, list_searches
from tastemaker.searches.service import cancel_search, get_search
from tastemaker.searches.types import Run, Search

CAMPAIGN_COLUMNS = (
    Column(title="Campaign", least=16, most=60),
    Column(title="Status", rank=2),
    Column(title="Searches", right=True, rank=1),
    Column(title="Found", right=True),
    Column(title="Made (UTC)", least=16, rank=3),
    Column(title="Id", least=8, style="dim", rank=4),
)
SEARCH_COLUMNS = (
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
    Column(title="Pages", right=True, rank=1),
    Column(title="Ended because", least=14, rank=1),
)


async def show_campaigns(session: Session, *, limit: int, after: str | None, as_json: bool) -> None:
    async with session_scope(session.database, session.user.claim) as reading:
        page = await list_campaigns(reading, session.user.user_id, limit=limit, after=after)
    if as_json:
        screen.write_json({"campaigns": [campaign_document(one) for one in page.rows], "next": page.next})
        return
    if page.rows:
        show_table(CAMPAIGN_COLUMNS, [_campaign_row(campaign) for campaign in page.rows])
    elif after is None:
        screen.show("There is no campaign yet. `tastemaker search KEYWORD` makes one.")
    if page.next:
        screen.say(f"There are more: tastemaker campaigns list --after {page.next}")


async def show_campaign(session: Session, reference: str, *, as_json: bool) -> None:
    async with session_scope(session.database, session.user.claim) as reading:
        campaign = await get_campaign(reading, session.user, reference)
        searches = await list_searches(reading, session.user.user_id, campaign_id=campaign.id, limit=1000)
    if as_json:
        documents = [search_document(search) for search in searches]
        screen.write_json({**campaign_document(campaign), "searches": documents})
        return
    screen.show(Text(plain(campaign.name), style="bold"))
    about = (campaign.status, counted(campaign.searches, "search", "searches"), f"id {campaign.id}")
    screen.show(Text(" · ".join(about), style="dim"))
    if campaign.description:
        screen.show(plain(campaign.description))
    if searches:
        screen.show("")
        show_table(SEARCH_COLUMNS[:-1], [_search_row(search)[:-1] for search in searches])


async def show_searches(session: Session, *, campaign: str | None, limit: int, as_json: bool) -> None:
    async with session_scope(session.database, session.user.claim) as reading:
        found = await get_campaign(reading, session.user, campaign) if campaign else None
        searches = await list_searches(
            reading, session.user.user_id, campaign_id=found.id if found else None, limit=limit
        )
    if as_json:
        screen.write_json({"searches": [search_document(search) for search in searches]})
    elif not searches:
        screen.show("There is no search yet. `tastemaker search KEYWORD` begins one.")
    else:
        show_table(SEARCH_COLUMNS, [_search_row(search) for search in searches])


async def show_search(session: Session, reference: str, *, as_json: bool) -> None:
    async with session_scope(session.database, session.user.claim) as reading:
        search = await get_search(reading, session.user, reference)
        runs = await list_runs(reading, session.user.user_id, search.id)
    if as_json:
        screen.write_json({**search_document(search), "runs": [run_document(run) for run in runs]})
        return
    now = utc_now()
    screen.show(Text(f"{search.platform.value}: {plain(', '.join(search.keywords))}", style="bold"))
    for name, value in _facts(search):
        screen.show(Text.assemble((f"{name:<10}", "dim"), value), wraps=False)
    screen.show("")
    show_table(RUN_COLUMNS, [_run_row(run) for run in runs])
    for line in report.keyword_lines(runs):
        screen.show(Text(line, style="dim"))
    sentence = states.problem(search, now=now)
    if sentence:
        screen.show("")
        screen.show(Text(sentence, style="yellow"))


async def cancel(session: Session, reference: str, *, as_json: bool) -> None:
    async with session_scope(session.database, session.user.claim) as writing:
        search = await get_search(writing, session.user, reference)
        search = await cancel_search(writing, session.user, search)
    if as_json:
        screen.write_json(search_document(search))
    else:
        kept = counted(search.stored, "creator")
        screen.show(f"Cancelled search {states.short_id(search)}. Kept: {kept}.")


def show_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    console = screen.results()
    for line in table(columns, rows, width=console.width):
        console.print(line, no_wrap=True, overflow="crop")


def _campaign_row(campaign: Campaign) -> Sequence[str]:
    return (
        plain(campaign.name),
        campaign.status,
        f"{campaign.searches:,}",
        f"{campaign.creators:,}",
        moment(campaign.created_at),
        str(campaign.id)[: states.SHORT_ID],
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
    return (plain(run.keyword), f"{run.stored:,}", f"{run.found:,}", f"{run.pages:,}", ended)


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
