"""`tastemaker results` and `tastemaker export`: what was found, on the screen or in a file."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from tastemaker.cli import report, screen
from tastemaker.cli.csv_file import write_csv
from tastemaker.cli.documents import campaign_document, creator_document, run_document, search_document
from tastemaker.cli.numbers import counted
from tastemaker.cli.output_path import STANDARD_OUTPUT, free_names
from tastemaker.cli.plain_text import plain
from tastemaker.cli.references import Meant, find_meant
from tastemaker.cli.session import Session
from tastemaker.core.ids import SearchId
from tastemaker.db.engine import session_scope
from tastemaker.db.transaction import Transaction
from tastemaker.searches.queries import list_runs
from tastemaker.searches.results.paging import EVERYTHING, ResultFilter, ResultPosition, Sort
from tastemaker.searches.results.queries import ResultsPage, count_results, list_results
from tastemaker.searches.types import Outcome, Run, Search

JSON_PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`limit` None is 20 on the screen and everything in JSON."""

    reference: str
    sort: Sort
    wanted: ResultFilter
    limit: int | None
    as_json: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """`output` None is a new file named after what is exported."""

    reference: str
    output: Path | None
    bom: bool
    overwrite: bool
    as_json: bool


async def show_results(session: Session, question: Question) -> None:
    async with session_scope(session.database, session.user.claim) as reading:
        meant = await find_meant(reading, session.user, question.reference)
        ids = [search.id for search in meant.searches]
        found = await count_results(reading, session.user.user_id, ids)
        passing = await count_results(reading, session.user.user_id, ids, wanted=question.wanted)
        cut_off = await _cut_off(reading, session, meant.searches)
    if question.as_json:
        await _write_document(session, meant, question, cut_off, found=found, passing=passing)
    else:
        await _show(session, meant, question, found=found, passing=passing)
        for sentence in report.keyword_lines([run for runs in cut_off.values() for run in runs]):
            screen.show(Text(sentence, style="yellow"))


async def export(session: Session, order: Order) -> None:
    async with session_scope(session.database, session.user.claim) as reading:
        meant = await find_meant(reading, session.user, order.reference)
    candidates = iter([order.output]) if order.output else free_names(meant.file_name, folder=Path.cwd())
    ids = [search.id for search in meant.searches]
    written = await write_csv(
        session, ids, meant.columns, candidates, bom=order.bom, overwrite=order.overwrite
    )
    if order.as_json:
        screen.write_json(
            {"path": written.path, "creators": written.creators, "columns": list(meant.columns)}
        )
    elif written.path != STANDARD_OUTPUT:
        report.show_written(written)


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


async def _cut_off(
    reading: Transaction, session: Session, searches: Sequence[Search]
) -> dict[SearchId, list[Run]]:
    """The keywords of the searches that did not bring everything: what each gave, and why it ended."""
    return {
        search.id: await list_runs(reading, session.user.user_id, search.id)
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
                yield creator_document(creator)
            left, after = left - len(page.creators), page.next
            if after is None:
                return

    document = {
        "campaign": campaign_document(meant.campaign) if meant.campaign else None,
        "searches": [
            {**search_document(search), "runs": [run_document(run) for run in cut_off.get(search.id, ())]}
            for search in meant.searches
        ],
        "found": found,
        "passing": passing,
    }
    await screen.write_json_with_rows(document, "creators", rows())


async def _page(
    session: Session, meant: Meant, question: Question, *, limit: int, after: ResultPosition | None = None
) -> ResultsPage:
    async with session_scope(session.database, session.user.claim) as reading:
        return await list_results(
            reading,
            session.user.user_id,
            [search.id for search in meant.searches],
            wanted=question.wanted,
            sort=question.sort,
            after=after,
            limit=limit,
        )


def _options(question: Question) -> str:
    """The filters and the order, as they were typed."""
    wanted = question.wanted
    return "".join(
        (
            f" --sort {question.sort.value}" if question.sort is not Sort.POSITION else "",
            f" --min-followers {wanted.min_followers}" if wanted.min_followers is not None else "",
            f" --max-followers {wanted.max_followers}" if wanted.max_followers is not None else "",
            " --has-email" if wanted.has_email else "",
        )
    )
