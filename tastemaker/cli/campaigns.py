"""`tastemaker campaigns …`: what was searched for, grouped."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Annotated

import typer
from rich.text import Text

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.campaigns import service
from tastemaker.campaigns.queries import Campaign, list_campaigns
from tastemaker.cli import screen, states
from tastemaker.cli.groups import group
from tastemaker.cli.listing import Listing, answer
from tastemaker.cli.options import After, Json, Limit, Yes, confirm_deletion
from tastemaker.cli.plain_text import plain
from tastemaker.cli.searches import SEARCHES_OF_CAMPAIGN
from tastemaker.cli.session import Session, in_session, with_session
from tastemaker.cli.states import search_document
from tastemaker.cli.table import Column
from tastemaker.core.display import counted, moment
from tastemaker.core.errors import ExitCode
from tastemaker.core.money import parse_dollars
from tastemaker.db.transaction import Transaction, in_transaction, transaction
from tastemaker.searches.maintenance import delete_campaign, erase_next_batch
from tastemaker.searches.queries import list_searches

campaigns_app = group("campaigns")

Reference = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="A name, an id, or the start of an id.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="1 to 200 characters.")]
Change = Callable[[Transaction, CurrentUser, Campaign], Awaitable[Campaign]]

COLUMNS = (
    Column(title="Campaign", least=16, most=60),
    Column(title="Status", rank=2),
    Column(title="Searches", right=True, rank=1),
    Column(title="Found", right=True),
    Column(title="Made (UTC)", least=16, rank=3),
    Column(title="Id", least=8, style="dim", rank=4),
)


def _campaign_row(campaign: Campaign) -> Sequence[str]:
    return (
        plain(campaign.name),
        campaign.status,
        f"{campaign.searches:,}",
        f"{campaign.creators:,}",
        moment(campaign.created_at),
        str(campaign.id)[: states.SHORT_ID],
    )


CAMPAIGNS = Listing(
    "campaigns",
    COLUMNS,
    _campaign_row,
    empty="There is no campaign yet. `tastemaker search KEYWORD` makes one.",
)


@campaigns_app.command()
@with_session
async def create(
    session: Session,
    name: Name,
    *,
    description: Annotated[
        str | None, typer.Option("--description", metavar="TEXT", help="A description.")
    ] = None,
    search_type: Annotated[
        str,
        typer.Option("--search-type", metavar="TYPE", help="Type of its searches: keyword or similar."),
    ] = "keyword",
    as_json: Json = False,
) -> None:
    """Create a campaign. `tastemaker search --campaign` creates one too."""
    async with transaction(session.database, session.user.claim) as tx:
        made = await service.create_campaign(
            tx, session.user, name=name, search_type=search_type, description=description
        )
    _tell(made, "Made", as_json=as_json)


@campaigns_app.command("list")
@with_session
async def show_all(
    session: Session, *, limit: Limit = 50, after: After = None, as_json: Json = False
) -> None:
    """Show the campaigns, the newest first."""
    async with transaction(session.database, session.user.claim) as tx:
        page = await list_campaigns(tx, session.user.user_id, limit=limit, after=after)
    CAMPAIGNS.show_page(page, command="tastemaker campaigns list --after", as_json=as_json)


@campaigns_app.command("show")
@with_session
async def show_one(session: Session, campaign: Reference, *, as_json: Json = False) -> None:
    """Show a campaign and its searches."""
    async with transaction(session.database, session.user.claim) as tx:
        found = await service.get_campaign(tx, session.user, campaign)
        searches = await list_searches(tx, session.user.user_id, campaign_id=found.id, limit=1000)
    if as_json:
        documents = [search_document(search) for search in searches]
        screen.write_json({**asdict(found), "searches": documents})
        return
    screen.show(Text(plain(found.name), style="bold"))
    about = (found.status, counted(found.searches, "search", "searches"), f"id {found.id}")
    screen.show(Text(" · ".join(about), style="dim"))
    if found.description:
        screen.show(plain(found.description))
    if searches:
        screen.show("")
        SEARCHES_OF_CAMPAIGN.show_table(searches)


@campaigns_app.command()
def rename(campaign: Reference, name: Name, *, as_json: Json = False) -> None:
    """Give a campaign another name."""
    _change(campaign, "Renamed", partial(service.rename_campaign, name=name), as_json=as_json)


@campaigns_app.command()
def describe(
    campaign: Reference,
    description: Annotated[
        str, typer.Argument(metavar="TEXT", help="The description; an empty text removes it.")
    ],
    *,
    as_json: Json = False,
) -> None:
    """Set the description of a campaign."""
    change = partial(service.describe_campaign, description=description)
    _change(campaign, "Described", change, as_json=as_json)


@campaigns_app.command()
def archive(campaign: Reference, *, as_json: Json = False) -> None:
    """Archive a campaign: it takes no searches and does not count against the plan."""
    _change(campaign, "Archived", service.archive_campaign, as_json=as_json)


@campaigns_app.command()
def unarchive(campaign: Reference, *, as_json: Json = False) -> None:
    """Restore an archived campaign."""
    _change(campaign, "Restored", service.restore_campaign, as_json=as_json)


@campaigns_app.command()
@with_session
async def enrich(
    session: Session,
    campaign: Reference,
    *,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Show the estimated cost and fetch nothing.")
    ] = False,
    max_cost: Annotated[
        str | None, typer.Option("--max-cost", metavar="USD", help="The highest cost of all profiles.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Fetch the profiles of creators whose bio and e-mail no search told."""
    from tastemaker.cli.enriching import enrich_campaign, show_estimate

    async with transaction(session.database, session.user.claim) as tx:
        found = await service.get_campaign(tx, session.user, campaign)
    if estimate:
        await show_estimate(session, found, as_json=as_json)
        return ExitCode.OK
    limit = None if max_cost is None else parse_dollars(max_cost)
    return await enrich_campaign(session, found, max_cost=limit, as_json=as_json)


@campaigns_app.command()
@with_session
async def delete(session: Session, campaign: Reference, *, yes: Yes = False, as_json: Json = False) -> None:
    """Delete a campaign with its searches and their results. This cannot be undone."""
    async with transaction(session.database, session.user.claim) as tx:
        found = await service.get_campaign(tx, session.user, campaign)
    searches = counted(found.searches, "search", "searches")
    all_of_it = f"campaign “{plain(found.name)}” with {searches} and {counted(found.creators, 'result')}"
    confirm_deletion(all_of_it, yes=yes, as_json=as_json)
    await in_transaction(
        session.database,
        session.user.claim,
        lambda tx: delete_campaign(tx, session.user, found),
    )
    while await erase_next_batch(session.database, session.user.user_id, found.id) is not None:
        pass  # where this process is killed, `tastemaker work` continues
    answer({**asdict(found), "deleted": True}, f"Deleted {all_of_it}.", as_json=as_json)


def _change(reference: str, done: str, change: Change, *, as_json: bool) -> None:
    async def work(session: Session) -> None:
        async def work_in(tx: Transaction) -> Campaign:
            campaign = await service.get_campaign(tx, session.user, reference)
            return await change(tx, session.user, campaign)

        _tell(await in_transaction(session.database, session.user.claim, work_in), done, as_json=as_json)

    in_session(work)


def _tell(campaign: Campaign, done: str, *, as_json: bool) -> None:
    answer(asdict(campaign), f"{done} campaign “{plain(campaign.name)}”, id {campaign.id}.", as_json=as_json)
