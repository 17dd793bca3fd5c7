"""`/api/v1/admin/users`: what an administrator's program sees and does. Others get a 403."""

from dataclasses import asdict
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, StrictStr

from tastemaker.accounts.authentication import Access, access
from tastemaker.accounts.identity import NewLink
from tastemaker.admin import users
from tastemaker.admin.queries import list_users, search_users
from tastemaker.core.errors import NotFound
from tastemaker.core.ids import ExternalUserId
from tastemaker.core.settings import get_settings
from tastemaker.db.claims import SYSTEM
from tastemaker.db.enums import ApiScope
from tastemaker.db.transaction import Transaction, in_transaction
from tastemaker.events.reading_queries import list_events
from tastemaker.journeys.account_deletion import delete_user
from tastemaker.web.idempotency import Answer, answer, respond

PATH: Final = "/api/v1/admin/users"

router = APIRouter(prefix=PATH, tags=["administration"])

Reading = Annotated[Access, access(ApiScope.ADMIN)]
Writing = Annotated[Access, access(ApiScope.ADMIN, once=True)]
Limit = Annotated[int, Query(ge=1, le=200)]
After = Annotated[str | None, Query(max_length=400, description="`next` of the page before.")]
Needle = Annotated[str | None, Query(max_length=200, description="A part of the name, e-mail or business.")]


class NewUser(BaseModel):
    """An account to be made; its person chooses a password by the link of the answer."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"email": "robin@example.com"}]}
    )

    email: Annotated[StrictStr, Field(max_length=254)]
    full_name: Annotated[StrictStr, Field(max_length=200)] | None = None
    plan: Annotated[StrictStr, Field(max_length=50)] | None = None


class StatedReason(BaseModel):
    """`reason` is kept with the event."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"reason": "asked by telephone"}]}
    )

    reason: Annotated[StrictStr, Field(max_length=500)] | None = None


@router.get("", operation_id="list_users")
async def show_all(caller: Reading, q: Needle = None, limit: Limit = 50, after: After = None) -> Response:
    """Users, the newest first; with `q` those whose name, e-mail or business has it."""
    await require_administrator(caller)
    if q:
        found = await search_users(caller.database, SYSTEM, q, after=after, limit=limit)
    else:
        found = await list_users(caller.database, after=after, limit=limit)
    return respond(answer({"users": [asdict(one) for one in found.rows], "next": found.next}))


@router.post("", operation_id="create_user", status_code=201)
async def create(caller: Writing, user: NewUser) -> Response:
    """Make an account. The link is shown only here."""
    actor = await require_administrator(caller)

    async def work(tx: Transaction) -> Answer:
        user_id, link = await users.create_user(
            tx, email=user.email, full_name=user.full_name, plan=user.plan, actor=actor
        )
        return answer({"user_id": user_id, **_link(link)}, status=201, location=f"{PATH}/{user_id}")

    return await caller.once(work, claim=SYSTEM)


@router.get("/{user_id}", operation_id="get_user")
async def show(caller: Reading, user_id: str) -> Response:
    """A user: the complete profile, and what there is of sessions, keys, campaigns and members."""
    await require_administrator(caller)

    async def work(tx: Transaction) -> Answer:
        return answer(document_of(await users.get_details(tx, _known(user_id))))

    return respond(await in_transaction(caller.database, SYSTEM, work))


@router.get("/{user_id}/events", operation_id="list_events_of_user")
async def show_events(caller: Reading, user_id: str, limit: Limit = 50, after: After = None) -> Response:
    """What happened to a user, the latest first."""
    await require_administrator(caller)
    found = await list_events(caller.database, _known(user_id), after=after, limit=limit)
    return respond(answer({"events": [asdict(one) for one in found.rows], "next": found.next}))


@router.post("/{user_id}/links", operation_id="make_link_of_user", status_code=201)
async def make_link(caller: Writing, user_id: str, why: StatedReason) -> Response:
    """A link by which the user chooses a password, shown only here. Earlier ones work no more."""
    actor = await require_administrator(caller)

    async def work(tx: Transaction) -> Answer:
        made = await users.make_link(tx, _known(user_id), actor=actor, reason=why.reason)
        return answer(_link(made), status=201)

    return await caller.once(work, claim=SYSTEM)


@router.put("/{user_id}/administrator", operation_id="grant_admin")
async def grant(caller: Writing, user_id: str, why: StatedReason) -> Response:
    """Appoint an administrator."""
    return await _appoint(caller, user_id, why, is_admin=True)


@router.delete("/{user_id}/administrator", operation_id="revoke_admin")
async def revoke(caller: Writing, user_id: str) -> Response:
    """Dismiss an administrator; the last one stays."""
    return await _appoint(caller, user_id, StatedReason(), is_admin=False)


@router.delete("/{user_id}/sessions", operation_id="end_sessions_of_user")
async def end_sessions(caller: Writing, user_id: str) -> Response:
    """Sign the user out everywhere."""
    actor = await require_administrator(caller)

    async def work(tx: Transaction) -> Answer:
        return answer({"ended": await users.end_sessions(tx, _known(user_id), actor=actor)})

    return await caller.once(work, claim=SYSTEM)


@router.delete("/{user_id}", operation_id="delete_user", status_code=202)
async def delete(caller: Writing, user_id: str) -> Response:
    """Delete a user and everything of theirs; a worker erases it batch by batch."""
    await require_administrator(caller)

    async def work(tx: Transaction) -> Answer:
        await delete_user(tx, _known(user_id))
        return answer({"user_id": user_id, "deleted": True}, status=202)

    return await caller.once(work, claim=SYSTEM)


def document_of(details: users.UserDetails) -> dict[str, Any]:
    """Without digests and secrets."""
    credentials = details.credentials
    return {
        "profile": asdict(details.profile),
        "sign_in": credentials and {"email": credentials.email, "verified_at": credentials.verified_at},
        "counts": asdict(details.counts),
        "links": [
            {"purpose": one.purpose, "created_at": one.created_at, "expires_at": one.expires_at}
            for one in details.links
        ],
    }


async def _appoint(caller: Access, user_id: str, why: StatedReason, *, is_admin: bool) -> Response:
    actor = await require_administrator(caller)
    appoint = partial(
        users.set_administrator,
        user_id=_known(user_id),
        is_admin=is_admin,
        actor=actor,
        reason=why.reason,
    )

    async def work(tx: Transaction) -> Answer:
        await appoint(tx)
        return answer({"user_id": user_id, "is_admin": is_admin})

    return await caller.once(work, claim=SYSTEM)


async def require_administrator(caller: Access) -> ExternalUserId:
    """The scope alone is not enough: the user may have been dismissed since. Raises NotFound."""
    user = await caller.read(caller.user)
    if not user.is_admin:
        raise NotFound("There is nothing here.")
    return user.user_id


def _known(user_id: str) -> ExternalUserId:
    """PostgreSQL stores no NUL, so nobody is called so. Raises NotFound."""
    if "\0" in user_id:
        raise NotFound("There is no such user.")
    return ExternalUserId(user_id)


def _link(made: NewLink) -> dict[str, Any]:
    base = get_settings().public_url or ""
    return {"link": made.url(base), "expires_at": made.link.expires_at}
