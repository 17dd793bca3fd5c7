"""The adapter: one call for a page of a search, one for a profile; it never waits and never repeats."""

from collections.abc import Mapping

import httpx

from tastemaker.providers.base import (
    Cost,
    Declaration,
    ErrorKind,
    KeywordQuery,
    Page,
    ProfileQuery,
    ProviderError,
)
from tastemaker.providers.declaration import account_of
from tastemaker.providers.errors import kind_of_status, refusal, require_key
from tastemaker.providers.http import JsonResponse, get_json
from tastemaker.providers.parameters import checked_account, checked_cursor, checked_keyword, checked_options
from tastemaker.providers.parsing import count, gather
from tastemaker_roster.declared import CALL, declaration
from tastemaker_roster.reading import to_creator, to_post

NAME = "the roster"
VARIABLE = "ROSTER_API_KEY"


class Roster:
    def __init__(self, key: str, *, base_url: str, deadline_seconds: float | None = None) -> None:
        self._key = key
        self._base_url = base_url.rstrip("/")
        self.declaration: Declaration = declaration(account_of("roster", key), deadline_seconds)

    async def search_keyword(self, http: httpx.AsyncClient, query: KeywordQuery, cursor: str | None) -> Page:
        checked_options(query, {})  # it has none: an unknown one is refused before it costs anything
        page = checked_cursor(cursor, provider=NAME) or "1"
        answer = await self._ask(http, "search", {"q": checked_keyword(query), "page": page})
        items = answer.body.get("results")
        if not isinstance(items, list):
            raise unknown_form()
        gathered = gather((to_creator(item), to_post(item)) for item in items)
        if items and not gathered.creators:
            raise unknown_form()  # renamed fields are a failure and not an empty page
        following = count(answer.body.get("next_page"))
        return Page(
            creators=gathered.creators,
            posts=gathered.posts,
            next_cursor=str(following) if items and following and str(following) != page else None,
            cost=CALL,
            raw=(answer.raw,),
            skipped=gathered.skipped,
        )

    async def fetch_profile(self, http: httpx.AsyncClient, query: ProfileQuery) -> Page:
        handle, stable_id = checked_account(query)
        checked_options(query, {})
        asked = {"id": stable_id} if stable_id else {"handle": handle or ""}
        answer = await self._ask(http, "profile", asked)
        creator = to_creator(answer.body)
        if creator is None:
            raise unknown_form()
        return Page(creators=(creator,), posts=(), next_cursor=None, cost=CALL, raw=(answer.raw,))

    async def _ask(self, http: httpx.AsyncClient, name: str, parameters: Mapping[str, str]) -> JsonResponse:
        """Every refusal becomes a ProviderError that says whether asking again can help."""
        require_key(self._key, provider=NAME, variable=VARIABLE)
        endpoint = self.declaration.endpoint(name)
        try:
            answer = await get_json(
                http,
                self._base_url + endpoint.path,
                provider=NAME,
                params=parameters,
                headers={"Authorization": f"Bearer {self._key}"},
                deadline_seconds=endpoint.deadline_seconds,
            )
        except ProviderError as error:
            error.cost = endpoint.cost if error.cost.calls else error.cost
            raise
        if answer.status >= httpx.codes.BAD_REQUEST:
            kind = kind_of_status(answer.status)
            raise refusal(kind, answer, provider=NAME, variable=VARIABLE, cost=Cost(calls=1, units=0))
        return answer


def unknown_form() -> ProviderError:
    message = f"{NAME} sent something in a form that is not known."
    return ProviderError(ErrorKind.GARBAGE, message, final=False, cost=CALL)
