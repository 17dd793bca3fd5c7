"""What the routes of a web process need: database, rate limit, providers."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from fastapi import FastAPI, Request

from tastemaker.core.errors import DatabaseUnavailable
from tastemaker.core.ids import ExternalUserId
from tastemaker.core.platforms import Platform
from tastemaker.db.pool import Database
from tastemaker.web.rate_limit import RateLimit

_NAME: Final = "services"

RefusePrograms = Callable[[Database, ExternalUserId], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Services:
    """`live` are the platforms for which this installation has a provider's key.

    `stopping` is set when the process shuts down: answers that last end then.
    """

    database: Database
    rate_limit: RateLimit
    live: frozenset[Platform]
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    refuse_programs: RefusePrograms | None = None
    """Raises for a user whose plan has no API; without it every user's programs may call."""


def put_services(app: FastAPI, services: Services) -> None:
    setattr(app.state, _NAME, services)


def services_of(request: Request) -> Services:
    """Raises DatabaseUnavailable while the process is still starting."""
    found = getattr(request.app.state, _NAME, None)
    if not isinstance(found, Services):
        raise DatabaseUnavailable("The server is starting; try again in a moment.")
    return found
