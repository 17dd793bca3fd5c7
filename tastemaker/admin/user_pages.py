"""`/system/users`: find a user, see where they stand, and act with a reason."""

from functools import partial
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Query
from fastapi.responses import Response

from tastemaker.accounts.identity import NewLink
from tastemaker.accounts.identity_queries import LIST_OPEN_LINKS
from tastemaker.accounts.link_mail import is_mail_on
from tastemaker.admin import users
from tastemaker.admin.access import Administrator, Typed, Word, as_system
from tastemaker.admin.queries import list_users, search_users
from tastemaker.billing import plans
from tastemaker.core.errors import AppError, Conflict, InvalidInput, NotFound
from tastemaker.core.ids import ExternalUserId
from tastemaker.core.settings import get_settings
from tastemaker.db.claims import SYSTEM
from tastemaker.db.transaction import Transaction
from tastemaker.events.reading_queries import list_events
from tastemaker.journeys.account_deletion import delete_user
from tastemaker.web.pages import page, redirect

USERS: Final = "/system/users"
PAGE_SIZE: Final = 50
MOST_EVENTS: Final = 20
MOST_LINKS: Final = 50

router = APIRouter(include_in_schema=False)


@router.get(USERS)
async def show_users(
    visit: Administrator, q: Word = "", after: Annotated[str | None, Query(max_length=400)] = None
) -> Response:
    return await _list(visit, q=q.strip(), after=after)


@router.post(USERS)
async def invite(visit: Administrator, email: Typed = "") -> Response:
    """The answer shows the link, which is kept nowhere: a redirect could not."""
    try:
        made = await as_system(
            visit, partial(users.invite_user, email=email.strip() or None, actor=visit.actor_id)
        )
    except InvalidInput as error:
        return await _list(visit, status=422, wrong=str(error), email=email)
    return await _list(visit, status=201, made=made)


@router.get(f"{USERS}/{{user_id}}")
async def show_user(visit: Administrator, user_id: str) -> Response:
    return await _show(visit, _id(user_id))


@router.post(f"{USERS}/{{user_id}}/links")
async def make_link(visit: Administrator, user_id: str, reason: Typed = "") -> Response:
    made = await as_system(
        visit, partial(users.make_link, user_id=_id(user_id), actor=visit.actor_id, reason=reason)
    )
    return await _show(visit, _id(user_id), status=201, made=made)


@router.post(f"{USERS}/{{user_id}}/administrator")
async def appoint(visit: Administrator, user_id: str, grant: Typed = "", reason: Typed = "") -> Response:
    is_admin = grant == "yes"
    work = partial(
        users.set_administrator,
        user_id=_id(user_id),
        is_admin=is_admin,
        actor=visit.actor_id,
        reason=reason,
    )
    try:
        await as_system(visit, work)
    except Conflict as error:
        return await _show(visit, _id(user_id), status=409, wrong=error)
    said = "This user is an administrator now." if is_admin else "This user is no administrator any more."
    return redirect(_path(user_id), said=said)


@router.post(f"{USERS}/{{user_id}}/plan")
async def assign_plan(visit: Administrator, user_id: str, plan: Typed = "", reason: Typed = "") -> Response:
    """Without a plan: what was given is taken back."""
    known = _id(user_id)

    async def work(tx: Transaction) -> object:
        actor, why = visit.actor_id, reason or None
        if plan:
            return await plans.assign_plan(tx, known, plan, actor=actor, reason=why)
        return await plans.revoke_plan(tx, known, actor=actor, reason=why)

    try:
        await as_system(visit, work)
    except (Conflict, NotFound) as error:
        return await _show(visit, known, status=error.status, wrong=error)
    return redirect(_path(user_id), said="The plan is changed.")


@router.post(f"{USERS}/{{user_id}}/sessions/revocation")
async def end_sessions(visit: Administrator, user_id: str, reason: Typed = "") -> Response:
    await as_system(
        visit, partial(users.end_sessions, user_id=_id(user_id), actor=visit.actor_id, reason=reason)
    )
    return redirect(_path(user_id), said="Every browser of this user is signed out.")


@router.post(f"{USERS}/{{user_id}}/deletion")
async def delete(visit: Administrator, user_id: str, confirmed: Typed = "") -> Response:
    """The id is typed again, since it cannot be undone."""
    if confirmed.strip() != user_id:
        wrong = InvalidInput("Type the id of the user to delete everything of theirs.")
        return await _show(visit, _id(user_id), status=422, wrong=wrong)
    await as_system(visit, partial(delete_user, user_id=_id(user_id)))
    return redirect(USERS, said=f"{user_id} is deleted. A worker erases what was theirs.")


async def _list(
    visit: Administrator,
    *,
    status: int = 200,
    q: str = "",
    after: str | None = None,
    made: NewLink | None = None,
    wrong: str | None = None,
    email: str = "",
) -> Response:
    refused = None
    try:
        if q:
            found = await search_users(visit.database, SYSTEM, q, after=after, limit=PAGE_SIZE)
        else:
            found = await list_users(visit.database, after=after, limit=PAGE_SIZE)
    except InvalidInput as error:
        refused, status = str(error), 422
        found = await list_users(visit.database, limit=PAGE_SIZE)
    return page(
        visit.request,
        "admin/users.html",
        status=status,
        users=found.rows,
        next=found.next,
        after=after,
        q=q,
        refused=refused,
        link=made and made.url(_base(visit)),
        wrong=wrong,
        email=email,
        waiting=await as_system(visit, lambda tx: tx.many(LIST_OPEN_LINKS, user_id=None, limit=MOST_LINKS)),
        mailed=is_mail_on(get_settings()),
    )


async def _show(
    visit: Administrator,
    user_id: ExternalUserId,
    *,
    status: int = 200,
    made: NewLink | None = None,
    wrong: AppError | None = None,
) -> Response:
    details = await as_system(visit, lambda tx: users.get_details(tx, user_id))
    events = await list_events(visit.database, user_id, limit=MOST_EVENTS)
    return page(
        visit.request,
        "admin/user.html",
        status=status,
        details=details,
        profile=details.profile,
        events=events.rows,
        plans=[one for one in await as_system(visit, plans.list_plans) if one.is_active],
        link=made and made.url(_base(visit)),
        wrong=wrong and str(wrong),
    )


def _path(user_id: str) -> str:
    return f"{USERS}/{quote(user_id, safe='')}"


def _base(visit: Administrator) -> str:
    return get_settings().public_url or str(visit.request.base_url)


def _id(user_id: str) -> ExternalUserId:
    """Raises NotFound."""
    if "\0" in user_id:
        raise NotFound("There is no such user.")
    return ExternalUserId(user_id)
