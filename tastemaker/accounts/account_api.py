"""`/api/v1/account`: the complete profile of who calls, and changing it."""

from dataclasses import asdict
from typing import Annotated, Final

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, StrictStr

from tastemaker.accounts.authentication import Access, access
from tastemaker.accounts.queries import GET_USER_PROFILE
from tastemaker.accounts.service import change_profile
from tastemaker.db.enums import ApiScope
from tastemaker.db.transaction import Transaction
from tastemaker.web.idempotency import Answer, answer, respond

PATH: Final = "/api/v1/account"

router = APIRouter(prefix=PATH, tags=["account"])

Reading = Annotated[Access, access(ApiScope.ACCOUNT_READ)]
Writing = Annotated[Access, access(ApiScope.ACCOUNT_WRITE, once=True)]


class ChangedProfile(BaseModel):
    """What is not named stays; an empty text takes a value away."""

    model_config = ConfigDict(extra="forbid")

    full_name: Annotated[StrictStr, Field(max_length=200)] | None = None
    business_name: Annotated[StrictStr, Field(max_length=200)] | None = None
    industry: Annotated[StrictStr, Field(max_length=200)] | None = None
    brand_description: Annotated[StrictStr, Field(max_length=2000)] | None = None


@router.get("", operation_id="get_account")
async def show(caller: Reading) -> Response:
    """The complete profile: identity, subscription, card, usage."""

    async def work(tx: Transaction) -> Answer:
        profile = await tx.only(GET_USER_PROFILE, user_id=caller.caller.user_id)
        return answer(asdict(profile))

    return respond(await caller.read(work))


@router.patch("", operation_id="change_account")
async def change(caller: Writing, profile: ChangedProfile) -> Response:
    """Change what one says of oneself."""
    values = {name: value for name, value in profile.model_dump().items() if value is not None}

    async def work(tx: Transaction) -> Answer:
        return answer(asdict(await change_profile(tx, caller.caller.user_id, values)))

    return await caller.once(work)
