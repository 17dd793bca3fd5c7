"""The verbs of enrichment: estimate it, ask for it, see how far it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from tastemaker.billing.plan_limits import take_enrichments
from tastemaker.config_store.hot_reload import Configuration
from tastemaker.config_store.keys import KEEP_PROFILES_FOR
from tastemaker.core.errors import NotFound
from tastemaker.core.ids import CampaignId, ExternalUserId, SearchId
from tastemaker.core.platforms import Platform
from tastemaker.db.enums import EnrichmentStatus
from tastemaker.db.transaction import Transaction
from tastemaker.jobs.service import publish
from tastemaker.jobs.types import JobType
from tastemaker.providers.base import Capability, Declaration
from tastemaker.searches.enrichment import queries
from tastemaker.searches.enrichment.queries import Enrichment


class EnrichBatch(BaseModel):
    """Fetch the next profiles of an enrichment. Harmless when it comes twice."""

    model_config = ConfigDict(frozen=True)

    enrichment_id: UUID
    user_id: str


ENRICH_BATCH = JobType(name="enrich_batch", payload=EnrichBatch, max_retries=10, records_end=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformProfiles:
    """What the profiles of a platform would cost at most; those that are stored already are free.

    `can_be_asked`: whether some provider tells profiles there. Money in millionths of a US dollar.
    """

    platform: Platform
    creators: int
    calls: int
    units: int
    micros_usd: int
    can_be_asked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The creators of a campaign, or of one of its searches, from one source."""

    campaign_id: CampaignId
    source: str
    search_id: SearchId | None = None


async def estimate_enrichment(
    tx: Transaction,
    user_id: ExternalUserId,
    scope: Scope,
    declared: Mapping[Platform, Declaration],
    config: Configuration,
) -> Sequence[PlatformProfiles]:
    """One for each platform whose creators need their profile. Calls no provider."""
    count = queries.COUNT_NEEDED.choose(of_search="search" if scope.search_id else ())
    needed = await tx.many(count, **_parameters(user_id, scope, config))
    found = []
    for one in needed:
        declaration = declared.get(one.platform)
        cost = None if declaration is None else declaration.price_of(Capability.PROFILE)
        found.append(
            PlatformProfiles(
                platform=one.platform,
                creators=one.creators,
                calls=one.creators * cost.calls if cost else 0,
                units=one.creators * cost.units if cost else 0,
                micros_usd=one.creators * cost.micros_usd if cost else 0,
                can_be_asked=cost is not None,
            )
        )
    return found


async def start_enrichment(
    tx: Transaction,
    user_id: ExternalUserId,
    scope: Scope,
    config: Configuration,
    *,
    max_cost: int | None = None,
) -> Enrichment:
    """Ask for the profiles of those that need them. Completed at once where nobody does."""
    made = await tx.only(
        queries.INSERT_ENRICHMENT,
        user_id=user_id,
        campaign_id=scope.campaign_id,
        search_id=scope.search_id,
        source=scope.source,
        max_cost=max_cost,
    )
    enrichment = await ask_for_profiles(tx, user_id, await get_enrichment(tx, user_id, made), config)
    if enrichment.waiting:
        await _publish(tx, user_id, made, correlation_id=str(scope.search_id or made))
        return enrichment
    await tx.only(queries.ADVANCE, user_id=user_id, id=made, failures=0, reason=None)
    return await get_enrichment(tx, user_id, made)


async def enrich_ended_search(tx: Transaction, user_id: ExternalUserId, search_id: SearchId) -> None:
    """Its first batch finds out who needs a profile."""
    made = await tx.one(queries.ENRICH_SEARCH, user_id=user_id, search_id=search_id)
    if made is not None:
        await _publish(tx, user_id, made, correlation_id=str(search_id))


async def ask_for_profiles(
    tx: Transaction, user_id: ExternalUserId, enrichment: Enrichment, config: Configuration
) -> Enrichment:
    """Mark the creators that need their profile, as many as the plan allows, unless that was done before."""
    if enrichment.status is not EnrichmentStatus.PENDING:
        return enrichment
    scope = Scope(
        campaign_id=enrichment.campaign_id, source=enrichment.source, search_id=enrichment.search_id
    )
    of_search = "search" if scope.search_id else ()
    given = _parameters(user_id, scope, config)
    needed = await tx.many(queries.COUNT_NEEDED.choose(of_search=of_search), **given)
    most = await take_enrichments(tx, user_id, sum(one.creators for one in needed))
    await tx.run(queries.ASK.choose(of_search=of_search), id=enrichment.id, most=most, **given)
    return await get_enrichment(tx, user_id, enrichment.id)


async def get_enrichment(tx: Transaction, user_id: ExternalUserId, enrichment_id: UUID) -> Enrichment:
    """Raises NotFound."""
    by_id = queries.LIST_ENRICHMENTS.choose(which="id")
    found = await tx.one(by_id, user_id=user_id, id=enrichment_id, limit=1)
    if found is None:
        raise NotFound("There is no such enrichment.")
    return found


async def find_last_enrichment(
    tx: Transaction,
    user_id: ExternalUserId,
    *,
    campaign_id: CampaignId | None = None,
    search_id: SearchId | None = None,
) -> Enrichment | None:
    """Of the search where given, else of the campaign."""
    if search_id is not None:
        of_search = queries.LIST_ENRICHMENTS.choose(which="search")
        return await tx.one(of_search, user_id=user_id, search_id=search_id, limit=1)
    of_campaign = queries.LIST_ENRICHMENTS.choose(which="campaign")
    return await tx.one(of_campaign, user_id=user_id, campaign_id=campaign_id, limit=1)


async def _publish(
    tx: Transaction, user_id: ExternalUserId, enrichment_id: UUID, *, correlation_id: str
) -> None:
    await publish(
        tx,
        ENRICH_BATCH,
        EnrichBatch(enrichment_id=enrichment_id, user_id=user_id),
        tenant_id=user_id,
        lock_key=f"enrich:{enrichment_id}",
        dedupe_key=f"enrich:{enrichment_id}",
        correlation_id=correlation_id,
    )


def _parameters(user_id: ExternalUserId, scope: Scope, config: Configuration) -> dict[str, object]:
    given: dict[str, object] = {
        "user_id": user_id,
        "campaign_id": scope.campaign_id,
        "source": scope.source,
        "fresh_seconds": config[KEEP_PROFILES_FOR].total_seconds(),
    }
    return given | ({"search_id": scope.search_id} if scope.search_id else {})
