"""`/`: the first page of a signed-in user."""

from fastapi import APIRouter
from fastapi.responses import Response

from tastemaker.accounts.sessions import SignedIn
from tastemaker.campaigns.queries import Campaign, list_campaigns
from tastemaker.db.keyset import KeysetPage
from tastemaker.db.transaction import Transaction
from tastemaker.web.pages import page

RECENT = 8

router = APIRouter(include_in_schema=False)


@router.get("/")
async def home(visit: SignedIn) -> Response:
    """Recent campaigns; without one, the way to the first search."""

    async def work(tx: Transaction) -> KeysetPage[Campaign]:
        return await list_campaigns(tx, visit.user_id, limit=RECENT)

    recent = await visit.run(work)
    return page(visit.request, "journeys/home.html", campaigns=recent.rows)
