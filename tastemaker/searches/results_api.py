"""Reading creators page by page: what the routes of a search and of a campaign share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query
from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.core.ids import ExternalUserId, SearchId
from tastemaker.searches import results_queries
from tastemaker.searches.results import Filter, Place, Sort, make_filter
from tastemaker.searches.results_cursor import read_place, write_place
from tastemaker.searches.schemas import ResultsDocument, results_document

Limit = Annotated[int, Query(ge=1, le=200)]
After = Annotated[str | None, Query(max_length=400, description="`next` of the page before.")]
Followers = Annotated[int | None, Query(ge=0, le=10**15)]


@dataclass(frozen=True, slots=True)
class AskedPage:
    """Which creators, in what order, and from where on."""

    wanted: Filter
    sort: Sort
    after: Place | None
    limit: int


def _asked_page(
    *,
    limit: Limit = 50,
    after: After = None,
    sort: Sort = Sort.POSITION,
    min_followers: Followers = None,
    max_followers: Followers = None,
    has_email: bool = False,
) -> AskedPage:
    wanted = make_filter(min_followers=min_followers, max_followers=max_followers, has_email=has_email)
    return AskedPage(wanted, sort, read_place(sort, after), limit)


PageOfResults = Annotated[AskedPage, Depends(_asked_page)]


async def read_results(
    session: AsyncSession, user_id: ExternalUserId, searches: Sequence[SearchId], asked: AskedPage
) -> ResultsDocument:
    page = await results_queries.list_found(
        session,
        user_id,
        searches,
        wanted=asked.wanted,
        sort=asked.sort,
        after=asked.after,
        limit=asked.limit,
    )
    return results_document(page.creators, write_place(asked.sort, page.next))
