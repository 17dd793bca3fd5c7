"""`tastemaker campaigns enrich`: fetch profiles in this process until nobody of the campaign waits."""

import asyncio
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from tastemaker.campaigns.queries import Campaign
from tastemaker.cli import screen
from tastemaker.cli.listing import show_table
from tastemaker.cli.plain_text import plain
from tastemaker.cli.process import stop_signals
from tastemaker.cli.searching import working_on
from tastemaker.cli.session import Session
from tastemaker.cli.sources import prepared_corpus
from tastemaker.cli.table import Column
from tastemaker.config_store.hot_reload import load_configuration
from tastemaker.core.display import counted
from tastemaker.core.errors import ExitCode
from tastemaker.core.money import dollars
from tastemaker.db.enums import EnrichmentStatus
from tastemaker.db.transaction import transaction
from tastemaker.runtime import installation_for, open_sources
from tastemaker.searches.enrichment.queries import Enrichment
from tastemaker.searches.enrichment.service import (
    Scope,
    estimate_enrichment,
    get_enrichment,
    start_enrichment,
)
from tastemaker.searches.tasks import search_handlers
from tastemaker.searches.types import SANDBOX

LOOK_SECONDS = 0.15
COLUMNS = (
    Column(title="Platform", least=9),
    Column(title="Creators", right=True),
    Column(title="Calls", right=True),
    Column(title="Units", right=True, rank=1),
    Column(title="Cost", right=True, least=8),
)


async def show_estimate(session: Session, campaign: Campaign, *, as_json: bool) -> None:
    installation = await installation_for(session.database, session.settings)
    scope = Scope(campaign_id=campaign.id, source=installation.profile_source)
    config = await load_configuration(session.database)
    declared = installation.profile_declarations(scope.source)
    async with transaction(session.database, session.user.claim) as tx:
        found = await estimate_enrichment(tx, session.user.user_id, scope, declared, config)
    is_free = scope.source == SANDBOX
    total = sum(one.micros_usd for one in found)
    if as_json:
        estimates = [{**asdict(one), "platform": one.platform.value} for one in found]
        screen.write_json(
            {"source": scope.source, "estimates": estimates, "micros_usd": 0 if is_free else total}
        )
        return
    if not found:
        screen.show("The profiles of all creators are known.")
        return
    rows = [
        (one.platform.value, f"{one.creators:,}", f"{one.calls:,}", f"{one.units:,}", dollars(one.micros_usd))
        for one in found
    ]
    show_table(COLUMNS, rows)
    if is_free:
        screen.show(f"The sandbox costs nothing. Live profiles would cost at most {dollars(total)}.")
    else:
        screen.show(f"The profiles would cost at most {dollars(total)}. No request was sent.")


async def enrich_campaign(
    session: Session, campaign: Campaign, *, max_cost: int | None, as_json: bool
) -> ExitCode:
    """What is fetched is kept in every case; `tastemaker work` continues what was stopped."""
    installation = await installation_for(session.database, session.settings)
    source = installation.profile_source
    corpus = prepared_corpus(session.settings) if source == SANDBOX else None
    config = await load_configuration(session.database)
    async with transaction(session.database, session.user.claim) as tx:
        scope = Scope(campaign_id=campaign.id, source=source)
        begun = await start_enrichment(tx, session.user.user_id, scope, config, max_cost=max_cost)
    if not as_json and begun.waiting:
        screen.say(f"Fetching {counted(begun.waiting, 'profile')} of “{plain(campaign.name)}”")
    interrupt = asyncio.Event()
    with stop_signals(interrupt):
        async with (
            open_sources(session.database, session.settings, live=corpus is None, corpus=corpus) as sources,
            working_on(session, search_handlers(sources), [str(begun.id)]) as worker,
        ):
            while begun.status is not EnrichmentStatus.COMPLETED and not interrupt.is_set():
                if worker.done():
                    break
                with suppress(TimeoutError):
                    await asyncio.wait_for(interrupt.wait(), LOOK_SECONDS)
                async with transaction(session.database, session.user.claim) as tx:
                    begun = await get_enrichment(tx, session.user.user_id, begun.id)
    return _tell(begun, as_json=as_json)


def _tell(done: Enrichment, *, as_json: bool) -> ExitCode:
    is_over = done.status is EnrichmentStatus.COMPLETED
    status = ExitCode.OK if is_over else ExitCode.INTERRUPTED
    if as_json:
        document: dict[str, Any] = {**asdict(done), "waiting": done.waiting, "exit_code": status}
        screen.write_json(document)
        return status
    if not done.wanted:
        screen.show("The profiles of all creators are known.")
        return status
    said = [f"{done.completed:,} of {counted(done.wanted, 'profile')} fetched"]
    said += [f"{done.skipped:,} skipped"] * bool(done.skipped)
    said += [f"{done.failed:,} failed"] * bool(done.failed)
    said += [f"{done.waiting:,} wait"] * bool(done.waiting)
    screen.show(", ".join(said) + ".")
    if done.reason and (done.skipped or done.failed or done.waiting):
        screen.say(done.reason, style="yellow")
    return status
