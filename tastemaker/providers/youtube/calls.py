"""The calls of one page: what they asked, what they cost so far, and which of their bodies are kept."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import httpx

from tastemaker.providers.base import Cost, ErrorKind, ProviderError
from tastemaker.providers.http import Answer, get_json
from tastemaker.providers.parsing import dig, identifier
from tastemaker.providers.youtube.refusals import NAME, refused

BATCH = 50
SEARCH_COST = Cost(calls=1, units=0)
LIST_COST = Cost(calls=1, units=1)


class Calls:
    """Every error that leaves here carries the cost of the page's earlier calls as well."""

    def __init__(self, http: httpx.AsyncClient, base_url: str, key: str, deadline_seconds: float) -> None:
        self._http = http
        self._base_url = base_url
        self._key = key
        self._deadline_seconds = deadline_seconds
        self.cost = Cost(calls=0, units=0)
        self.bodies: list[bytes] = []

    async def search(self, parameters: Mapping[str, str]) -> Mapping[str, Any]:
        answer = await self._get("search", parameters, SEARCH_COST)
        return answer.body

    async def list_by_id(self, method: str, parts: str, ids: Iterable[str | None]) -> dict[str, Any]:
        """The items of `method` by id, asked for in batches; the API leaves out ids it does not know."""
        wanted = list(dict.fromkeys(found for found in ids if found))
        items: dict[str, Any] = {}
        for start in range(0, len(wanted), BATCH):
            batch = wanted[start : start + BATCH]
            parameters = {"part": parts, "id": ",".join(batch), "maxResults": str(BATCH)}
            answer = await self._get(method, parameters, LIST_COST)
            items.update(
                (found, item) for item in self.items_of(answer.body) if (found := identifier(dig(item, "id")))
            )
        return items

    def items_of(self, body: Mapping[str, Any]) -> Sequence[Any]:
        """A list without items may leave out the key, but then says which kind of list it is."""
        items = body.get("items")
        if isinstance(items, list):
            return items
        if items is None and body.get("kind"):
            return ()
        raise self.unknown_form()

    def unknown_form(self) -> ProviderError:
        message = f"{NAME} sent a list in a form that is not known."
        return ProviderError(ErrorKind.GARBAGE, message, final=False, cost=self.cost)

    async def _get(self, method: str, parameters: Mapping[str, str], price: Cost) -> Answer:
        try:
            answer = await get_json(
                self._http,
                f"{self._base_url}/youtube/v3/{method}",
                provider=NAME,
                params={**parameters, "key": self._key},
                headers={},
                deadline_seconds=self._deadline_seconds,
            )
        except ProviderError as error:
            error.cost = self.cost + (price if error.cost.calls else error.cost)
            raise
        self.cost += price
        if answer.status >= httpx.codes.BAD_REQUEST or answer.body.get("error"):
            raise refused(answer, self.cost)
        self.bodies.append(answer.raw)
        return answer
