"""`/system/providers`: who answers, how their accounts stand, what they cost, and unreadable answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter
from fastapi.responses import Response

from tastemaker.admin.access import Administrator, Typed, as_system
from tastemaker.core.clock import utc_now
from tastemaker.core.errors import NotFound
from tastemaker.db.transaction import Transaction
from tastemaker.providers.base import Capability
from tastemaker.providers.plugins import KnownProvider
from tastemaker.providers.registry import Registry
from tastemaker.providers.samples import KEPT_DAYS, Sample, list_samples
from tastemaker.ratelimit import queries
from tastemaker.ratelimit.limiter import Limiter
from tastemaker.ratelimit.queries import UsedQuota
from tastemaker.searches.cost_queries import CostGrouping, CostLine, list_costs
from tastemaker.searches.installation import installation_of
from tastemaker.web.pages import page, redirect

PROVIDERS: Final = "/system/providers"
MOST_SAMPLES: Final = 20
USES: Final[Mapping[Capability, str]] = {
    Capability.KEYWORD_SEARCH: "searches",
    Capability.USER_SEARCH: "names",
    Capability.PROFILE: "profiles",
    Capability.SIMILAR: "related accounts",
}

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class ProviderLine:
    """`uses`: what this provider and no other before it answers. `missing`: what has to be set first."""

    known: KnownProvider
    uses: Sequence[str]
    is_never: bool


@dataclass(frozen=True, slots=True)
class AccountLine:
    """`until` and `reason`: of the pause, if there is one."""

    limiter: Limiter
    quotas: Sequence[UsedQuota]
    is_paused: bool
    reason: str | None


@router.get(PROVIDERS)
async def show_providers(visit: Administrator) -> Response:
    since = utc_now().date().replace(day=1)

    async def work(
        tx: Transaction,
    ) -> tuple[list[Limiter], list[UsedQuota], Sequence[CostLine], Sequence[Sample]]:
        return (
            await queries.list_limiters(tx),
            await queries.list_quotas(tx),
            await list_costs(tx, CostGrouping.PROVIDER, user_id=None, since=since, until=None, limit=50),
            await list_samples(tx, provider=None, limit=MOST_SAMPLES),
        )

    limiters, quotas, costs, samples = await as_system(visit, work)
    registry = installation_of(visit.request).registry
    return page(
        visit.request,
        "admin/providers.html",
        providers=[_line(registry, one) for one in registry.known],
        accounts=[_account(one, quotas) for one in limiters],
        costs=costs,
        samples=samples,
        kept_days=KEPT_DAYS,
    )


@router.post(f"{PROVIDERS}/release")
async def release(visit: Administrator, account: Typed) -> Response:
    """End an account's pause."""
    if not await as_system(visit, lambda tx: queries.release(tx, account)):
        raise NotFound("There is no such account.")
    said = f"{account} may be called again. Searches that wait continue when their time has come."
    return redirect(PROVIDERS, said=said)


def _line(registry: Registry, known: KnownProvider) -> ProviderLine:
    uses = [
        f"{USES[capability]} on {platform}"
        for platform in sorted(known.platforms)
        for capability in USES
        if known.adapter and registry.adapter_for(platform, capability) is known.adapter
    ]
    return ProviderLine(known, uses, is_never=known.name in registry.never)


def _account(limiter: Limiter, quotas: Sequence[UsedQuota]) -> AccountLine:
    """Of each quota the window that began last."""
    newest: dict[str, UsedQuota] = {}
    for quota in quotas:
        if quota.gate == limiter.name:
            newest.setdefault(quota.quota, quota)
    if limiter.held_until and limiter.held_until > limiter.now:
        return AccountLine(limiter, list(newest.values()), is_paused=True, reason=limiter.held_reason)
    if limiter.open_until:
        return AccountLine(limiter, list(newest.values()), is_paused=True, reason=limiter.open_reason)
    return AccountLine(limiter, list(newest.values()), is_paused=False, reason=None)
