"""`/sign-in`, `/sign-out`, and `/patterns`, by which pages are made."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from tastemaker.accounts import sessions
from tastemaker.accounts.sessions import LinkRefused, SignedIn
from tastemaker.web.pages import page

router = APIRouter(include_in_schema=False)


@router.get("/sign-in")
async def sign_in(request: Request, token: Annotated[str | None, Query(max_length=200)] = None) -> Response:
    """With a link's token: start the session. Without: how to get a link."""
    if token is None:
        return page(request, "accounts/sign_in.html", refused=None)
    try:
        return await sessions.sign_in(request, token)
    except LinkRefused as error:
        return page(request, "accounts/sign_in.html", status=error.status, refused=str(error))


@router.get("/patterns")
async def patterns(visit: SignedIn) -> Response:
    """Every part of a page in every state, for those who make pages."""
    return page(visit.request, "patterns.html")


@router.post("/sign-out")
async def sign_out(visit: SignedIn) -> Response:
    return await sessions.sign_out(visit)
