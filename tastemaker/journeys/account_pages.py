"""`/settings/account/export` and `/settings/account/deletion`: what one takes along, and leaving for good."""

from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Form
from fastapi.responses import Response, StreamingResponse

from tastemaker.accounts import identity
from tastemaker.accounts.identity import WrongPassword
from tastemaker.accounts.identity_queries import FIND_OF_USER, PasswordCredentials
from tastemaker.accounts.sessions import COOKIE, SignedIn, Visit
from tastemaker.core.errors import Conflict
from tastemaker.db.claims import SYSTEM
from tastemaker.db.transaction import in_transaction, transaction
from tastemaker.events.names import Source
from tastemaker.journeys.account_deletion import delete_own_account
from tastemaker.journeys.data_export import export_person
from tastemaker.web.pages import page, redirect
from tastemaker.web.problems import TooManyRequests

PATH: Final = "/settings/account"
WORD: Final = "delete"

Text = Annotated[str, Form(max_length=1_000, pattern=r"^[^\x00]*$")]

router = APIRouter(include_in_schema=False)


@router.get(f"{PATH}/export")
async def export_data(visit: SignedIn) -> Response:
    """A file; nothing is kept of it."""
    visit.needs_owner()
    return StreamingResponse(
        export_person(visit.database, visit.user_id),
        media_type="application/json",
        headers={"Content-Disposition": 'attachment; filename="tastemaker-my-data.json"'},
    )


@router.get(f"{PATH}/deletion")
async def show_deletion(visit: SignedIn) -> Response:
    visit.needs_owner()
    return await _page(visit)


@router.post(f"{PATH}/deletion")
async def delete_account(visit: SignedIn, password: Text = "", word: Text = "") -> Response:
    """The password is asked for; without one the word is typed."""
    visit.needs_owner()
    try:
        await _prove(visit, password, word)
        await in_transaction(
            visit.database,
            SYSTEM,
            partial(delete_own_account, user_id=visit.user_id, source=Source.USER_ACTION),
        )
    except (WrongPassword, TooManyRequests, Conflict) as error:
        return await _page(visit, status=error.status, wrong=str(error))
    response = redirect("/sign-in", said="Your account is deleted. What was yours is being erased.")
    response.delete_cookie(COOKIE)
    return response


async def _prove(visit: Visit, password: str, word: str) -> None:
    """Raises WrongPassword, TooManyRequests."""
    known = await _credentials(visit)
    if known is None and word.strip().lower() != WORD:
        raise WrongPassword(f"Type the word {WORD}.")
    if known is not None:
        client = visit.request.client
        address = client.host if client else ""
        await identity.sign_in(visit.database, email=known.email, password=password, address=address)


async def _page(visit: Visit, *, status: int = 200, wrong: str | None = None) -> Response:
    return page(
        visit.request,
        "journeys/account_deletion.html",
        status=status,
        wrong=wrong,
        has_password=await _credentials(visit) is not None,
    )


async def _credentials(visit: Visit) -> PasswordCredentials | None:
    async with transaction(visit.database, SYSTEM) as tx:
        return await tx.one(FIND_OF_USER, user_id=visit.user_id)
