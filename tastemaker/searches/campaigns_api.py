"""What one does with a campaign and all its searches together: read what they found, delete them."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.accounts.api_access import Access, access
from tastemaker.campaigns.service import get_campaign
from tastemaker.core.ids import SearchId
from tastemaker.db.enums import ApiScope
from tastemaker.searches.erasing import delete_campaign
from tastemaker.searches.queries import list_searches
from tastemaker.searches.results_api import PageOfResults, read_results
from tastemaker.searches.schemas import ResultsDocument
from tastemaker.web.idempotency import Answer, answer, respond

MOST_SEARCHES: Final = 10_000
"""Of one campaign, whose creators are read together."""

router = APIRouter(prefix="/api/v1/campaigns", tags=["campaigns"])

Reading = Annotated[Access, access(ApiScope.SEARCHES_READ)]
Writing = Annotated[Access, access(ApiScope.CAMPAIGNS_WRITE)]


@router.get("/{campaign_id}/results", responses={200: {"model": ResultsDocument}})
async def results(caller: Reading, campaign_id: UUID, asked: PageOfResults) -> Response:
    """The creators that the campaign's searches found, also while they run."""

    async def work(session: AsyncSession) -> Answer:
        user = await caller.user(session)
        campaign = await get_campaign(session, user, str(campaign_id))
        searches = await list_searches(session, user.user_id, campaign_id=campaign.id, limit=MOST_SEARCHES)
        ids = [SearchId(search.id) for search in searches]
        return answer(await read_results(session, user.user_id, ids, asked))

    return respond(await caller.read(work))


@router.delete("/{campaign_id}", status_code=204)
async def delete(caller: Writing, campaign_id: UUID) -> Response:
    """Delete a campaign with all that is in it: gone at once, while a worker erases the rows."""

    async def work(session: AsyncSession) -> Answer:
        user = await caller.user(session)
        await delete_campaign(session, user, await get_campaign(session, user, str(campaign_id)))
        return Answer(b"", status=204)

    return await caller.once(work)
