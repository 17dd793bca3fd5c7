"""`/api/v1/costs`: what the caller's searches cost."""

from dataclasses import asdict
from datetime import date
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.accounts.api_access import Access, access
from tastemaker.db.enums import ApiScope
from tastemaker.searches import cost_queries
from tastemaker.searches.cost_queries import list_spent
from tastemaker.web.idempotency import Answer, answer, respond

router = APIRouter(prefix="/api/v1/costs", tags=["costs"])

Reading = Annotated[Access, access(ApiScope.SEARCHES_READ)]


class By(StrEnum):
    """What one's own costs are summed by."""

    PROVIDER = "provider"
    CAMPAIGN = "campaign"
    SEARCH = "search"
    DAY = "day"
    MONTH = "month"


class CostDocument(BaseModel):
    """One line of the books; money in millionths of a US dollar.

    `micros_usd` is what was charged, failed calls included. The lost and the open ones are known by their
    estimate only.
    """

    name: str | None
    pages: int
    calls: int
    units: int
    micros_usd: int
    failed: int
    failed_micros_usd: int
    lost: int
    lost_micros_usd: int
    open: int
    open_micros_usd: int


class CostsDocument(BaseModel):
    by: By
    costs: list[CostDocument]


@router.get("", responses={200: {"model": CostsDocument}})
async def show(
    caller: Reading,
    by: By = By.PROVIDER,
    since: date | None = None,
    until: date | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """What was spent with which provider, the dearest first."""

    async def work(session: AsyncSession) -> Answer:
        rows = await list_spent(
            session,
            cost_queries.By(by),
            user_id=caller.caller.user_id,
            since=since,
            until=until,
            limit=limit,
        )
        return answer(CostsDocument(by=by, costs=[CostDocument(**asdict(row)) for row in rows]))

    return respond(await caller.read(work))
