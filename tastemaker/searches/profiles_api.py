"""`/api/v1/profile-lookups`: one account as its provider tells it, for programs."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr

from tastemaker.accounts.authentication import Access, access
from tastemaker.db.enums import ApiScope
from tastemaker.providers.base import Cost, Creator, Post
from tastemaker.searches.installation import installation_of
from tastemaker.searches.profiles import look_up_profile, want_profile
from tastemaker.web.idempotency import answer, respond

router = APIRouter(prefix="/api/v1/profile-lookups", tags=["profiles"])

Writing = Annotated[Access, access(ApiScope.SEARCHES_WRITE)]


class NewLookup(BaseModel):
    """An account: its handle, its profile's address or, with `by_id`, the platform's id.

    A stored answer up to `max_age_seconds` old is returned without a call. Default: as configured.
    """

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"platform": "youtube", "account": "@chess"}]}
    )

    platform: Annotated[StrictStr, Field(max_length=50, examples=["youtube"])]
    account: Annotated[StrictStr, Field(min_length=1, max_length=1000, examples=["@chess"])]
    by_id: StrictBool = False
    sandbox: StrictBool = False
    max_age_seconds: Annotated[StrictInt, Field(ge=0, le=10**9)] | None = None


class ProfileDocument(BaseModel):
    """`cost` is null for the sandbox, and all zero where a stored answer was used. Unknown is null."""

    model_config = ConfigDict(from_attributes=True)

    source: str
    provider: str
    cost: Cost | None
    fetched_at: datetime | None
    creator: Creator
    posts: list[Post]


@router.post(
    "",
    operation_id="look_up_profile",
    responses={200: {"model": ProfileDocument}, 502: {"description": "The provider gave no answer."}},
)
async def look_up(caller: Writing, request: Request, wanted: NewLookup) -> Response:
    """Look up one account. A live call is paid, recorded in the ledger, and reused for a time."""
    age = None if wanted.max_age_seconds is None else timedelta(seconds=wanted.max_age_seconds)
    found = await look_up_profile(
        caller.database,
        caller.caller.user_id,
        want_profile(
            wanted.platform, wanted.account, by_id=wanted.by_id, sandbox=wanted.sandbox, max_age=age
        ),
        installation_of(request),
        caller.services.rate_limit.config,
        instead="send `sandbox: true`",
    )
    return respond(answer(ProfileDocument.model_validate(found)))
