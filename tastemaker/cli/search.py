"""`tastemaker search` up to the moment when everything is ready: checked, estimated, prepared."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from tastemaker.catalog.filtering import CreatorFilter, Verified, read_range
from tastemaker.cli import screen
from tastemaker.cli.csv_file import STANDARD_OUTPUT, refuse_unwritable
from tastemaker.cli.groups import single
from tastemaker.cli.listing import show_table
from tastemaker.cli.options import Countries, HasEmail, IsVerified, Json, Languages, PostedWithin
from tastemaker.cli.session import Session, at_head, in_session, open_session
from tastemaker.cli.sources import choose, is_imported, notice, prepared_corpus
from tastemaker.cli.table import Column
from tastemaker.core.errors import ExitCode, InvalidInput
from tastemaker.core.money import dollars, parse_dollars
from tastemaker.core.settings import Settings, get_settings
from tastemaker.db.transaction import transaction
from tastemaker.searches.cost_estimate import CostEstimate, estimate_cost
from tastemaker.searches.types import SANDBOX, SearchRequest, SourceChoice, make_request

search_app = single()

STOPPED = {"error": "Stopped.", "kind": "interrupted", "exit_code": ExitCode.INTERRUPTED}
COLUMNS = (
    Column(title="Platform", least=9),
    Column(title="Pages", right=True),
    Column(title="of them paid", right=True, rank=2),
    Column(title="Profiles", right=True, rank=3),
    Column(title="Calls", right=True),
    Column(title="Units", right=True, rank=1),
    Column(title="Cost", right=True, least=8),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was typed."""

    keywords: Sequence[str]
    like: str | None
    platforms: Sequence[str]
    target: int
    campaign: str | None
    region: str | None
    sandbox: bool
    output: Path | None
    estimate: bool
    max_cost: str | None
    exclude_campaigns: Sequence[str]
    enrich: bool
    criteria: CreatorFilter
    most_looked: int | None
    as_json: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What will be done. `corpus` is the sandbox's, None where the live platforms are searched."""

    wish: Wish
    choice: SourceChoice
    requests: Sequence[SearchRequest]
    corpus: Path | None
    notice: str | None


Platforms = Annotated[
    list[str] | None,
    typer.Option(
        "--platform",
        metavar="NAME",
        help="youtube, tiktok, instagram or all; repeat it, or separate by commas."
        " Default: all with a key, or the sandbox's.",
    ),
]
Region = Annotated[
    str | None,
    typer.Option("--region", metavar="XX", help="A country code, such as US, if the platform has it."),
]
Like = Annotated[
    str | None,
    typer.Option(
        "--like", metavar="ACCOUNT", help="Search for creators like this one: a handle or an address."
    ),
]
ExcludedCampaigns = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude-campaign",
        metavar="CAMPAIGN",
        help="Leave out the creators that this campaign found; repeat it for several.",
    ),
]
Keywords = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEYWORD...]", help="What to search for; each keyword is searched."),
]
Target = Annotated[
    int, typer.Option("--target", metavar="N", help="How many creators at most, on each platform.")
]
CampaignName = Annotated[
    str | None,
    typer.Option("--campaign", metavar="NAME", help="The campaign of the search; created if missing."),
]
Sandboxed = Annotated[bool, typer.Option("--sandbox", help="Search the sandbox even if keys are set.")]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="The CSV file (default: a new one in this folder)."),
]
EstimateOnly = Annotated[bool, typer.Option("--estimate", help="Show the estimated cost and do not search.")]
MaxCost = Annotated[
    str | None,
    typer.Option("--max-cost", metavar="USD", help="The highest cost, on each platform."),
]
Enriched = Annotated[
    bool,
    typer.Option("--enrich", help="Fetch the profiles too, for bio and e-mail where pages tell none."),
]
Followers = Annotated[
    str | None,
    typer.Option("--followers", metavar="RANGE", help="Only with so many followers, such as 10k-100k."),
]
MostLooked = Annotated[
    int | None,
    typer.Option(
        "--look-at", metavar="N", help="Compare at most N creators (default: 20 for each wanted one)."
    ),
]


@search_app.command()
def search(  # noqa: PLR0913 - the options of a command
    keywords: Keywords = None,
    *,
    like: Like = None,
    platform: Platforms = None,
    target: Target = 100,
    campaign: CampaignName = None,
    region: Region = None,
    sandbox: Sandboxed = False,
    output: Output = None,
    estimate: EstimateOnly = False,
    max_cost: MaxCost = None,
    exclude_campaign: ExcludedCampaigns = None,
    enrich: Enriched = False,
    followers: Followers = None,
    has_email: HasEmail = False,
    language: Languages = None,
    country: Countries = None,
    verified: IsVerified = False,
    posted_within: PostedWithin = None,
    most_looked: MostLooked = None,
    as_json: Json = False,
) -> int:
    """Search for creators, show them, and write a CSV.

    With filters it continues until as many creators match them. The same command continues a search that was
    interrupted.
    """
    return prepare(
        Wish(
            keywords=keywords or (),
            like=like,
            platforms=platform or (),
            target=target,
            campaign=campaign,
            region=region,
            sandbox=sandbox,
            output=output,
            estimate=estimate,
            max_cost=max_cost,
            exclude_campaigns=exclude_campaign or (),
            enrich=enrich,
            criteria=_criteria(followers, has_email, language, country, verified, posted_within),
            most_looked=most_looked,
            as_json=as_json,
        )
    )


def _criteria(
    followers: str | None,
    has_email: bool,  # noqa: FBT001 - a flag that was typed
    languages: Sequence[str] | None,
    countries: Sequence[str] | None,
    verified: bool,  # noqa: FBT001 - the same
    posted_within: int | None,
) -> CreatorFilter:
    """Raises InvalidInput."""
    least, most = read_range("followers", followers) if followers else (None, None)
    return CreatorFilter(
        min_followers=least,
        max_followers=most,
        has_email=has_email or None,
        languages=tuple(languages or ()),
        countries=tuple(countries or ()),
        verified=(Verified.YES,) if verified else (),
        posted_within=posted_within,
    )


def prepare(wish: Wish) -> ExitCode:
    """Raises InvalidInput before anything is started; DatabaseUnavailable, LimitReached, Conflict."""
    settings = get_settings()
    if not wish.keywords and wish.like is None:
        raise InvalidInput("Give a keyword to search for, or --like @NAME for creators like one.")
    choice = choose(settings, wish.platforms, sandbox=wish.sandbox)
    max_cost = None if wish.max_cost is None else parse_dollars(wish.max_cost)
    requests = [
        make_request(
            platform=platform,
            keywords=wish.keywords,
            target=wish.target,
            region=wish.region,
            max_cost=max_cost,
            enrich=wish.enrich,
            like=wish.like,
            criteria=wish.criteria,
            most_looked=wish.most_looked,
        )
        for platform in choice.platforms
    ]
    if wish.estimate:
        in_session(lambda session: _show_estimate(session, choice, requests, as_json=wish.as_json))
        return ExitCode.OK
    if wish.output == STANDARD_OUTPUT:
        raise InvalidInput("A search writes its CSV into a file. `tastemaker export` can write it to -.")
    refuse_unwritable(wish.output)
    try:
        return _prepare_and_run(settings, wish, choice, requests)
    except KeyboardInterrupt:  # while preparing, or while telling: what was found is kept in either case
        if wish.as_json:
            screen.write_json(STOPPED)
        else:
            screen.say("Stopped.")
        return ExitCode.INTERRUPTED


def _prepare_and_run(
    settings: Settings, wish: Wish, choice: SourceChoice, requests: Sequence[SearchRequest]
) -> ExitCode:
    corpus = prepared_corpus(settings) if choice.source == SANDBOX else None
    sentence = notice(choice, settings, is_imported=corpus is not None and is_imported(corpus))
    if sentence and not wish.as_json:
        screen.say(sentence, style="yellow")
    plan = Plan(wish=wish, choice=choice, requests=requests, corpus=corpus, notice=sentence)
    with at_head() as (_, access):
        from tastemaker.cli.search_steps import begin_and_finish

        return asyncio.run(open_session(settings, access, lambda session: begin_and_finish(session, plan)))


async def _show_estimate(
    session: Session, choice: SourceChoice, requests: Sequence[SearchRequest], *, as_json: bool
) -> None:
    from tastemaker.runtime import installation_for

    declared = (await installation_for(session.database, session.settings)).declarations(choice.source)
    async with transaction(session.database, session.user.claim) as tx:
        found = [
            await estimate_cost(
                tx,
                session.user.user_id,
                request,
                declared[request.platform],
                is_sandbox=choice.source == SANDBOX,
            )
            for request in requests
        ]
    total = sum(one.micros_usd for one in found)
    is_free = choice.source == SANDBOX
    if as_json:
        screen.write_json(
            {
                "source": choice.source,
                "estimates": [_document(one) for one in found],
                "micros_usd": 0 if is_free else total,
            }
        )
        return
    show_table(COLUMNS, [_row(one) for one in found])
    least, most = sum(one.least_micros_usd for one in found), sum(one.most_micros_usd for one in found)
    between = "" if least == most else f", {dollars(least)} to {dollars(most)}"
    if is_free:
        screen.show(f"The sandbox costs nothing. A live search would cost about {dollars(total)}{between}.")
    else:
        screen.show(f"The search would cost about {dollars(total)}{between}. No request was sent.")
    for one in found:
        if one.matching is not None:
            share = f"{100 * one.matching:.0f} %"
            screen.show(f"{share} of the known creators on {one.platform.value} match.")


def _row(one: CostEstimate) -> tuple[str, ...]:
    return (
        one.platform.value,
        f"{one.pages:,}",
        f"{one.paid:,}",
        f"{one.profiles:,}",
        f"{one.calls:,}",
        f"{one.units:,}",
        dollars(one.micros_usd),
    )


def _document(one: CostEstimate) -> dict[str, Any]:
    return {**asdict(one), "platform": one.platform.value}
