"""`/searches/new`: the form of a search with its estimate, and the start of what it asks for."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.responses import Response

from tastemaker.accounts.sessions import SignedIn, Visit
from tastemaker.billing.plan_limits import creators_left
from tastemaker.catalog.keywords import suggest_more
from tastemaker.config_store.keys import ENRICH_AUTOMATICALLY
from tastemaker.core.clock import utc_now
from tastemaker.core.display import counted, seconds
from tastemaker.core.errors import AppError, Conflict, InvalidInput, LimitReached
from tastemaker.core.platforms import Platform
from tastemaker.db.transaction import Transaction
from tastemaker.journeys.overview_queries import count_exclusions, list_campaign_names, list_other_campaigns
from tastemaker.journeys.search_form import (
    PLATFORMS,
    CheckedForm,
    SearchForm,
    check_form,
    find_named,
    in_campaign,
    read_form,
    repeated,
)
from tastemaker.journeys.start_searches import CampaignStart, start_or_continue
from tastemaker.searches.cost_estimate import SearchEstimate, estimate_searches
from tastemaker.searches.installation import installation_of
from tastemaker.searches.service import default_name
from tastemaker.web.pages import is_partial, page, redirect

FORM_PAGE: Final = "searches/new.html"
CENT: Final = 10_000
"""In millionths of a US dollar."""

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FormEstimate:
    """What the searches of a form would probably take. `left`: creators of the period; None without limit."""

    parts: Sequence[SearchEstimate]
    target: int
    left: int | None
    without_region: Sequence[Platform]
    is_sandbox: bool

    @property
    def micros_usd(self) -> int:
        return sum(part.cost.micros_usd for part in self.parts)

    @property
    def least_micros_usd(self) -> int:
        return sum(part.cost.least_micros_usd for part in self.parts)

    @property
    def most_micros_usd(self) -> int:
        return sum(part.cost.most_micros_usd for part in self.parts)

    @property
    def about_micros_usd(self) -> int:
        """In whole cents, as far as there are any: an estimate has no mills."""
        return -(-self.micros_usd // CENT) * CENT if self.micros_usd > CENT else self.micros_usd

    @property
    def calls(self) -> int:
        return sum(part.cost.calls for part in self.parts)

    @property
    def duration(self) -> str | None:
        """`4 s to 2 min`: platforms are searched at the same time. None before the user's first call."""
        least = max((part.least_seconds or 0 for part in self.parts), default=0)
        most = max((part.most_seconds or 0 for part in self.parts), default=0)
        if not most:
            return None
        least_said, most_said = (_whole_seconds(one) for one in (least, most))
        return most_said if least_said == most_said else f"{least_said} to {most_said}"


@router.get("/searches/new")
async def new_search(
    visit: SignedIn,
    repeat: Annotated[str | None, Query(max_length=100)] = None,
    campaign: Annotated[str | None, Query(max_length=100)] = None,
    exclude: Annotated[list[str] | None, Query(max_length=50)] = None,
    like: Annotated[str | None, Query(max_length=500)] = None,
    platform: Annotated[Platform | None, Query()] = None,
    keywords: Annotated[str, Query(max_length=2000)] = "",
) -> Response:
    """The form: empty, in a campaign, with keywords, as an earlier search, or for creators like one."""

    async def work(tx: Transaction) -> Response:
        form = await repeated(tx, visit, repeat) if repeat else SearchForm(platforms=usual_platform(visit))
        if campaign:
            form = await in_campaign(tx, visit, form, campaign)
        form = replace(form, exclude=tuple(exclude or ()), like=like or form.like)
        form = replace(form, platforms=(platform,)) if platform else form
        form = replace(form, keywords=keywords or form.keywords)
        return await _form_page(tx, visit, check_form(form, visit.services.live), shows_errors=bool(repeat))

    return await visit.run(work)


@router.post("/searches/estimate")
async def estimate(visit: SignedIn) -> Response:
    """Cost, calls and plan limits of what is typed. Starts nothing and calls no provider."""
    checked = check_form(read_form(await visit.request.form()), visit.services.live)
    if not is_partial(visit.request):
        return await visit.run(lambda tx: _form_page(tx, visit, checked, shows_errors=True))

    async def work(tx: Transaction) -> Response:
        return page(
            visit.request,
            FORM_PAGE,
            block="estimate",
            estimate=await _estimate(tx, visit, checked),
            form=checked.form,
            name=_name(checked),
            hints=await _hints(tx, checked),
        )

    return await visit.run(work)


@router.post("/searches")
async def start(visit: SignedIn) -> Response:
    """One search for each platform, all or none; the same form again continues those that are unfinished."""
    checked = check_form(read_form(await visit.request.form()), visit.services.live)
    if checked.errors:
        return await visit.run(lambda tx: _form_page(tx, visit, checked, shows_errors=True, status=422))
    try:
        installation_of(visit.request).refuse_unmatchable(checked.choice.source, checked.requests)
        begun = await visit.run(lambda tx: _start(tx, visit, checked))
    except (LimitReached, Conflict, InvalidInput) as error:
        refused = error
        return await visit.run(
            lambda tx: _form_page(tx, visit, checked, refused=refused, status=refused.status)
        )
    one = begun.searches[0] if len(begun.searches) == 1 else None
    place = f"/searches/{one.id}" if one else f"/campaigns/{begun.campaign.id}"
    return redirect(place, said=_said(begun))


async def _start(tx: Transaction, visit: Visit, checked: CheckedForm) -> CampaignStart:
    return await start_or_continue(
        tx,
        await visit.user(tx),
        checked.requests,
        campaign_name=checked.form.campaign or None,
        today=utc_now().date(),
        source=checked.choice.source,
        exclude_campaigns=checked.form.exclude,
        campaign=await find_named(tx, visit, checked.form),
    )


def _said(begun: CampaignStart) -> str | None:
    """What the page of the search does not show by itself."""
    said = []
    if begun.continued:
        said.append("This search had begun before. It continues.")
    if begun.excluded is not None:
        said.append(f"{counted(begun.excluded, 'creator')} of other campaigns left out.")
    return " ".join(said) or None


async def _form_page(
    tx: Transaction,
    visit: Visit,
    checked: CheckedForm,
    *,
    shows_errors: bool = False,
    refused: AppError | None = None,
    status: int = 200,
) -> Response:
    return page(
        visit.request,
        FORM_PAGE,
        status=status,
        form=checked.form,
        errors=checked.errors if shows_errors else {},
        refused=None if refused is None else str(refused),
        campaigns=await list_campaign_names(tx, visit.user_id),
        others=await list_other_campaigns(tx, visit.user_id),
        exclusions=await count_exclusions(tx, visit.user_id),
        estimate=await _estimate(tx, visit, checked),
        name=_name(checked),
        hints=await _hints(tx, checked),
        enriches=visit.services.rate_limit.config[ENRICH_AUTOMATICALLY],
        **platform_choices(visit),
    )


async def _hints(tx: Transaction, checked: CheckedForm) -> Sequence[str]:
    if "keywords" in checked.errors:
        return ()
    return await suggest_more(tx, checked.form.words, made_up=checked.is_sandbox)


def _name(checked: CheckedForm) -> str | None:
    """What the campaign is called where the field is empty."""
    if checked.requests:
        return default_name(checked.requests[0].keywords, utc_now().date())
    return default_name(checked.form.words, utc_now().date()) if checked.form.words else None


def platform_choices(visit: Visit) -> dict[str, Any]:
    """The platforms of the form: those that can be searched, and what the others need."""
    registry, live = installation_of(visit.request).registry, visit.services.live
    return {
        "live": live,
        "choices": [
            (one, None if not live or one in live else f"needs {registry.needed_for(one)}")
            for one in PLATFORMS
        ],
        "to_go_live": sorted({registry.needed_for(one) for one in PLATFORMS if one not in live}),
    }


def usual_platform(visit: Visit) -> tuple[Platform, ...]:
    """The first platform that can be searched: one search, whose page opens at once."""
    return next(((one,) for one in PLATFORMS if one in visit.services.live or not visit.services.live), ())


async def _estimate(tx: Transaction, visit: Visit, checked: CheckedForm) -> FormEstimate | None:
    """None while the form is not complete."""
    if not checked.requests:
        return None
    installation, source = installation_of(visit.request), checked.choice.source
    left = await creators_left(tx, visit.user_id)
    requests = checked.requests
    return FormEstimate(
        parts=await estimate_searches(
            tx, visit.user_id, requests, installation.declarations(source), source=source
        ),
        target=sum(request.target for request in requests),
        left=None if left == math.inf else int(left),
        without_region=installation.without_region(
            source, [request.platform for request in requests], requests[0].region
        ),
        is_sandbox=checked.is_sandbox,
    )


def _whole_seconds(duration: float) -> str:
    """`1 s` at least: an estimate has no tenths."""
    return seconds(math.ceil(max(duration, 1))).replace(".0 s", " s")
