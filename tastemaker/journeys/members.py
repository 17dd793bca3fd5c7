"""Members of an account: invited by link, acting under their own name, removed at once.

The account's data stays its owner's. The database looks at each transaction whether the membership exists,
and lets a viewer read only (`claim_tenant`).
"""

from uuid import UUID

from tastemaker.accounts import identity, member_queries
from tastemaker.accounts.identity import LinkUsed, NewLink
from tastemaker.accounts.identity_queries import DELETE_LINK, LIST_OPEN_LINKS, AccountLink
from tastemaker.billing.features import find_features
from tastemaker.core.errors import Conflict, NotFound
from tastemaker.core.ids import ExternalUserId, new_id
from tastemaker.db.enums import LinkPurpose, MemberRole
from tastemaker.db.transaction import Transaction
from tastemaker.events.account_payloads import MemberJoined, MemberLeft
from tastemaker.events.names import Source
from tastemaker.events.service import record

MOST_LINKS = 50


async def invite_member(
    tx: Transaction, account: ExternalUserId, *, email: str | None, role: MemberRole
) -> NewLink:
    """A link for one person. Raises NotInPlan where no seat is left, and InvalidInput."""
    wanted = identity.checked_email(email) if email else None
    await _refuse_without_seat(tx, account)
    return await identity.make_link(
        tx, LinkPurpose.MEMBERSHIP, user_id=account, email=wanted, role=role, created_by=account
    )


async def list_invitations(tx: Transaction, account: ExternalUserId) -> list[AccountLink]:
    """Links that nobody has used yet."""
    links = await tx.many(LIST_OPEN_LINKS, user_id=account, limit=MOST_LINKS)
    return [link for link in links if link.purpose is LinkPurpose.MEMBERSHIP]


async def withdraw_invitation(tx: Transaction, account: ExternalUserId, link: UUID) -> None:
    """Raises NotFound."""
    if not await tx.run(DELETE_LINK, id=link, user_id=account):
        raise NotFound("There is no such invitation.")


async def join(tx: Transaction, secret: str, member: ExternalUserId) -> ExternalUserId:
    """The account that the person may act in from now on. Raises LinkUsed, Conflict, NotInPlan."""
    link = await identity.find_link(tx, secret)
    if link.purpose is not LinkPurpose.MEMBERSHIP or link.tenant_id is None or link.role is None:
        raise LinkUsed("This link is for something else.")
    account = link.tenant_id
    if account == member:
        raise Conflict("This is your own account. Send the link to somebody else.")
    await tx.one(member_queries.LOCK_ACCOUNT, user_id=account)
    await identity.use_link(tx, link)
    if await tx.one(member_queries.FIND_ROLE, user_id=account, member_id=member) is None:
        await _refuse_without_seat(tx, account)
    await set_role(tx, account, member, link.role)
    return account


async def set_role(
    tx: Transaction, account: ExternalUserId, member: ExternalUserId, role: MemberRole
) -> None:
    await tx.run(member_queries.SET_MEMBER, user_id=account, member_id=member, role=role)
    await record(
        tx,
        MemberJoined(member=member, role=role),
        aggregate_id=account,
        identifier=str(new_id()),
        source=Source.USER_ACTION,
        tenant_id=account,
    )


async def change_role(
    tx: Transaction, account: ExternalUserId, member: ExternalUserId, role: MemberRole
) -> None:
    """Raises NotFound."""
    if await tx.one(member_queries.FIND_ROLE, user_id=account, member_id=member) is None:
        raise NotFound("There is no such member.")
    await set_role(tx, account, member, role)


async def remove_member(tx: Transaction, account: ExternalUserId, member: ExternalUserId) -> None:
    """Also for who leaves. Refused from the next transaction on. Raises NotFound."""
    if not await tx.run(member_queries.REMOVE_MEMBER, user_id=account, member_id=member):
        raise NotFound("There is no such member.")
    await record(
        tx,
        MemberLeft(member=member),
        aggregate_id=account,
        identifier=str(new_id()),
        source=Source.USER_ACTION,
        tenant_id=account,
    )


async def _refuse_without_seat(tx: Transaction, account: ExternalUserId) -> None:
    features = await find_features(tx, account)
    features.refuse_seat(await tx.only(member_queries.COUNT_MEMBERS, user_id=account))
