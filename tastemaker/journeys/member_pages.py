"""`/settings/members` and `/memberships/…`: who else works in an account, and in whose one works."""

from functools import partial
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Form
from fastapi.responses import Response

from tastemaker.accounts import identity, member_queries
from tastemaker.accounts.identity import NewLink
from tastemaker.accounts.link_mail import is_mail_on, put_link
from tastemaker.accounts.session_queries import ACT_FOR
from tastemaker.accounts.sessions import SignedIn, Visit
from tastemaker.billing.features import NotInPlan
from tastemaker.core.errors import Conflict, InvalidInput, NotFound
from tastemaker.core.ids import ExternalUserId
from tastemaker.core.settings import get_settings
from tastemaker.db.claims import SYSTEM
from tastemaker.db.enums import MemberRole
from tastemaker.db.transaction import Transaction, in_transaction, transaction
from tastemaker.journeys import members
from tastemaker.web.pages import page, redirect

PATH: Final = "/settings/members"

Text = Annotated[str, Form(max_length=1_000, pattern=r"^[^\x00]*$")]

router = APIRouter(include_in_schema=False)


@router.get(PATH)
async def show_members(visit: SignedIn) -> Response:
    return await _page(visit)


@router.post(PATH)
async def invite(visit: SignedIn, email: Text = "", role: Text = "") -> Response:
    """The answer shows the link, which is kept nowhere; with mail it also goes to the address."""
    visit.needs_owner()
    chosen = MemberRole.VIEWER if role == MemberRole.VIEWER else MemberRole.EDITOR

    async def work(tx: Transaction) -> NewLink:
        made = await members.invite_member(tx, visit.user_id, email=email.strip() or None, role=chosen)
        if made.link.email and is_mail_on(get_settings()):
            await put_link(tx, made.link)
        return made

    try:
        made = await in_transaction(visit.database, SYSTEM, work)
    except (InvalidInput, NotInPlan) as error:
        return await _page(visit, status=error.status, wrong=str(error), email=email, role=chosen)
    if made.link.email and is_mail_on(get_settings()):
        return redirect(PATH, said=f"An invitation is on its way to {made.link.email}.")
    return await _page(visit, status=201, made=made)


@router.post(f"{PATH}/invitations/{{link_id}}/withdrawal")
async def withdraw(visit: SignedIn, link_id: UUID) -> Response:
    visit.needs_owner()
    work = partial(members.withdraw_invitation, account=visit.user_id, link=link_id)
    await in_transaction(visit.database, SYSTEM, work)
    return redirect(PATH, said="The invitation is withdrawn.")


@router.post(f"{PATH}/{{member_id}}/role")
async def change_role(visit: SignedIn, member_id: str, role: Text = "") -> Response:
    visit.needs_owner()
    chosen = MemberRole.VIEWER if role == MemberRole.VIEWER else MemberRole.EDITOR
    work = partial(members.change_role, account=visit.user_id, member=_id(member_id), role=chosen)
    await in_transaction(visit.database, SYSTEM, work)
    return redirect(PATH, said=f"The member is {'a viewer' if chosen is MemberRole.VIEWER else 'an editor'}.")


@router.post(f"{PATH}/{{member_id}}/removal")
async def remove(visit: SignedIn, member_id: str) -> Response:
    visit.needs_owner()
    work = partial(members.remove_member, account=visit.user_id, member=_id(member_id))
    await in_transaction(visit.database, SYSTEM, work)
    return redirect(PATH, said="The member is removed, and refused from now on.")


@router.post("/settings/accounts/{account}/visit")
async def work_in(visit: SignedIn, account: str) -> Response:
    """From now on this browser acts in that account; `own` is one's own."""
    wanted = None if account == "own" else _id(account)
    async with transaction(visit.database, SYSTEM) as tx:
        if wanted and await _role(tx, wanted, visit.actor_id) is None:
            raise NotFound("There is no such account.")
        await tx.run(ACT_FOR, account=wanted, user_id=visit.actor_id, id=visit.session.id)
    return redirect("/")


@router.post("/settings/accounts/{account}/leaving")
async def leave(visit: SignedIn, account: str) -> Response:
    work = partial(members.remove_member, account=_id(account), member=visit.actor_id)
    await in_transaction(visit.database, SYSTEM, work)
    return redirect(PATH, said="You have left the account.")


@router.get("/memberships/{secret}")
async def show_invitation(visit: SignedIn, secret: str) -> Response:
    """Changes nothing. Who is not signed in signs in first, and opens the link again."""
    async with transaction(visit.database, SYSTEM) as tx:
        link = await identity.find_link(tx, secret)
    return page(visit.request, "journeys/membership.html", link=link, wrong=None)


@router.post("/memberships/{secret}")
async def join(visit: SignedIn, secret: str) -> Response:
    async def work(tx: Transaction) -> None:
        account = await members.join(tx, secret, visit.actor_id)
        await tx.run(ACT_FOR, account=account, user_id=visit.actor_id, id=visit.session.id)

    try:
        await in_transaction(visit.database, SYSTEM, work)
    except (Conflict, NotInPlan) as error:
        async with transaction(visit.database, SYSTEM) as tx:
            link = await identity.find_link(tx, secret)
        return page(
            visit.request, "journeys/membership.html", status=error.status, link=link, wrong=str(error)
        )
    return redirect("/", said="You work in this account now. What you do has your name.")


async def _page(
    visit: Visit,
    *,
    status: int = 200,
    made: NewLink | None = None,
    wrong: str | None = None,
    email: str = "",
    role: MemberRole = MemberRole.EDITOR,
) -> Response:
    user = await visit.run(visit.user)
    base = get_settings().public_url or str(visit.request.base_url)
    async with transaction(visit.database, SYSTEM) as tx:
        listed = await tx.many(member_queries.LIST_MEMBERS, user_id=visit.user_id)
        invitations = await members.list_invitations(tx, visit.user_id) if visit.is_own else []
        accounts = await tx.many(member_queries.LIST_ACCOUNTS, user_id=visit.actor_id)
    return page(
        visit.request,
        "journeys/members.html",
        status=status,
        is_admin=user.is_admin,
        is_own=visit.is_own,
        account=visit.user_id,
        members=listed,
        invitations=invitations,
        accounts=accounts,
        link=made and made.url(base),
        wrong=wrong,
        email=email,
        role=role,
    )


async def _role(tx: Transaction, account: ExternalUserId, member: ExternalUserId) -> MemberRole | None:
    return await tx.one(member_queries.FIND_ROLE, user_id=account, member_id=member)


def _id(typed: str) -> ExternalUserId:
    """PostgreSQL stores no NUL, so nobody is called so. Raises NotFound."""
    if "\0" in typed:
        raise NotFound("There is no such user.")
    return ExternalUserId(typed)
