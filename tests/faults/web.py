"""The web process as a program sees it that calls again until it is answered, as every client should."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.core.clock import monotonic
from tests.faults.site import Site
from tests.web.conftest import make_key

PATH = "/api/v1/campaigns"
_URL = re.compile(r"http://127\.0\.0\.1:\d+")


@dataclass
class Client:
    """`troubles` are the moments at which an answer was no answer: a 5xx, or no connection."""

    http: httpx.AsyncClient
    troubles: list[float] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    async def create(self, name: str, key: str) -> httpx.Response:
        """Until it is answered with something else than `come again`."""
        while True:
            try:
                said = await self.http.post(PATH, json={"name": name}, headers={"Idempotency-Key": key})
            except httpx.TransportError:
                self.troubles.append(monotonic())
            else:
                self.statuses.append(said.status_code)
                if said.status_code not in {409, 429, 500, 503}:
                    return said
                if said.status_code >= 500:
                    self.troubles.append(monotonic())
            await asyncio.sleep(0.05)

    @property
    def longest_trouble(self) -> float:
        """Seconds from a first trouble to the last of the same row, where rows are a second apart."""
        worst, begun = 0.0, None
        for before, at in zip([float("-inf"), *self.troubles], self.troubles, strict=False):
            begun = at if begun is None or at - before > 1.0 else begun
            worst = max(worst, at - begun)
        return worst


@asynccontextmanager
async def calling(site: Site, user: CurrentUser | None = None) -> AsyncIterator[Client]:
    """A `tastemaker serve` process, and a client with a key of the user's."""
    process = await site.command("serve", "--port", "0", ready="Serving")
    found = _URL.search(process.log.read_text())
    if found is None:
        raise RuntimeError("the web process does not say where it is")
    key = await make_key(site.database, user or site.user)
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=found[0], headers=headers, timeout=15, trust_env=False) as http:
        yield Client(http)
