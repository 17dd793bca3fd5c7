"""Browser sessions: the one-time link that starts one, its cookie, and the visit of a signed-in user.

Link and cookie are 256 random bits each; the database has their SHA-256. A session starts with a new secret,
so nobody can prepare one for somebody else, and ends the one that the browser had before.
"""

import hashlib
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, ClassVar, Final, TypeVar

from fastapi import Depends, Request
from fastapi.responses import Response

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.accounts.identity_queries import HAS_SIGNED_UP
from tastemaker.accounts.service import get_current_user
from tastemaker.accounts.session_queries import (
    DELETE,
    DELETE_BY_DIGEST,
    FIND_SESSION,
    INSERT_LINK,
    INSERT_SESSION,
    NOTE_USE,
    PRUNE,
    START,
    BrowserSession,
)
from tastemaker.core.errors import AppError
from tastemaker.core.ids import ExternalUserId, new_token
from tastemaker.core.settings import get_settings
from tastemaker.core.text import clean_line
from tastemaker.db.claims import NOBODY, SYSTEM, Tenant
from tastemaker.db.enums import MemberRole
from tastemaker.db.pool import Database
from tastemaker.db.transaction import Transaction, in_transaction, read_one, transaction
from tastemaker.events.context import caused_by, current_cause
from tastemaker.web.pages import SAFE_METHODS, SignInRequired, refuse_foreign_origin
from tastemaker.web.problems import VIEWERS_READ
from tastemaker.web.services import Services, services_of

COOKIE: Final = "tastemaker_session"
LINK_LIFE: Final = timedelta(minutes=30)
SESSION_LIFE: Final = timedelta(days=30)
LONGEST_SECRET: Final = 100
LONGEST_AGENT: Final = 300
OWN_DOINGS: Final = ("/sign-out", "/settings/accounts/", "/memberships/")
"""Paths of acts that a viewer of another account does in the own name."""


Result = TypeVar("Result")


class LinkRefused(AppError):
    """The sign-in link was used, has expired, or is used from elsewhere."""

    status: ClassVar[int] = 403


class ViewersRead(AppError):
    """A viewer would change something. The database refuses it as well, in every transaction of a viewer."""

    status: ClassVar[int] = 403


class NotTheOwner(AppError):
    """A member acts in somebody else's account."""

    status: ClassVar[int] = 403


@dataclass(frozen=True, slots=True)
class Visit:
    """A request of a browser in which a user is signed in."""

    request: Request
    services: Services
    session: BrowserSession

    @property
    def user_id(self) -> ExternalUserId:
        """The owner of the account: the tenant."""
        return self.session.acting_for or self.session.tenant_id

    @property
    def actor_id(self) -> ExternalUserId:
        """Who is signed in: the tenant, or a member of the account."""
        return self.session.tenant_id

    @property
    def is_own(self) -> bool:
        return self.user_id == self.actor_id

    @property
    def claim(self) -> Tenant:
        return Tenant(self.user_id, None if self.is_own else self.actor_id)

    @property
    def database(self) -> Database:
        return self.services.database

    async def user(self, tx: Transaction) -> CurrentUser:
        """Raises NotFound."""
        return await get_current_user(tx, self.user_id)

    async def run(self, work: Callable[[Transaction], Awaitable[Result]]) -> Result:
        """One transaction of the user's, committed when `work` returns; deadlocks are retried."""
        return await in_transaction(self.database, self.claim, work)

    def needs_owner(self) -> None:
        """Raises NotTheOwner: what is personal, or gives rights, is the owner's of the account."""
        if not self.is_own:
            raise NotTheOwner("Only the owner of this account can do this. Go back to your own first.")


async def make_link(tx: Transaction, user_id: ExternalUserId) -> str:
    """The secret of a new sign-in link, which works once within 30 minutes."""
    secret = new_token()
    await tx.run(INSERT_LINK, user_id=user_id, digest=_digest(secret), seconds=LINK_LIFE.total_seconds())
    return secret


async def sign_in(request: Request, secret: str) -> Response:
    """Starts a session, and puts its cookie on a redirect to the first page. Raises LinkRefused."""
    _refuse_from_elsewhere(request)
    database = services_of(request).database
    link = await _find(database, secret)
    if link is None or link.is_started:
        raise LinkRefused("This sign-in link was used already or has expired.")
    async with transaction(database, SYSTEM) as tx:
        if await tx.only(HAS_SIGNED_UP, user_id=link.tenant_id):
            raise LinkRefused("Sign in with your e-mail address and your password.")
    cookie = new_token()
    if not await _start(database, link, secret, cookie):
        raise LinkRefused("This sign-in link was used already or has expired.")
    return _with_cookie(request, cookie, location="/")


async def start_session(request: Request, user_id: ExternalUserId, *, location: str) -> Response:
    """For a user who has proven to be that: the new session's cookie on a redirect.

    The session that the browser had before ends, also another user's.
    """
    cookie = new_token()
    before = request.cookies.get(COOKIE, "")[:LONGEST_SECRET]
    async with transaction(services_of(request).database, SYSTEM) as tx:
        await tx.run(DELETE_BY_DIGEST, digest=_digest(before))
        await tx.run(
            INSERT_SESSION,
            user_id=user_id,
            digest=_digest(cookie),
            user_agent=clean_line(request.headers.get("user-agent", ""))[:LONGEST_AGENT] or None,
            seconds=SESSION_LIFE.total_seconds(),
        )
    return _with_cookie(request, cookie, location=location)


def _with_cookie(request: Request, cookie: str, *, location: str) -> Response:
    response = Response(status_code=303, headers={"Location": location})
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=int(SESSION_LIFE.total_seconds()),
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    return response


async def sign_out(visit: Visit) -> Response:
    """Ends the session; the cookie is refused from then on."""
    async with transaction(visit.database, Tenant(visit.actor_id)) as tx:
        await tx.run(DELETE, user_id=visit.actor_id, id=visit.session.id)
    response = Response(status_code=303, headers={"Location": "/sign-in"})
    response.delete_cookie(COOKIE)
    return response


async def prune(tx: Transaction, *, batch: int) -> int:
    """Deletes expired sessions and links; how many."""
    return await tx.run(PRUNE, batch=batch)


async def _visit(request: Request) -> AsyncIterator[Visit]:
    """Raises SignInRequired, ForeignOrigin."""
    cookie = request.cookies.get(COOKIE)
    if cookie is None:
        raise SignInRequired("Sign in to see this page.")
    refuse_foreign_origin(request)
    services = services_of(request)
    session = await _find(services.database, cookie)
    if session is None or not session.is_started or session.is_expired:
        raise SignInRequired("Sign in again: the session has ended.")
    if session.acting_role is MemberRole.VIEWER and not _is_harmless(request):
        raise ViewersRead(VIEWERS_READ)
    request.state.acting_for = session.acting_for
    if not session.is_used_lately:
        async with transaction(services.database, Tenant(session.tenant_id)) as tx:
            await tx.run(NOTE_USE, user_id=session.tenant_id, id=session.id)
    cause = current_cause()
    with caused_by(
        correlation_id=cause.correlation_id,
        causation_id=cause.causation_id,
        metadata={**cause.metadata, "actor": session.tenant_id, "caller": "browser"},
    ):
        yield Visit(request, services, session)


SignedIn = Annotated[Visit, Depends(_visit)]
"""What a page that needs a signed-in user annotates its visit with."""


async def _owner(visit: SignedIn) -> Visit:
    visit.needs_owner()
    return visit


SignedInOwner = Annotated[Visit, Depends(_owner)]
"""The same for a page that is the owner's alone: money, keys, members."""


def _is_harmless(request: Request) -> bool:
    """What changes only the session, or the membership of who is signed in."""
    return request.method in SAFE_METHODS or request.url.path.startswith(OWN_DOINGS)


async def _find(database: Database, secret: str) -> BrowserSession | None:
    if len(secret) > LONGEST_SECRET:
        return None
    return await read_one(database, NOBODY, FIND_SESSION, digest=_digest(secret))


async def _start(database: Database, link: BrowserSession, secret: str, cookie: str) -> bool:
    async with transaction(database, Tenant(link.tenant_id)) as tx:
        started = await tx.run(
            START,
            user_id=link.tenant_id,
            link_digest=_digest(secret),
            digest=_digest(cookie),
            seconds=SESSION_LIFE.total_seconds(),
        )
    return started == 1


def _refuse_from_elsewhere(request: Request) -> None:
    """The link is all that is asked for, so it works on this machine alone, without a public address."""
    if get_settings().public_url is not None:
        raise LinkRefused("Sign-in links are refused where TASTEMAKER_PUBLIC_URL is set.")
    client = request.client.host if request.client else ""
    if not (is_loopback(client) and is_loopback(request.url.hostname or "")):
        raise LinkRefused("Sign-in links work on the machine of the server alone, at 127.0.0.1 or localhost.")


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
