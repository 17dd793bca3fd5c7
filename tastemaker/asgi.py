"""The web application: the edge around the routes of the features.

`create_app(services)` serves what it is given; without them the process opens its database from the settings
when it starts, so that any ASGI server can run it: `uvicorn --factory tastemaker.asgi:create_app`.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from fastapi import FastAPI

import tastemaker.accounts.unsubscribing_api
import tastemaker.campaigns.api
import tastemaker.searches.api
import tastemaker.searches.campaigns_api
import tastemaker.searches.costs_api
from tastemaker.config_store.live import live_configuration
from tastemaker.core.settings import Settings, get_settings
from tastemaker.db.access import Access, database_access
from tastemaker.db.engine import Database, open_database
from tastemaker.db.profiles import WEB_WAIT, pool_profile
from tastemaker.jobs.transports.qstash_callbacks import Deliveries
from tastemaker.providers.registry import live_providers
from tastemaker.web import health, qstash
from tastemaker.web.edge import Edge
from tastemaker.web.pace import Pace
from tastemaker.web.problems import add_problems
from tastemaker.web.qstash import put_deliveries
from tastemaker.web.services import Services, put_services

OPENAPI: Final = "/api/v1/openapi.json"
ROUTERS: Final = (
    health.router,
    tastemaker.accounts.unsubscribing_api.router,
    tastemaker.campaigns.api.router,
    tastemaker.searches.campaigns_api.router,
    tastemaker.searches.api.router,
    tastemaker.searches.costs_api.router,
    qstash.router,
)


def create_app(services: Services | None = None, deliveries: Deliveries | None = None) -> FastAPI:
    """`deliveries` takes what QStash calls with; without it such calls are refused."""
    app = FastAPI(
        title="Tastemaker",
        summary="Find creators on YouTube, TikTok and Instagram by keyword.",
        version="1",
        openapi_url=OPENAPI,
        docs_url=None,
        redoc_url=None,
        lifespan=None if services else _opened,
    )
    if services is not None:
        put_services(app, services)
    if deliveries is not None:
        put_deliveries(app, deliveries)
    app.add_middleware(Edge)
    add_problems(app)
    for router in ROUTERS:
        app.router.routes.extend(router.routes)  # side by side, where the rule on open routes sees each
    return app


@asynccontextmanager
async def open_services(settings: Settings, access: Access) -> AsyncIterator[Services]:
    """A database whose schema is at its head. A request waits two seconds for a connection, not more."""
    profile = pool_profile(settings, wait=WEB_WAIT)
    async with (
        open_database(access.app_url, profile, direct_url=access.direct_url) as database,
        services_over(database, settings) as services,
    ):
        yield services


@asynccontextmanager
async def services_over(database: Database, settings: Settings) -> AsyncIterator[Services]:
    async with live_configuration(database) as config:
        yield Services(database, Pace(config), frozenset(live_providers(settings)))


def _opened(app: FastAPI) -> AbstractAsyncContextManager[None]:
    @asynccontextmanager
    async def opened() -> AsyncIterator[None]:
        settings = get_settings()
        with database_access(settings) as access:
            async with open_services(settings, access) as services:
                put_services(app, services)
                yield

    return opened()
