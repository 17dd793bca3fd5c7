"""`/api/v1/keyword-suggestions`: what creators who use a word say besides, for programs."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict

from tastemaker.accounts.authentication import Access, access
from tastemaker.catalog.keywords import help_with
from tastemaker.db.enums import ApiScope
from tastemaker.db.transaction import Transaction
from tastemaker.searches.installation import installation_of
from tastemaker.web.idempotency import Answer, answer, respond

router = APIRouter(prefix="/api/v1/keyword-suggestions", tags=["searches"])

Reading = Annotated[Access, access(ApiScope.SEARCHES_READ)]
Keyword = Annotated[str, Query(min_length=1, max_length=200, examples=["fitness"])]
Sandbox = Annotated[bool, Query(description="Of the sandbox's creators, even if there are keys.")]


class TermDocument(BaseModel):
    """A word or #hashtag, and how many creators use it: for `related` and `hashtags` beside the keyword."""

    model_config = ConfigDict(from_attributes=True)

    term: str
    creators: int


class KeywordDocument(BaseModel):
    """`creators` use the keyword; at most 10,000 are counted. `suggestions`: the best hints, in order."""

    model_config = ConfigDict(from_attributes=True)

    keyword: str
    creators: int
    suggestions: list[str]
    related: list[TermDocument]
    hashtags: list[TermDocument]
    completions: list[TermDocument]
    spellings: list[TermDocument]


@router.get("", operation_id="suggest_keywords", responses={200: {"model": KeywordDocument}})
async def suggest(caller: Reading, request: Request, keyword: Keyword, sandbox: Sandbox = False) -> Response:  # noqa: FBT002 - a parameter of the query
    """Further keywords, out of what the known creators write. Calls no provider."""
    made_up = sandbox or not installation_of(request).registry.searches

    async def work(tx: Transaction) -> Answer:
        found = await help_with(tx, keyword, made_up=made_up)
        return answer(KeywordDocument.model_validate(found))

    return respond(await caller.read(work))
