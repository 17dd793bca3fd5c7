"""`/sign-in`, `/sign-up`, `/password-reset`, `/account-links/…`, `/sign-out`, and `/patterns`.

These pages are for nobody in particular yet. A form that fails is shown again, with what was wrong.
"""

from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response

from tastemaker.accounts import identity, sessions
from tastemaker.accounts.api_keys import NotAuthenticated
from tastemaker.accounts.clerk import COOKIE as CLERK_COOKIE
from tastemaker.accounts.clerk import clerk_of, user_of_token
from tastemaker.accounts.current_user import LOCAL_USER
from tastemaker.accounts.identity import LinkUsed, WrongPassword
from tastemaker.accounts.identity_queries import HAS_SIGNED_UP, AccountLink
from tastemaker.accounts.link_mail import is_mail_on, put_link
from tastemaker.accounts.sessions import LinkRefused, SignedIn
from tastemaker.config_store.keys import OPEN_SIGN_UP
from tastemaker.core.errors import Conflict, InvalidInput
from tastemaker.core.settings import get_settings
from tastemaker.db.claims import SYSTEM
from tastemaker.db.enums import LinkPurpose
from tastemaker.db.transaction import Transaction, in_transaction, transaction
from tastemaker.web.pages import page, redirect, refuse_foreign_origin
from tastemaker.web.problems import TooManyRequests
from tastemaker.web.services import services_of

FIRST_PAGE: Final = "/onboarding"
"""Leads to the dashboard once the first steps are taken."""

EXPECTED: Final = (WrongPassword, InvalidInput, Conflict, TooManyRequests)

Text = Annotated[str, Form(max_length=1_000, pattern=r"^[^\x00]*$")]

router = APIRouter(include_in_schema=False)


@router.get("/sign-in")
async def show_sign_in(
    request: Request, token: Annotated[str | None, Query(max_length=200)] = None
) -> Response:
    """With a sign-in link's token, or Clerk's cookie: start the session. Without: the form."""
    clerk = clerk_of(request)
    if token is None and clerk is not None and (cookie := request.cookies.get(CLERK_COOKIE)):
        try:
            user_id = await user_of_token(services_of(request).database, clerk, cookie)
        except NotAuthenticated as error:
            return await _sign_in_page(request, status=401, refused=str(error))
        return await sessions.start_session(request, user_id, location=FIRST_PAGE)
    if token is None:
        return await _sign_in_page(request)
    try:
        return await sessions.sign_in(request, token)
    except LinkRefused as error:
        return await _sign_in_page(request, status=error.status, refused=str(error))


@router.post("/sign-in")
async def sign_in(request: Request, email: Text = "", password: Text = "") -> Response:
    refuse_foreign_origin(request)
    database = services_of(request).database
    try:
        user_id = await identity.sign_in(database, email=email, password=password, address=_address(request))
    except EXPECTED as error:
        return await _sign_in_page(request, status=error.status, refused=str(error), email=email)
    return await sessions.start_session(request, user_id, location=FIRST_PAGE)


@router.get("/sign-up")
async def show_sign_up(request: Request) -> Response:
    return _sign_up_page(request)


@router.post("/sign-up")
async def sign_up(request: Request, email: Text = "", password: Text = "", full_name: Text = "") -> Response:
    """With mail: a link goes to the address. Without: the account is there at once."""
    refuse_foreign_origin(request)
    if not _is_open(request):
        return _sign_up_page(request, status=403)
    database, address = services_of(request).database, _address(request)
    try:
        if is_mail_on(get_settings()):
            link = await identity.ask_for_link(database, LinkPurpose.SIGN_UP, email=email, address=address)
            await in_transaction(database, SYSTEM, partial(put_link, link=link))
            return page(request, "accounts/link_sent.html", email=link.email, purpose="sign_up", mailed=True)
        user_id = await identity.sign_up(
            database, email=email, password=password, full_name=full_name, address=address
        )
    except EXPECTED as error:
        return _sign_up_page(
            request, status=error.status, refused=str(error), email=email, full_name=full_name
        )
    return await sessions.start_session(request, user_id, location=FIRST_PAGE)


@router.get("/password-reset")
async def show_reset(request: Request) -> Response:
    return page(request, "accounts/password_reset.html", refused=None, email="", mailed=_mailed())


@router.post("/password-reset")
async def ask_for_reset(request: Request, email: Text = "") -> Response:
    """The answer is the same whether the address has an account or not."""
    refuse_foreign_origin(request)
    database = services_of(request).database
    try:
        link = await identity.ask_for_link(
            database, LinkPurpose.RESET, email=email, address=_address(request)
        )
    except EXPECTED as error:
        return page(
            request,
            "accounts/password_reset.html",
            status=error.status,
            refused=str(error),
            email=email,
            mailed=_mailed(),
        )
    if _mailed():
        await in_transaction(database, SYSTEM, partial(put_link, link=link))
    return page(request, "accounts/link_sent.html", email=link.email, purpose="reset", mailed=_mailed())


@router.get("/account-links/{secret}")
async def show_link(request: Request, secret: str) -> Response:
    """Changes nothing: programs that check mail follow links."""
    async with transaction(services_of(request).database, SYSTEM) as tx:
        link = await identity.find_link(tx, secret)
    return _link_page(request, link)


@router.post("/account-links/{secret}")
async def use_link(
    request: Request, secret: str, email: Text = "", password: Text = "", full_name: Text = ""
) -> Response:
    refuse_foreign_origin(request)
    database = services_of(request).database
    async with transaction(database, SYSTEM) as tx:
        link = await identity.find_link(tx, secret)
    if link.purpose is LinkPurpose.VERIFICATION:
        return await _confirm_address(request, link)
    try:
        user_id = await identity.choose_password(
            database, secret, email=email, password=password, full_name=full_name
        )
    except EXPECTED as error:
        return _link_page(
            request, link, status=error.status, refused=str(error), email=email, full_name=full_name
        )
    return await sessions.start_session(request, user_id, location=FIRST_PAGE)


@router.get("/patterns")
async def patterns(visit: SignedIn) -> Response:
    """Every part of a page in every state, for those who make pages."""
    return page(visit.request, "patterns.html")


@router.post("/sign-out")
async def sign_out(visit: SignedIn) -> Response:
    return await sessions.sign_out(visit)


async def _confirm_address(request: Request, link: AccountLink) -> Response:
    async def work(tx: Transaction) -> None:
        await identity.use_link(tx, link)
        if link.tenant_id is None or link.email is None:
            raise LinkUsed("This link names no account.")
        await identity.change_email(tx, link.tenant_id, link.email, is_proven=True)

    await in_transaction(services_of(request).database, SYSTEM, work)
    return redirect("/sign-in", said="Your e-mail address is confirmed.")


async def _sign_in_page(
    request: Request, *, status: int = 200, refused: str | None = None, email: str = ""
) -> Response:
    async with transaction(services_of(request).database, SYSTEM) as tx:
        has_administrator = await tx.only(HAS_SIGNED_UP, user_id=LOCAL_USER)
    return page(
        request,
        "accounts/sign_in.html",
        status=status,
        refused=refused,
        email=email,
        is_open=_is_open(request),
        has_administrator=has_administrator,
        clerk=clerk_of(request),
    )


def _sign_up_page(
    request: Request,
    *,
    status: int = 200,
    refused: str | None = None,
    email: str = "",
    full_name: str = "",
) -> Response:
    return page(
        request,
        "accounts/sign_up.html",
        status=status,
        refused=refused,
        email=email,
        full_name=full_name,
        is_open=_is_open(request),
        mailed=_mailed(),
    )


def _link_page(request: Request, link: AccountLink, *, status: int = 200, **typed: Any) -> Response:  # noqa: ANN401 - what was typed
    shown = {"refused": None, "email": "", "full_name": "", **typed}
    return page(request, "accounts/account_link.html", status=status, link=link, **shown)


def _is_open(request: Request) -> bool:
    return services_of(request).rate_limit.config[OPEN_SIGN_UP]


def _mailed() -> bool:
    return is_mail_on(get_settings())


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
