"""The web application: the edge around the routes of the features.

`create_app(services)` serves what it is given. Without them the process is composed from the settings when it
starts, so that any ASGI server can run it: `uvicorn --factory tastemaker.asgi:create_app`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from fastapi import FastAPI

import tastemaker.accounts.account_api
import tastemaker.accounts.account_pages
import tastemaker.accounts.key_pages
import tastemaker.accounts.pages
import tastemaker.accounts.unsubscribe_api
import tastemaker.admin.configuration_pages
import tastemaker.admin.event_pages
import tastemaker.admin.job_pages
import tastemaker.admin.plan_pages
import tastemaker.admin.plans_api
import tastemaker.admin.provider_pages
import tastemaker.admin.user_pages
import tastemaker.admin.users_api
import tastemaker.billing.api
import tastemaker.billing.billing_pages
import tastemaker.billing.pages
import tastemaker.billing.webhooks
import tastemaker.campaigns.api
import tastemaker.journeys.account_pages
import tastemaker.journeys.campaign_pages
import tastemaker.journeys.clerk_webhooks
import tastemaker.journeys.member_pages
import tastemaker.journeys.new_search_pages
import tastemaker.journeys.onboarding_pages
import tastemaker.journeys.pages
import tastemaker.searches.api
import tastemaker.searches.discover.api
import tastemaker.searches.discover.pages
import tastemaker.searches.enrichment.api
import tastemaker.searches.enrichment.pages
import tastemaker.searches.exclusions.api
import tastemaker.searches.exclusions.pages
import tastemaker.searches.exports.api
import tastemaker.searches.exports.pages
import tastemaker.searches.facets_api
import tastemaker.searches.imports.api
import tastemaker.searches.imports.pages
import tastemaker.searches.keywords_api
import tastemaker.searches.pages
import tastemaker.searches.profiles_api
import tastemaker.searches.progress_pages
import tastemaker.searches.results.image_pages
import tastemaker.searches.starting_api
import tastemaker.searches.watching_api
from tastemaker.billing.features import refuse_programs
from tastemaker.billing.stripe_client import payments_of
from tastemaker.billing.webhooks import put_payments
from tastemaker.config_store.hot_reload import live_configuration
from tastemaker.core.settings import Settings, get_settings
from tastemaker.db.access import DatabaseUrls, database_access
from tastemaker.db.profiles import WEB_WAIT
from tastemaker.jobs.transports.qstash import find_qstash
from tastemaker.jobs.transports.qstash_callbacks import Deliveries
from tastemaker.runtime import connected, equipped, installation_for, live_platforms, qstash_deliveries
from tastemaker.sandbox.corpus import active_corpus
from tastemaker.searches.installation import Installation, put_installation
from tastemaker.web import health, openapi, pages, qstash
from tastemaker.web.middleware import RequestMiddleware
from tastemaker.web.openapi import describe
from tastemaker.web.problems import add_problems
from tastemaker.web.qstash import put_deliveries
from tastemaker.web.rate_limit import RateLimit
from tastemaker.web.services import Services, put_services

OPENAPI: Final = "/api/v1/openapi.json"
ROUTERS: Final = (
    health.router,
    pages.router,
    tastemaker.accounts.pages.router,
    tastemaker.accounts.account_pages.router,
    tastemaker.accounts.key_pages.router,
    tastemaker.searches.results.image_pages.router,
    tastemaker.searches.exclusions.pages.router,
    tastemaker.billing.pages.router,
    tastemaker.billing.webhooks.router,
    tastemaker.admin.job_pages.router,
    tastemaker.admin.event_pages.router,
    tastemaker.admin.configuration_pages.router,
    tastemaker.admin.provider_pages.router,
    tastemaker.admin.user_pages.router,
    tastemaker.journeys.pages.router,
    tastemaker.journeys.account_pages.router,
    tastemaker.journeys.onboarding_pages.router,
    tastemaker.journeys.member_pages.router,
    tastemaker.journeys.campaign_pages.router,
    tastemaker.journeys.new_search_pages.router,
    tastemaker.searches.progress_pages.router,
    tastemaker.searches.discover.pages.router,
    tastemaker.searches.pages.router,
    tastemaker.searches.exports.pages.router,
    tastemaker.searches.imports.pages.router,
    tastemaker.accounts.unsubscribe_api.router,
    tastemaker.campaigns.api.router,
    tastemaker.searches.api.campaigns_router,
    tastemaker.searches.api.router,
    tastemaker.searches.discover.api.router,
    tastemaker.searches.facets_api.router,
    tastemaker.searches.facets_api.campaigns_router,
    tastemaker.searches.starting_api.router,
    tastemaker.searches.watching_api.router,
    tastemaker.searches.api.costs_router,
    tastemaker.searches.exclusions.api.router,
    tastemaker.searches.exclusions.api.suppressions_router,
    tastemaker.searches.enrichment.api.router,
    tastemaker.searches.enrichment.pages.router,
    tastemaker.searches.exports.api.router,
    tastemaker.searches.exports.api.searches_router,
    tastemaker.searches.exports.api.campaigns_router,
    tastemaker.searches.imports.api.router,
    tastemaker.searches.profiles_api.router,
    tastemaker.accounts.account_api.router,
    tastemaker.searches.keywords_api.router,
    tastemaker.admin.users_api.router,
    tastemaker.admin.plans_api.router,
    tastemaker.admin.plan_pages.router,
    tastemaker.billing.billing_pages.router,
    tastemaker.billing.api.router,
    tastemaker.journeys.clerk_webhooks.router,
    openapi.router,
    qstash.router,
)


def create_app(
    services: Services | None = None,
    deliveries: Deliveries | None = None,
    installation: Installation | None = None,
) -> FastAPI:
    """`deliveries` takes the calls of QStash; without it they are refused.

    `installation` names the providers; without it the routes that need one are unavailable.
    """
    app = FastAPI(
        title="Tastemaker",
        summary="Find creators on YouTube, TikTok and Instagram by keyword.",
        version="1",
        openapi_url=OPENAPI,
        docs_url=None,
        redoc_url=None,
        lifespan=None if services else _lifespan,
    )
    app.openapi = partial(describe, app)  # type: ignore[method-assign]  # FastAPI's own way
    if services is not None:
        put_services(app, services)
    if deliveries is not None:
        put_deliveries(app, deliveries)
    if installation is not None:
        _equip(app, installation)
    app.add_middleware(RequestMiddleware)
    add_problems(app)
    for router in ROUTERS:
        app.router.routes.extend(router.routes)  # side by side, where the rule on open routes sees each
    return app


def _equip(app: FastAPI, installation: Installation) -> None:
    """Providers, and Stripe where there are keys of it."""
    put_installation(app, installation)
    payments = payments_of(installation.settings)
    if payments is not None:
        put_payments(app, payments)


@asynccontextmanager
async def open_services(
    settings: Settings, access: DatabaseUrls, *, stopping: asyncio.Event
) -> AsyncIterator[Services]:
    """Over a database whose schema is at its head. A request waits two seconds for a connection."""
    async with (
        connected(settings, access, wait=WEB_WAIT) as database,
        live_configuration(database) as config,
    ):
        yield Services(database, RateLimit(config), live_platforms(settings), stopping, refuse_programs)


@asynccontextmanager
async def open_deliveries(
    services: Services, settings: Settings, *, stopping: asyncio.Event
) -> AsyncIterator[Deliveries | None]:
    """Announces jobs to QStash and takes its calls; None where it is not the transport of the settings."""
    found = find_qstash(settings)
    if found is None:
        yield None
        return
    corpus = await asyncio.to_thread(active_corpus, settings.home, seed=settings.sandbox_seed)
    database, config = services.database, services.rate_limit.config
    async with (
        equipped(database, settings, corpus=corpus) as equipment,
        qstash_deliveries(database, found, equipment, config=config, stopping=stopping) as deliveries,
    ):
        yield deliveries


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings, stopping = get_settings(), asyncio.Event()
    with database_access(settings) as access:
        async with (
            open_services(settings, access, stopping=stopping) as services,
            open_deliveries(services, settings, stopping=stopping) as deliveries,
        ):
            put_services(app, services)
            _equip(app, await installation_for(services.database, settings))
            if deliveries is not None:
                put_deliveries(app, deliveries)
            yield
