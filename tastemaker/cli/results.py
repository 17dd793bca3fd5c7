"""`tastemaker results` and `tastemaker export`: what was found, on the screen or in a file."""

import shlex
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.campaigns.queries import Campaign
from tastemaker.campaigns.service import get_campaign
from tastemaker.catalog.filtering import Verified
from tastemaker.cli import creators_table as report
from tastemaker.cli import screen
from tastemaker.cli.csv_file import (
    STANDARD_OUTPUT,
    free_names,
    refuse_unwritable,
    refuse_unwritable_format,
    write_creators,
)
from tastemaker.cli.groups import single
from tastemaker.cli.options import Countries, HasEmail, IsVerified, Json, Languages, PostedWithin
from tastemaker.cli.plain_text import plain
from tastemaker.cli.session import Session, in_session
from tastemaker.cli.states import search_document, short_id
from tastemaker.core.display import counted
from tastemaker.core.errors import InvalidInput, NotFound
from tastemaker.core.ids import SearchId
from tastemaker.db.enums import ExportFormat
from tastemaker.db.transaction import Transaction, transaction
from tastemaker.searches.imports.queries import list_imports
from tastemaker.searches.queries import list_runs, list_searches
from tastemaker.searches.results.export import CAMPAIGN_COLUMNS, Columns, columns_of
from tastemaker.searches.results.filtering import EVERYTHING, ResultFilter, make_filter
from tastemaker.searches.results.paging import CampaignScope, ResultPosition, Scope, SearchScope, Sort
from tastemaker.searches.results.queries import (
    ResultsPage,
    as_found,
    count_results,
    list_results,
    stream_passing,
    stream_results,
)
from tastemaker.searches.service import get_search
from tastemaker.searches.types import Outcome, Run, Search

results_app = single()
export_app = single()

JSON_PAGE = 1000
MOST_SEARCHES = 10_000


@dataclass(frozen=True, slots=True)
class Meant:
    """Searches, oldest first, and the campaign where it was the campaign that was named."""

    campaign: Campaign | None
    searches: Sequence[Search]

    @property
    def name(self) -> str:
        return self.campaign.name if self.campaign else short_id(self.searches[0])

    @property
    def file_name(self) -> str:
        """`chess · 2026-11-23`, and for one search of it with the platform behind."""
        if self.campaign:
            return self.campaign.name
        search = self.searches[0]
        return f"{search.campaign_name or short_id(search)} {search.platform.value}"

    @property
    def scope(self) -> Scope:
        if self.campaign:
            return CampaignScope(self.campaign.id)
        return SearchScope(tuple(search.id for search in self.searches))

    @property
    def columns(self) -> Columns:
        return CAMPAIGN_COLUMNS if self.campaign else columns_of([self.searches[0].platform])


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`limit` None is 20 on the screen and everything in JSON."""

    reference: str
    sort: Sort
    wanted: ResultFilter
    limit: int | None
    as_json: bool


Reference = Annotated[
    str, typer.Argument(metavar="SEARCH|CAMPAIGN", help="An id, the start of one, or a campaign's name.")
]


SortBy = Annotated[
    Sort,
    typer.Option(
        "--sort", help="The largest or newest first, names from A; position is the order of arrival."
    ),
]
MinFollowers = Annotated[
    int | None, typer.Option("--min-followers", metavar="N", help="Only with at least so many.")
]
MaxFollowers = Annotated[
    int | None, typer.Option("--max-followers", metavar="N", help="Only with at most so many.")
]
MinViews = Annotated[
    int | None, typer.Option("--min-views", metavar="N", help="Only if the post shown has at least so many.")
]
Containing = Annotated[
    str | None, typer.Option("--text", metavar="TEXT", help="Only with this in name, handle, bio or post.")
]
Keywords = Annotated[
    list[str] | None,
    typer.Option("--keyword", metavar="WORD", help="Only found by this keyword (repeatable)."),
]


@results_app.command()
def results(  # noqa: PLR0913 - the options of a command
    reference: Reference,
    *,
    sort: SortBy = Sort.POSITION,
    min_followers: MinFollowers = None,
    max_followers: MaxFollowers = None,
    has_email: HasEmail = False,
    text: Containing = None,
    keyword: Keywords = None,
    language: Languages = None,
    country: Countries = None,
    verified: IsVerified = False,
    min_views: MinViews = None,
    posted_within: PostedWithin = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", metavar="N", min=1, help="How many (default: 20; all with --json)."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the creators that a search or a campaign found."""
    wanted = make_filter(
        min_followers=min_followers,
        max_followers=max_followers,
        has_email=has_email or None,
        text=text,
        keywords=tuple(keyword or ()),
        languages=tuple(language or ()),
        countries=tuple(country or ()),
        verified=(Verified.YES,) if verified else (),
        min_views=min_views,
        posted_within=posted_within,
    )
    question = Question(reference=reference, sort=sort, wanted=wanted, limit=limit, as_json=as_json)
    in_session(lambda session: _show_results(session, question))


@export_app.command()
def export(  # noqa: PLR0913 - the options of a command
    reference: Reference,
    *,
    sort: SortBy = Sort.POSITION,
    min_followers: MinFollowers = None,
    max_followers: MaxFollowers = None,
    has_email: HasEmail = False,
    text: Containing = None,
    keyword: Keywords = None,
    language: Languages = None,
    country: Countries = None,
    verified: IsVerified = False,
    min_views: MinViews = None,
    posted_within: PostedWithin = None,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, help="How many at most (default: all).")
    ] = None,
    file_format: Annotated[
        ExportFormat | None,
        typer.Option("--format", help="The kind of file (default: by the ending of FILE, else csv)."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where to; - is standard output (default: a new file here).",
        ),
    ] = None,
    bom: Annotated[bool, typer.Option("--bom", help="Begin with a byte order mark, for Excel.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
    as_json: Json = False,
) -> None:
    """Write the creators that a search or a campaign found into a file."""
    if as_json and output == STANDARD_OUTPUT:
        raise InvalidInput("With --json standard output is taken; name a file with -o.")
    wanted = make_filter(
        min_followers=min_followers,
        max_followers=max_followers,
        has_email=has_email or None,
        text=text,
        keywords=tuple(keyword or ()),
        languages=tuple(language or ()),
        countries=tuple(country or ()),
        verified=(Verified.YES,) if verified else (),
        min_views=min_views,
        posted_within=posted_within,
    )
    kind = file_format or _format_of(output)
    refuse_unwritable_format(kind, output)
    refuse_unwritable(output, overwrite=overwrite)
    question = Question(reference=reference, sort=sort, wanted=wanted, limit=limit, as_json=as_json)
    in_session(lambda session: _write_file(session, question, output, kind, bom=bom, overwrite=overwrite))


def _format_of(output: Path | None) -> ExportFormat:
    ending = output.suffix.lower().removeprefix(".") if output else ""
    return ExportFormat(ending) if ending in set(ExportFormat) else ExportFormat.CSV


async def _write_file(
    session: Session,
    question: Question,
    output: Path | None,
    kind: ExportFormat,
    *,
    bom: bool,
    overwrite: bool,
) -> None:
    async with transaction(session.database, session.user.claim) as tx:
        meant = await find_meant(tx, session.user, question.reference)
        imports = meant.campaign and await list_imports(tx, session.user.user_id, meant.campaign.id, limit=1)
    candidates = iter([output]) if output else free_names(meant.file_name, kind, folder=Path.cwd())
    database, user_id, wanted, sort = session.database, session.user.user_id, question.wanted, question.sort
    if wanted == EVERYTHING and sort is Sort.POSITION and question.limit is None and not imports:
        found = stream_results(database, user_id, [search.id for search in meant.searches])
    else:
        found = stream_passing(database, user_id, meant.scope, wanted=wanted, sort=sort, limit=question.limit)
    written = await write_creators(found, kind, meant.columns, candidates, bom=bom, overwrite=overwrite)
    if question.as_json:
        document = {"path": written.path, "creators": written.creators, "columns": list(meant.columns)}
        screen.write_json(document)
    elif written.path != STANDARD_OUTPUT:
        report.show_written(written)


async def find_meant(session: Transaction, user: CurrentUser, reference: str) -> Meant:
    """Raises NotFound, Conflict when it is ambiguous."""
    try:
        return Meant(None, [await get_search(session, user, reference)])
    except NotFound:
        pass
    try:
        campaign = await get_campaign(session, user, reference)
    except NotFound:
        raise NotFound(
            f"There is no search or campaign {reference[:80]!r}. "
            "`tastemaker searches list` and `tastemaker campaigns list` show them."
        ) from None
    searches = await list_searches(session, user.user_id, campaign_id=campaign.id, limit=MOST_SEARCHES)
    return Meant(campaign, searches[::-1])


async def _show_results(session: Session, question: Question) -> None:
    async with transaction(session.database, session.user.claim) as tx:
        meant = await find_meant(tx, session.user, question.reference)
        found = await count_results(tx, session.user.user_id, meant.scope)
        passing = await count_results(tx, session.user.user_id, meant.scope, wanted=question.wanted)
        cut_off = await _cut_off(tx, session, meant.searches)
    if question.as_json:
        await _write_document(session, meant, question, cut_off, found=found, passing=passing)
    else:
        await _show(session, meant, question, found=found, passing=passing)
        for sentence in report.keyword_lines([run for runs in cut_off.values() for run in runs]):
            screen.show(Text(sentence, style="yellow"))


async def _show(session: Session, meant: Meant, question: Question, *, found: int, passing: int) -> None:
    page = await _page(session, meant, question, limit=question.limit or report.SHOWN)
    if page.creators:
        report.show_creators(page.creators, keywords=report.keyword_count(meant.searches))
        options = _options(question)
        report.show_more(passing - len(page.creators), meant.name, options=options, total=passing)
        report.show_policy_note(meant.searches, page.creators)
    where = f"campaign “{plain(meant.name)}”" if meant.campaign else f"search {meant.name}"
    share = f"{passing:,} of " if question.wanted != EVERYTHING else ""
    screen.show(Text(f"{share}{counted(found, 'creator')} in {where}.", style="bold"))
    report.show_skipped(meant.searches)


async def _cut_off(
    tx: Transaction, session: Session, searches: Sequence[Search]
) -> dict[SearchId, list[Run]]:
    """The keywords of the searches that did not bring everything: what each gave, and why it ended."""
    return {
        search.id: await list_runs(tx, session.user.user_id, search.id)
        for search in searches
        if search.outcome not in {None, Outcome.FULL, Outcome.NOTHING_FOUND}
    }


async def _write_document(
    session: Session,
    meant: Meant,
    question: Question,
    cut_off: Mapping[SearchId, Sequence[Run]],
    *,
    found: int,
    passing: int,
) -> None:
    async def rows() -> AsyncIterator[object]:
        left = passing if question.limit is None else min(passing, question.limit)
        after = None
        while left > 0:
            page = await _page(session, meant, question, limit=min(left, JSON_PAGE), after=after)
            for creator in page.creators:
                yield asdict(as_found(creator))
            left, after = left - len(page.creators), page.next
            if after is None:
                return

    document = {
        "campaign": asdict(meant.campaign) if meant.campaign else None,
        "searches": [
            {**search_document(search), "runs": [asdict(run) for run in cut_off.get(search.id, ())]}
            for search in meant.searches
        ],
        "found": found,
        "passing": passing,
    }
    await screen.write_json_with_rows(document, "creators", rows())


async def _page(
    session: Session, meant: Meant, question: Question, *, limit: int, after: ResultPosition | None = None
) -> ResultsPage:
    async with transaction(session.database, session.user.claim) as tx:
        return await list_results(
            tx,
            session.user.user_id,
            meant.scope,
            wanted=question.wanted,
            sort=question.sort,
            after=after,
            limit=limit,
        )


def _options(question: Question) -> str:
    """The filters and the order, as they were typed."""
    wanted = question.wanted
    values = (
        ("--sort", question.sort.value if question.sort is not Sort.POSITION else None),
        ("--min-followers", wanted.min_followers),
        ("--max-followers", wanted.max_followers),
        *((name, "") for name, given in (("--has-email", wanted.has_email),) if given),
        ("--text", wanted.text),
        *(("--keyword", keyword) for keyword in wanted.keywords),
        *(("--language", language) for language in wanted.languages),
        *(("--country", country) for country in wanted.countries),
        *(("--verified", "") for _ in wanted.verified),
        ("--min-views", wanted.min_views),
        ("--posted-within", wanted.posted_within),
    )
    return "".join(
        f" {name} {shlex.quote(str(value))}" if value != "" else f" {name}"
        for name, value in values
        if value is not None
    )
