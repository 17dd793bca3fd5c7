"""`/`: what runs, what was searched lately, what the period still allows, and what this month cost."""

from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter
from fastapi.responses import Response

from tastemaker.accounts.sessions import SignedIn
from tastemaker.billing.plan_limits import find_allowance
from tastemaker.core.clock import utc_now
from tastemaker.db.transaction import Transaction
from tastemaker.journeys.campaign_pages import STATUS_WORDS
from tastemaker.journeys.new_search_pages import platform_choices, usual_platform
from tastemaker.journeys.overview_queries import list_campaign_figures
from tastemaker.journeys.search_form import SearchForm
from tastemaker.searches.cost_queries import CostGrouping, list_costs
from tastemaker.searches.progress import read_progress
from tastemaker.searches.queries import list_open_searches
from tastemaker.web.pages import page

RECENT: Final = 8
MOST_RUNNING: Final = 50
FIRST_KEYWORDS: Final = "fitness, yoga"

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Spending:
    """Of this calendar month, in UTC; money in millionths of a US dollar."""

    micros_usd: int
    calls: int


@router.get("/")
async def home(visit: SignedIn) -> Response:
    """Without a campaign: the first search, ready to start."""

    async def work(tx: Transaction) -> Response:
        recent = await list_campaign_figures(tx, visit.user_id, limit=RECENT)
        first = SearchForm(keywords=FIRST_KEYWORDS, platforms=usual_platform(visit))
        running = await list_open_searches(tx, visit.user_id, limit=MOST_RUNNING)
        return page(
            visit.request,
            "journeys/home.html",
            campaigns=recent,
            running=await read_progress(tx, visit.user_id, running),
            allowance=await find_allowance(tx, visit.user_id),
            spending=await _spending(tx, visit),
            words=STATUS_WORDS,
            form=first,
            **({} if recent else platform_choices(visit)),
        )

    return await visit.run(work)


async def _spending(tx: Transaction, visit: SignedIn) -> Spending:
    since = utc_now().date().replace(day=1)
    months = await list_costs(tx, CostGrouping.MONTH, user_id=visit.user_id, since=since, limit=1)
    return Spending(sum(one.micros_usd for one in months), sum(one.calls for one in months))
