"""The built-in identity: sign up, sign in, and links that work once for everything else.

Nothing here tells whether an address has an account: an answer is the same, and takes as long, where there is
none. Only a sign-up without mail tells it, for nothing can be sent to the address. A password
is checked outside a transaction. Every attempt is counted before it is made.
"""

import hashlib
import ipaddress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import ClassVar, Final
from uuid import UUID

from tastemaker.accounts import identity_queries as queries
from tastemaker.accounts import passwords
from tastemaker.accounts.current_user import LOCAL_USER
from tastemaker.accounts.identity_queries import AccountLink, Attempts, PasswordCredentials
from tastemaker.accounts.service import register
from tastemaker.accounts.session_queries import DELETE_ALL
from tastemaker.core.errors import AppError, Conflict, InvalidInput
from tastemaker.core.ids import ExternalUserId, new_id, new_token
from tastemaker.core.text import clean_line
from tastemaker.db.claims import SYSTEM
from tastemaker.db.enums import LinkPurpose, MemberRole
from tastemaker.db.pool import Database
from tastemaker.db.transaction import Transaction, in_transaction, transaction
from tastemaker.events.account_payloads import CredentialsChanged
from tastemaker.events.names import Source
from tastemaker.events.service import record
from tastemaker.mail.compose import UnfitAddress, read_mailbox
from tastemaker.web.problems import TooManyRequests

WINDOW: Final = timedelta(minutes=15)
MOST_BY_ACCOUNT: Final = 10
MOST_BY_ADDRESS: Final = 60
LONGEST_SECRET: Final = 100
LIVES: Final = {
    LinkPurpose.SIGN_UP: timedelta(days=1),
    LinkPurpose.INVITATION: timedelta(days=7),
    LinkPurpose.FIRST: timedelta(days=1),
    LinkPurpose.RESET: timedelta(hours=1),
    LinkPurpose.VERIFICATION: timedelta(days=1),
    LinkPurpose.MEMBERSHIP: timedelta(days=7),
}
CHOOSING: Final = {LinkPurpose.SIGN_UP, LinkPurpose.INVITATION, LinkPurpose.FIRST, LinkPurpose.RESET}
"""By which a person chooses a password."""

TAKEN: Final = "This e-mail address cannot be used. Sign in if it is yours, or ask for a new password."


class WrongPassword(AppError):
    """Wrong, or there is no such account: the sentence does not tell which."""

    status: ClassVar[int] = 403


class LinkUsed(AppError):
    """The link was used, withdrawn or has expired, or is none of ours."""

    status: ClassVar[int] = 403


@dataclass(frozen=True, slots=True)
class NewLink:
    """`secret` is the end of the link's URL: to be shown or mailed now, kept nowhere."""

    link: AccountLink
    secret: str = field(repr=False)

    def url(self, base: str) -> str:
        path = "memberships" if self.link.purpose is LinkPurpose.MEMBERSHIP else "account-links"
        return f"{base.rstrip('/')}/{path}/{self.secret}"


async def sign_in(database: Database, *, email: str, password: str, address: str) -> ExternalUserId:
    """The user with this password. Raises WrongPassword, TooManyRequests."""
    wanted = normal_email(email)
    known = await in_transaction(
        database, SYSTEM, partial(_attempt, "account", email=wanted, address=address)
    )
    if not await passwords.fits(password, known.password_digest if known else None) or known is None:
        raise WrongPassword("The e-mail address or the password is wrong.")
    renewed = None
    if passwords.is_outdated(known.password_digest):
        renewed = await passwords.digest_of(password)
    async with transaction(database, SYSTEM) as tx:
        await tx.run(queries.FORGET_ATTEMPTS, subject=_subject("account", wanted))
        if renewed:
            await tx.run(
                queries.SET_DIGEST, user_id=known.tenant_id, digest=renewed, is_new=False, is_proven=False
            )
    return known.tenant_id


async def sign_up(
    database: Database, *, email: str, password: str, full_name: str, address: str
) -> ExternalUserId:
    """A new account at once, where there is no mail. Raises InvalidInput, Conflict, TooManyRequests."""
    wanted, chosen = checked_email(email), passwords.checked_password(password, email=normal_email(email))
    await in_transaction(database, SYSTEM, partial(_attempt, "link", email=wanted, address=address))
    digest = await passwords.digest_of(chosen)

    async def work(tx: Transaction) -> ExternalUserId:
        return await _add_account(tx, email=wanted, full_name=full_name, digest=digest, is_proven=False)

    return await in_transaction(database, SYSTEM, work)


async def make_link(
    tx: Transaction,
    purpose: LinkPurpose,
    *,
    user_id: ExternalUserId | None = None,
    email: str | None = None,
    role: MemberRole | None = None,
    created_by: ExternalUserId | None = None,
) -> NewLink:
    """A link that is shown to its maker, who hands it on. The tx has the system's claim."""
    secret = new_token()
    link = await _insert(
        tx, purpose, user_id=user_id, email=email, role=role, created_by=created_by, digest=digest_of(secret)
    )
    return NewLink(link, secret)


async def invite(tx: Transaction, *, email: str | None, created_by: ExternalUserId) -> NewLink:
    """For somebody without an account; a person with one gets a link to choose a new password."""
    known = None
    if email:
        known = await tx.one(queries.FIND_BY_EMAIL, email=email)
    purpose = LinkPurpose.RESET if known else LinkPurpose.INVITATION
    user_id = known.tenant_id if known else None
    if email:
        await tx.run(queries.WITHDRAW_LINKS, purpose=purpose, user_id=user_id, email=email)
    return await make_link(tx, purpose, user_id=user_id, email=email, created_by=created_by)


async def ask_for_link(database: Database, purpose: LinkPurpose, *, email: str, address: str) -> AccountLink:
    """A person wants to sign up, or has forgotten the password. The same for a known and an unknown address.

    The secret is made when it is mailed, or shown to an administrator.
    Raises InvalidInput, TooManyRequests.
    """
    wanted = checked_email(email)

    async def work(tx: Transaction) -> AccountLink:
        known = await _attempt("link", tx, email=wanted, address=address)
        user_id = known.tenant_id if known else None
        await tx.run(queries.WITHDRAW_LINKS, purpose=purpose, user_id=user_id, email=wanted)
        return await _insert(tx, purpose, user_id=user_id, email=wanted)

    return await in_transaction(database, SYSTEM, work)


async def show_link(tx: Transaction, link: AccountLink, *, is_mailed: bool = False) -> NewLink:
    """Gives the link a new secret: an earlier one works no more."""
    secret = new_token()
    await tx.run(
        queries.SET_LINK_DIGEST,
        id=link.id,
        digest=digest_of(secret),
        is_mailed=is_mailed,
        seconds=LIVES[link.purpose].total_seconds(),
    )
    return NewLink(link, secret)


async def find_link(tx: Transaction, secret: str) -> AccountLink:
    """Raises LinkUsed."""
    found = None
    if len(secret) <= LONGEST_SECRET:
        found = await tx.one(queries.FIND_LINK, digest=digest_of(secret))
    if found is None or not found.is_open:
        raise LinkUsed("This link was used already, was replaced by a newer one, or has expired.")
    return found


async def use_link(tx: Transaction, link: AccountLink) -> None:
    """Raises LinkUsed where somebody else was faster."""
    if not await tx.run(queries.USE_LINK, id=link.id):
        raise LinkUsed("This link was used already, was replaced by a newer one, or has expired.")


async def choose_password(
    database: Database, secret: str, *, email: str, password: str, full_name: str
) -> ExternalUserId:
    """What the link is for: a new account, the first administrator's credentials, or a new password.

    Raises LinkUsed, InvalidInput, Conflict.
    """
    async with transaction(database, SYSTEM) as tx:
        link = await find_link(tx, secret)
    if link.purpose not in CHOOSING:
        raise LinkUsed("This link is for something else.")
    wanted = link.email or checked_email(email)
    digest = await passwords.digest_of(passwords.checked_password(password, email=wanted))

    async def work(tx: Transaction) -> ExternalUserId:
        await use_link(tx, link)
        proven = link.is_mailed
        if link.purpose is LinkPurpose.RESET and link.tenant_id is not None:
            await set_password(tx, link.tenant_id, digest, change="reset", is_proven=proven)
            return link.tenant_id
        if link.tenant_id is not None:
            await attach(tx, link.tenant_id, email=wanted, digest=digest, is_proven=proven)
            return link.tenant_id
        return await _add_account(tx, email=wanted, full_name=full_name, digest=digest, is_proven=proven)

    return await in_transaction(database, SYSTEM, work)


async def attach(
    tx: Transaction, user_id: ExternalUserId, *, email: str, digest: str, is_proven: bool
) -> None:
    """The first credentials of an account that exists. Raises Conflict."""
    if (
        await tx.one(
            queries.INSERT_CREDENTIALS, user_id=user_id, email=email, digest=digest, is_proven=is_proven
        )
        is None
    ):
        raise Conflict(TAKEN)
    await tx.run(queries.SET_USER_EMAIL, user_id=user_id, email=email)
    await tx.run(DELETE_ALL, user_id=user_id, kept=None)
    await _note(tx, user_id, "attached")


async def set_password(
    tx: Transaction,
    user_id: ExternalUserId,
    digest: str,
    *,
    change: str,
    is_proven: bool = False,
    kept: UUID | None = None,
) -> None:
    """Ends every session but the `kept` one, and withdraws links to reset the password."""
    if not await tx.run(queries.SET_DIGEST, user_id=user_id, digest=digest, is_new=True, is_proven=is_proven):
        raise Conflict("This account has no password. Ask an administrator for a link.")
    await tx.run(DELETE_ALL, user_id=user_id, kept=kept)
    known = await tx.one(queries.FIND_OF_USER, user_id=user_id)
    if known is not None:
        await tx.run(queries.WITHDRAW_LINKS, purpose=LinkPurpose.RESET, user_id=user_id, email=known.email)
    await _note(tx, user_id, change)


async def change_email(tx: Transaction, user_id: ExternalUserId, email: str, *, is_proven: bool) -> None:
    """Raises Conflict where another account has it."""
    if not await tx.run(queries.SET_EMAIL, user_id=user_id, email=email, is_proven=is_proven):
        raise Conflict(TAKEN)
    await tx.run(queries.SET_USER_EMAIL, user_id=user_id, email=email)
    await _note(tx, user_id, "email")


async def make_first_link(tx: Transaction) -> NewLink:
    """The way in for the first administrator, and for one who has forgotten the password.

    It attaches credentials to the local user; where it has some, they get a new password.
    """
    has_signed_up = await tx.only(queries.HAS_SIGNED_UP, user_id=LOCAL_USER)
    known = await tx.one(queries.FIND_OF_USER, user_id=LOCAL_USER)
    purpose = LinkPurpose.RESET if has_signed_up else LinkPurpose.FIRST
    email = known.email if known else None
    await tx.run(queries.WITHDRAW_LINKS, purpose=purpose, user_id=LOCAL_USER, email=email)
    return await make_link(tx, purpose, user_id=LOCAL_USER, email=email)


def normal_email(email: str) -> str:
    """As addresses are compared: in lower case, which every mail server of today accepts."""
    return clean_line(email)[:254].lower()


def checked_email(email: str) -> str:
    """Raises InvalidInput."""
    try:
        return read_mailbox(normal_email(email)).address
    except UnfitAddress:
        raise InvalidInput("Write an e-mail address, such as name@example.com.") from None


def digest_of(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


async def _attempt(kind: str, tx: Transaction, *, email: str, address: str) -> PasswordCredentials | None:
    """The account of the address. Counted in this order, so that two attempts never wait in a circle.

    Who asks for links in somebody else's name does not lock the person out: they are counted apart.
    """
    by_account = await _count(tx, kind, email)
    by_address = await _count(tx, "address", _network(address))
    if by_account.attempts > MOST_BY_ACCOUNT or by_address.attempts > MOST_BY_ADDRESS:
        left = max(
            one.seconds_left
            for one, most in ((by_account, MOST_BY_ACCOUNT), (by_address, MOST_BY_ADDRESS))
            if one.attempts > most
        )
        minutes = max(1, round(left / 60))
        raise TooManyRequests(
            f"Too many attempts. Try again in {minutes} minute{'s' if minutes > 1 else ''}.", retry_after=left
        )
    return await tx.one(queries.FIND_BY_EMAIL, email=email)


async def _count(tx: Transaction, kind: str, subject: str) -> Attempts:
    return await tx.only(
        queries.COUNT_ATTEMPT, subject=_subject(kind, subject), seconds=WINDOW.total_seconds()
    )


def _subject(kind: str, subject: str) -> bytes:
    return digest_of(f"{kind}\0{subject}")


def _network(address: str) -> str:
    """One customer of a provider has 2^64 addresses of IPv6."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    is_long = isinstance(known, ipaddress.IPv6Address)
    return str(ipaddress.ip_network((known, 64), strict=False)) if is_long else str(known)


async def _insert(
    tx: Transaction,
    purpose: LinkPurpose,
    *,
    user_id: ExternalUserId | None,
    email: str | None,
    role: MemberRole | None = None,
    created_by: ExternalUserId | None = None,
    digest: bytes | None = None,
) -> AccountLink:
    return await tx.only(
        queries.INSERT_LINK_TO_ACCOUNT,
        user_id=user_id,
        purpose=purpose,
        email=email,
        role=role,
        digest=digest,
        created_by=created_by,
        seconds=LIVES[purpose].total_seconds(),
    )


async def _add_account(
    tx: Transaction, *, email: str, full_name: str, digest: str, is_proven: bool
) -> ExternalUserId:
    user_id = ExternalUserId(f"usr_{new_id().hex}")
    await register(tx, user_id, email=email, full_name=full_name, source=Source.USER_ACTION)
    if (
        await tx.one(
            queries.INSERT_CREDENTIALS, user_id=user_id, email=email, digest=digest, is_proven=is_proven
        )
        is None
    ):
        raise Conflict(TAKEN)
    return user_id


async def _note(tx: Transaction, user_id: ExternalUserId, change: str) -> None:
    await record(
        tx,
        CredentialsChanged(change=change),
        aggregate_id=user_id,
        identifier=str(new_id()),
        source=Source.USER_ACTION,
        tenant_id=user_id,
    )
