"""From the searches that were asked for to their end on the screen: watch, write, tell."""

import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from rich.text import Text

from tastemaker.campaigns.queries import Campaign
from tastemaker.campaigns.service import get_campaign
from tastemaker.catalog.keywords import suggest_more
from tastemaker.cli import creators_table as report
from tastemaker.cli import screen, states
from tastemaker.cli.csv_file import Written, free_names, write_creators
from tastemaker.cli.plain_text import plain
from tastemaker.cli.progress import progress
from tastemaker.cli.search import Plan
from tastemaker.cli.searching import run_searches
from tastemaker.cli.session import Session
from tastemaker.cli.sources import (
    is_imported,
    needed_for,
    prepared_corpus,
    refuse_without_key,
)
from tastemaker.cli.states import search_document
from tastemaker.config_store.hot_reload import load_configuration
from tastemaker.config_store.keys import ENRICH_AUTOMATICALLY
from tastemaker.core.clock import utc_now
from tastemaker.core.display import counted
from tastemaker.core.errors import AppError, Conflict, ExitCode
from tastemaker.core.platforms import Platform
from tastemaker.db.claims import SYSTEM
from tastemaker.db.enums import ExportFormat
from tastemaker.db.transaction import in_transaction, transaction
from tastemaker.journeys.start_searches import start_or_continue
from tastemaker.ratelimit.service import close_breakers
from tastemaker.runtime import installation_for
from tastemaker.searches.results.export import columns_of
from tastemaker.searches.results.paging import SearchScope
from tastemaker.searches.results.queries import list_results, stream_results
from tastemaker.searches.service import get_search, resume_search
from tastemaker.searches.types import LIVE, SANDBOX, Search


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """Searches of one campaign on their way. `continued`: those that had begun before.

    `excluded`: how many creators `--exclude-campaign` leaves out; None without it.
    """

    campaign: Campaign
    searches: Sequence[Search]
    continued: Sequence[Search]
    source: str
    corpus: Path | None
    output: Path | None
    as_json: bool
    notice: str | None = None
    left_out: Sequence[Platform] = ()
    without_region: Sequence[Platform] = ()
    excluded: int | None = None

    @property
    def reference(self) -> str:
        """What to call it in another command."""
        return states.short_id(self.searches[0]) if len(self.searches) == 1 else self.campaign.name


async def begin_and_finish(session: Session, plan: Plan) -> ExitCode:
    """Ask for what was planned, and see it through."""
    wish, choice = plan.wish, plan.choice
    installation = await installation_for(session.database, session.settings)
    requests = plan.requests
    installation.refuse_unmatchable(choice.source, requests)
    if (await load_configuration(session.database))[ENRICH_AUTOMATICALLY]:
        requests = [replace(request, enrich=True) for request in requests]
    without_region = installation.without_region(choice.source, choice.platforms, wish.region)
    asked = await in_transaction(
        session.database,
        session.user.claim,
        partial(
            start_or_continue,
            user=session.user,
            requests=requests,
            campaign_name=wish.campaign,
            today=utc_now().date(),
            source=choice.source,
            exclude_campaigns=wish.exclude_campaigns,
        ),
    )
    begun = Begun(
        campaign=asked.campaign,
        searches=asked.searches,
        continued=asked.continued,
        source=choice.source,
        corpus=plan.corpus,
        output=wish.output,
        as_json=wish.as_json,
        notice=plan.notice,
        left_out=choice.left_out,
        without_region=without_region,
        excluded=asked.excluded,
    )
    return await finish(session, begun)


async def resume_and_finish(session: Session, reference: str, *, as_json: bool) -> ExitCode:
    """Raises NotFound, Conflict when it has ended, InvalidInput when its provider's key is missing."""
    async with transaction(session.database, session.user.claim) as tx:
        search = await get_search(tx, session.user, reference)
    is_sandbox = search.source == SANDBOX
    if not is_sandbox:
        refuse_without_key(session.settings, search.platform)
    corpus = prepared_corpus(session.settings) if is_sandbox else None
    async with transaction(session.database, session.user.claim) as tx:
        search = await resume_search(tx, session.user, search)
        if search.campaign_id is None:
            raise Conflict(f"Search {states.short_id(search)} belongs to no campaign.")
        campaign = await get_campaign(tx, session.user, str(search.campaign_id))
    begun = Begun(
        campaign=campaign,
        searches=[search],
        continued=[search],
        source=search.source or LIVE,
        corpus=corpus,
        output=None,
        as_json=as_json,
    )
    return await finish(session, begun)


async def finish(session: Session, begun: Begun) -> ExitCode:
    """Work until every search has ended or waits, and tell. The results are kept in every case."""
    if not begun.as_json:
        _say_what_begins(begun)
    if begun.continued and begun.source == LIVE:  # perhaps there are credits again, or the trouble is over
        await in_transaction(session.database, SYSTEM, close_breakers)
    with progress(is_quiet=begun.as_json) as shown:
        run = await run_searches(session, begun.searches, shown, corpus=begun.corpus)
    if run.interrupted:
        return _tell_interrupted(session, begun, run.searches)
    written = await _write(session, begun, run.searches)
    if begun.as_json:
        return await _tell_as_json(session, begun, run.searches, written)
    return await _tell(session, begun, run.searches, written)


def _say_what_begins(begun: Begun) -> None:
    keywords = report.quoted_keywords(begun.searches)
    if begun.continued:
        stored = sum(search.stored for search in begun.continued)
        target = sum(search.target for search in begun.continued)
        screen.say(f"Continuing the search interrupted at {stored:,} of {target:,}: {keywords}")
    else:
        screen.say(f"Searching for {keywords}")
    if begun.excluded is not None:
        screen.say(f"{counted(begun.excluded, 'creator')} of other campaigns left out.")
    for platform in begun.without_region:
        screen.say(f"{platform.value} is searched everywhere: its provider ignores --region.", style="yellow")


async def _write(session: Session, begun: Begun, searches: Sequence[Search]) -> Written | None:
    """The file nobody named is a service: where it cannot be written, the search is not for nothing."""
    if begun.output is None and not any(search.stored for search in searches):
        return None
    ids = [search.id for search in searches]
    columns = columns_of([search.platform for search in searches])
    named = iter([begun.output]) if begun.output is not None else None
    candidates = named or free_names(begun.campaign.name, ExportFormat.CSV, folder=Path.cwd())
    try:
        found = stream_results(session.database, session.user.user_id, ids)
        return await write_creators(found, ExportFormat.CSV, columns, candidates)
    except OSError as error:
        command = f"tastemaker export {shlex.quote(begun.reference)} -o FILE"
        if named:
            reason = f"{begun.output} cannot be written: {error.strerror}."
            raise AppError(f"{reason} What was found is kept; use: {command}") from None
        screen.say(f"No CSV was written here: {error.strerror}. Use: {command}", style="yellow")
        return None


async def _tell(
    session: Session, begun: Begun, searches: Sequence[Search], written: Written | None
) -> ExitCode:
    scope = SearchScope(tuple(search.id for search in searches))
    total = sum(search.stored for search in searches)
    async with transaction(session.database, session.user.claim) as tx:
        page = await list_results(tx, session.user.user_id, scope, limit=report.SHOWN)
    if page.creators:
        report.show_creators(page.creators, keywords=report.keyword_count(searches))
        report.show_more(total - len(page.creators), begun.reference, options="", total=total)
        report.show_policy_note(searches, page.creators)
    screen.show(Text(report.total_line(searches), style="bold"))
    if _has_criteria(searches):
        looked = sum(search.looked_at for search in searches)
        screen.show(f"Looked at {counted(looked, 'creator')}, {total:,} matched.")
    report.show_skipped(searches)
    if total:
        _show_where(session, begun, searches)
    if written is not None:
        report.show_written(written)
    for sentence in _problems(searches):
        screen.say(sentence, style="yellow")
    if hint := _suggestion(begun, searches):
        screen.say(hint)
    if more := await _further_keywords(session, searches):
        screen.say(f"To find more, search also for: {', '.join(more)}")
    return states.exit_code(searches)


def _show_where(session: Session, begun: Begun, searches: Sequence[Search]) -> None:
    ids = ", ".join(states.short_id(search) for search in searches)
    what = "search" if len(searches) == 1 else "searches"
    screen.show(f"Stored in {session.where}: campaign “{plain(begun.campaign.name)}”, {what} {ids}")


def _tell_interrupted(session: Session, begun: Begun, searches: Sequence[Search]) -> ExitCode:
    if begun.as_json:
        screen.write_json({**_document(session, begun, searches), "exit_code": ExitCode.INTERRUPTED})
        return ExitCode.INTERRUPTED
    stored = sum(search.stored for search in searches)
    screen.say(
        f"Stopped. {counted(stored, 'creator')} {'is' if stored == 1 else 'are'} kept. "
        "Run the same command again to continue."
    )
    return ExitCode.INTERRUPTED


async def _tell_as_json(
    session: Session, begun: Begun, searches: Sequence[Search], written: Written | None
) -> ExitCode:
    status = states.exit_code(searches)
    csv = {"path": written.path, "creators": written.creators} if written else None
    document = {**_document(session, begun, searches), "csv": csv, "exit_code": status}
    found = stream_results(session.database, session.user.user_id, [search.id for search in searches])
    rows = (asdict(creator) async for creator in found)
    await screen.write_json_with_rows(document, "creators", rows)
    return status


def _document(session: Session, begun: Begun, searches: Sequence[Search]) -> dict[str, object]:
    return {
        "source": begun.source,
        "notice": begun.notice,
        "excluded": begun.excluded,
        "region_ignored_by": begun.without_region,
        "left_out": [{"platform": one, "needs": needed_for(session.settings, one)} for one in begun.left_out],
        "stored_in": session.where,
        "campaign": {"id": begun.campaign.id, "name": begun.campaign.name},
        "continued": bool(begun.continued),
        "found": sum(search.stored for search in searches),
        "looked_at": sum(search.looked_at for search in searches) if _has_criteria(searches) else None,
        "skipped": sum(search.skipped for search in searches),
        "searches": [search_document(search) for search in searches],
        "problems": _problems(searches),
        "suggestion": _suggestion(begun, searches),
    }


async def _further_keywords(session: Session, searches: Sequence[Search]) -> Sequence[str]:
    """What would have found more, for searches by keywords that ended below their target."""
    low = [
        one for one in searches if one.stored < one.target and one.like is None and one.outcome is not None
    ]
    if not low:
        return ()
    made_up = low[0].source == SANDBOX
    async with transaction(session.database, session.user.claim) as tx:
        return await suggest_more(tx, low[0].keywords, made_up=made_up)


def _has_criteria(searches: Sequence[Search]) -> bool:
    return any(search.has_criteria for search in searches)


def _suggestion(begun: Begun, searches: Sequence[Search]) -> str | None:
    return report.suggestion(searches, is_made_up=begun.corpus is not None and not is_imported(begun.corpus))


def _problems(searches: Sequence[Search]) -> list[str]:
    now = utc_now()
    sentences = (states.problem(search, now=now) for search in searches)
    return [sentence for sentence in sentences if sentence]
