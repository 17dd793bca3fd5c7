"""The calls of one page: what they asked, what they cost so far, and which of their bodies are kept."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import httpx

from tastemaker.providers.base import Cost, Declaration, ErrorKind, ProviderError
from tastemaker.providers.http import Answer, get_json
from tastemaker.providers.parsing import dig, identifier
from tastemaker.providers.youtube.refusals import NAME, refused

BATCH = 50


class Calls:
    """Every error that leaves here carries the cost of the page's earlier calls as well."""

    def __init__(self, http: httpx.AsyncClient, base_url: str, key: str, declaration: Declaration) -> None:
        self._http = http
        self._base_url = base_url
        self._key = key
        self._declaration = declaration
        self.cost = Cost(calls=0, units=0)
        self.bodies: list[bytes] = []

    async def search(self, parameters: Mapping[str, str]) -> Mapping[str, Any]:
        answer = await self._get("search", parameters)
        return answer.body

    async def list_by_id(self, method: str, parts: str, ids: Iterable[str | None]) -> dict[str, Any]:
        """The items of `method` by id, asked for in batches; the API leaves out ids it does not know."""
        wanted = list(dict.fromkeys(found for found in ids if found))
        items: dict[str, Any] = {}
        for start in range(0, len(wanted), BATCH):
            batch = wanted[start : start + BATCH]
            parameters = {"part": parts, "id": ",".join(batch), "maxResults": str(BATCH)}
            answer = await self._get(method, parameters)
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

    async def list_channels(self, parameters: Mapping[str, str]) -> Sequence[Any]:
        answer = await self._get("channels", parameters)
        return self.items_of(answer.body)

    async def _get(self, method: str, parameters: Mapping[str, str]) -> Answer:
        asked = self._declaration.endpoint(method)
        price = asked.cost
        try:
            answer = await get_json(
                self._http,
                self._base_url + asked.path,
                provider=NAME,
                params={**parameters, "key": self._key},
                headers={},
                deadline_seconds=asked.deadline_seconds,
            )
        except ProviderError as error:
            error.cost = self.cost + (price if error.cost.calls else error.cost)
            raise
        self.cost += price
        if answer.status >= httpx.codes.BAD_REQUEST or answer.body.get("error"):
            raise refused(answer, self.cost)
        self.bodies.append(answer.raw)
        return answer
