"""Users as an administrator sees and changes them. Every act is an event with its actor and its reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tastemaker.accounts import identity
from tastemaker.accounts.identity import NewLink
from tastemaker.accounts.identity_queries import (
    FIND_OF_USER,
    LIST_OPEN_LINKS,
    AccountLink,
    PasswordCredentials,
)
from tastemaker.accounts.queries import GET_USER_PROFILE, UserProfileComplete
from tastemaker.accounts.service import register
from tastemaker.accounts.session_queries import DELETE_ALL
from tastemaker.admin import queries
from tastemaker.admin.queries import UserCounts
from tastemaker.core.errors import Conflict, NotFound
from tastemaker.core.ids import ExternalUserId, new_id
from tastemaker.db.enums import LinkPurpose
from tastemaker.db.transaction import Transaction
from tastemaker.events.names import Source
from tastemaker.events.payloads import AdminAction
from tastemaker.events.service import record
from tastemaker.journeys.account_deletion_queries import lock_administrators

MOST_LINKS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class UserDetails:
    """`credentials` is None for a user who has no password; `links` were not used yet."""

    profile: UserProfileComplete
    credentials: PasswordCredentials | None
    counts: UserCounts
    links: Sequence[AccountLink]


async def find_user(tx: Transaction, reference: str) -> ExternalUserId:
    """By id, or by e-mail address where exactly one user has it. Raises NotFound, Conflict."""
    found = await tx.many(queries.FIND_REFERENCE, reference=reference.strip())
    if not found:
        raise NotFound(f"There is no user {reference.strip()[:60]!r}.")
    if reference.strip() in found:
        return ExternalUserId(reference.strip())
    if len(found) > 1:
        raise Conflict("Several users have this e-mail address. Name the one by its id.")
    return found[0]


async def get_details(tx: Transaction, user_id: ExternalUserId) -> UserDetails:
    """Raises NotFound."""
    profile = await tx.one(GET_USER_PROFILE, user_id=user_id)
    if profile is None:
        raise NotFound("There is no such user.")
    credentials = await tx.one(FIND_OF_USER, user_id=user_id)
    return UserDetails(
        profile=profile,
        credentials=credentials,
        counts=await tx.only(queries.COUNT_OF_USER, user_id=user_id),
        links=await tx.many(LIST_OPEN_LINKS, user_id=user_id, limit=MOST_LINKS),
    )


async def create_user(
    tx: Transaction, *, email: str, full_name: str | None, plan: str | None, actor: ExternalUserId
) -> tuple[ExternalUserId, NewLink]:
    """An account without a password, and the link by which its person chooses one.

    Raises InvalidInput, Conflict where the address has an account.
    """
    wanted = identity.checked_email(email)
    if await tx.many(queries.FIND_REFERENCE, reference=wanted):
        raise Conflict("A user with this e-mail address exists already.")
    user_id = ExternalUserId(f"usr_{new_id().hex}")
    await register(tx, user_id, email=wanted, full_name=full_name, plan=plan, source=Source.ADMIN_ACTION)
    link = await identity.make_link(
        tx, LinkPurpose.INVITATION, user_id=user_id, email=wanted, created_by=actor
    )
    await note(tx, user_id, "create_user", actor=actor)
    return user_id, link


async def invite_user(tx: Transaction, *, email: str | None, actor: ExternalUserId) -> NewLink:
    """Raises InvalidInput."""
    wanted = identity.checked_email(email) if email else None
    return await identity.invite(tx, email=wanted, created_by=actor)


async def make_link(
    tx: Transaction, user_id: ExternalUserId, *, actor: ExternalUserId, reason: str | None = None
) -> NewLink:
    """By which the user chooses a password, to be handed on by who made it. Raises NotFound, Conflict."""
    details = await get_details(tx, user_id)
    email = details.credentials.email if details.credentials else details.profile.email
    purpose = LinkPurpose.RESET if details.credentials else LinkPurpose.INVITATION
    for link in details.links:
        if link.purpose in identity.CHOOSING:
            await tx.run(queries.WITHDRAW_LINK, id=link.id, user_id=user_id)
    made = await identity.make_link(tx, purpose, user_id=user_id, email=email, created_by=actor)
    await note(tx, user_id, "make_link", actor=actor, reason=reason)
    return made


async def set_administrator(
    tx: Transaction,
    user_id: ExternalUserId,
    *,
    is_admin: bool,
    actor: ExternalUserId,
    reason: str | None = None,
) -> bool:
    """False: it was so before. Raises NotFound, and Conflict for the last administrator."""
    administrators = await lock_administrators(tx)
    if await tx.one(GET_USER_PROFILE, user_id=user_id) is None:
        raise NotFound("There is no such user.")
    if (user_id in administrators) is is_admin:
        return False
    if not is_admin and len(administrators) == 1:
        raise Conflict("This is the last administrator. Appoint another one first.")
    await tx.run(queries.SET_ADMINISTRATOR, user_id=user_id, is_admin=is_admin)
    action = "grant_admin" if is_admin else "revoke_admin"
    await note(tx, user_id, action, actor=actor, reason=reason, after={"is_admin": is_admin})
    return True


async def end_sessions(
    tx: Transaction, user_id: ExternalUserId, *, actor: ExternalUserId, reason: str | None = None
) -> int:
    """How many browsers are signed out. Raises NotFound."""
    await get_details(tx, user_id)
    ended = await tx.run(DELETE_ALL, user_id=user_id, kept=None)
    await note(tx, user_id, "end_sessions", actor=actor, reason=reason, after={"ended": ended})
    return ended


async def note(
    tx: Transaction,
    user_id: ExternalUserId,
    action: str,
    *,
    actor: ExternalUserId,
    reason: str | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """The event of an administrator's act."""
    await record(
        tx,
        AdminAction(action=action, after=after, reason=reason or None),
        aggregate_id=user_id,
        identifier=str(new_id()),
        source=Source.ADMIN_ACTION,
        tenant_id=user_id,
        metadata={"actor": actor},
    )
