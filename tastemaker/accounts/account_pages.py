"""`/settings/account`: who one is, the password, and the browsers in which one is signed in."""

from dataclasses import asdict, dataclass
from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Form
from fastapi.responses import Response

from tastemaker.accounts import identity, passwords
from tastemaker.accounts.identity import WrongPassword
from tastemaker.accounts.identity_queries import FIND_OF_USER, PasswordCredentials
from tastemaker.accounts.link_mail import is_mail_on, put_link
from tastemaker.accounts.queries import get_user_profile
from tastemaker.accounts.service import change_profile
from tastemaker.accounts.session_queries import DELETE, DELETE_ALL, LIST_SESSIONS, SignedInBrowser
from tastemaker.accounts.sessions import SignedIn, Visit
from tastemaker.core.errors import Conflict, InvalidInput, NotFound
from tastemaker.core.settings import get_settings
from tastemaker.db.claims import SYSTEM
from tastemaker.db.enums import LinkPurpose
from tastemaker.db.transaction import Transaction, in_transaction, transaction
from tastemaker.web.pages import page, redirect
from tastemaker.web.problems import TooManyRequests

PATH: Final = "/settings/account"
SYSTEMS: Final = ("iPhone", "iPad", "Android", "Windows", "Mac OS", "Linux")
BROWSERS: Final = {
    "Edg": "Edge",
    "OPR": "Opera",
    "Firefox": "Firefox",
    "Chrome": "Chrome",
    "Safari": "Safari",
}

Text = Annotated[str, Form(max_length=5_000, pattern=r"^[^\x00]*$")]

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Browser:
    """A session in words a person knows. `is_this`: the one that looks at the page."""

    session: SignedInBrowser
    name: str
    is_this: bool


@router.get("/settings")
async def settings(_visit: SignedIn) -> Response:
    return redirect(PATH)


@router.get(PATH)
async def show_account(visit: SignedIn) -> Response:
    if not visit.is_own:
        return redirect("/settings/members")
    return await _page(visit)


@router.post(f"{PATH}/profile")
async def save_profile(
    visit: SignedIn,
    full_name: Text = "",
    business_name: Text = "",
    industry: Text = "",
    brand_description: Text = "",
) -> Response:
    visit.needs_owner()
    typed = {
        "full_name": full_name,
        "business_name": business_name,
        "industry": industry,
        "brand_description": brand_description,
    }
    try:
        await visit.run(lambda tx: change_profile(tx, visit.user_id, typed))
    except InvalidInput as error:
        return await _page(visit, status=422, wrong={"profile": str(error)}, typed=typed)
    return redirect(PATH, said="Your profile is saved.")


@router.post(f"{PATH}/password")
async def change_password(visit: SignedIn, password: Text = "", new_password: Text = "") -> Response:
    """The present password is asked for: a browser that was left open does not change it."""
    visit.needs_owner()
    try:
        known = await _prove(visit, password)
        digest = await passwords.digest_of(passwords.checked_password(new_password, email=known.email))
    except (WrongPassword, InvalidInput, TooManyRequests) as error:
        return await _page(visit, status=error.status, wrong={"password": str(error)})

    async def work(tx: Transaction) -> None:
        await identity.set_password(tx, visit.user_id, digest, change="password", kept=visit.session.id)

    await in_transaction(visit.database, SYSTEM, work)
    return redirect(PATH, said="Your password is changed. Every other browser is signed out.")


@router.post(f"{PATH}/email")
async def change_email(visit: SignedIn, email: Text = "", password: Text = "") -> Response:
    """With mail the new address is confirmed first; until then the old one stays."""
    visit.needs_owner()
    try:
        await _prove(visit, password)
        wanted = identity.checked_email(email)
        said = await in_transaction(visit.database, SYSTEM, partial(_change_email, visit=visit, email=wanted))
    except (WrongPassword, InvalidInput, TooManyRequests, Conflict) as error:
        return await _page(visit, status=error.status, wrong={"email": str(error)}, typed={"email": email})
    return redirect(PATH, said=said)


@router.post(f"{PATH}/sessions/revocation")
async def end_other_sessions(visit: SignedIn) -> Response:
    async with transaction(visit.database, SYSTEM) as tx:
        await tx.run(DELETE_ALL, user_id=visit.actor_id, kept=visit.session.id)
    return redirect(PATH, said="Every other browser is signed out.")


@router.post(f"{PATH}/sessions/{{session_id}}/revocation")
async def end_session(visit: SignedIn, session_id: UUID) -> Response:
    async with transaction(visit.database, SYSTEM) as tx:
        if not await tx.run(DELETE, user_id=visit.actor_id, id=session_id):
            raise NotFound("There is no such session.")
    return redirect(PATH, said="That browser is signed out.")


async def _prove(visit: Visit, password: str) -> PasswordCredentials:
    """The credentials of who is signed in. Raises WrongPassword, TooManyRequests."""
    async with transaction(visit.database, SYSTEM) as tx:
        known = await tx.one(FIND_OF_USER, user_id=visit.actor_id)
    if known is None:
        raise WrongPassword("This account has no password yet. Run tastemaker users invite --first.")
    client = visit.request.client
    await identity.sign_in(
        visit.database, email=known.email, password=password, address=client.host if client else ""
    )
    return known


async def _change_email(tx: Transaction, *, visit: Visit, email: str) -> str:
    if not is_mail_on(get_settings()):
        await identity.change_email(tx, visit.user_id, email, is_proven=False)
        return "Your e-mail address is changed."
    new = await identity.make_link(
        tx, LinkPurpose.VERIFICATION, user_id=visit.user_id, email=email, created_by=visit.user_id
    )
    await put_link(tx, new.link)
    return f"A link is on its way to {email}. The address changes when you follow it."


async def _page(
    visit: Visit,
    *,
    status: int = 200,
    wrong: dict[str, str] | None = None,
    typed: dict[str, Any] | None = None,
) -> Response:
    user = await visit.run(visit.user)
    profile = await get_user_profile(visit.database, visit.user_id)
    async with transaction(visit.database, SYSTEM) as tx:
        known = await tx.one(FIND_OF_USER, user_id=visit.actor_id)
        sessions = await tx.many(LIST_SESSIONS, user_id=visit.actor_id)
    browsers = [
        Browser(one, _browser_name(one.user_agent), is_this=one.id == visit.session.id) for one in sessions
    ]
    return page(
        visit.request,
        "accounts/account.html",
        status=status,
        is_admin=user.is_admin,
        is_own=visit.is_own,
        profile=profile,
        credentials=known,
        browsers=browsers,
        mailed=is_mail_on(get_settings()),
        wrong=wrong or {},
        typed={**asdict(profile), **(typed or {})} if profile else {},
    )


def _browser_name(agent: str | None) -> str:
    """As a person calls it; the whole text is in the title of the row."""
    browser = next((name for mark, name in BROWSERS.items() if agent and mark in agent), None)
    system = next((name for name in SYSTEMS if agent and name in agent), None)
    if browser is None:
        return "A browser of this machine" if agent is None else "Another program"
    return f"{browser} on {system}" if system else browser
