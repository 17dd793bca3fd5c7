"""The form of a new search: what was typed, what is wrong with which field, and the requests for searches."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from starlette.datastructures import FormData

from tastemaker.accounts.sessions import Visit
from tastemaker.campaigns.queries import Campaign
from tastemaker.campaigns.service import get_campaign
from tastemaker.catalog.filtering import (
    CreatorFilter,
    Verified,
    checked,
    number,
    read_fields,
    read_range,
)
from tastemaker.core.errors import InvalidInput
from tastemaker.core.money import dollars, parse_dollars
from tastemaker.core.platforms import Platform
from tastemaker.core.text import clean_line
from tastemaker.db.transaction import Transaction
from tastemaker.journeys.overview_queries import find_limits
from tastemaker.searches.service import get_search
from tastemaker.searches.types import SANDBOX, SearchRequest, SourceChoice, choose_source, make_request

PLATFORMS: Final = (Platform.TIKTOK, Platform.INSTAGRAM, Platform.YOUTUBE)
DEFAULT_TARGET: Final = "50"
MOST_EXCLUDED: Final = 200

CRITERIA: Final = ("followers", "languages", "countries", "has_email", "verified", "posted_within")

_SEPARATORS: Final = re.compile(r"[,\n\r;\u060c\u3001\uff0c]+")
_FIT: Final[Mapping[str, Any]] = {"platform": Platform.TIKTOK, "keywords": ("fit",), "target": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchForm:
    """The fields as they were typed. `exclude` are ids of campaigns whose creators are left out.

    `like`: an account, instead of keywords.
    `campaign_id`: the campaign that the form was opened in; it counts while its name is not changed.
    """

    keywords: str = ""
    like: str = ""
    platforms: tuple[Platform, ...] = ()
    target: str = DEFAULT_TARGET
    campaign: str = ""
    campaign_id: str = ""
    region: str = ""
    max_cost: str = ""
    exclude: tuple[str, ...] = ()
    sandbox: bool = False
    enrich: bool = False
    followers: str = ""
    languages: str = ""
    countries: str = ""
    has_email: bool = False
    verified: bool = False
    posted_within: str = ""

    @property
    def has_criteria(self) -> bool:
        typed = (self.followers, self.languages, self.countries, self.has_email, self.verified)
        return any(typed) or bool(self.posted_within)

    @property
    def words(self) -> list[str]:
        parts = (clean_line(part) for part in _SEPARATORS.split(self.keywords))
        return [part for part in parts if part]

    @property
    def has_limits(self) -> bool:
        """A field is filled that most searches leave empty."""
        return bool(self.region or self.max_cost or self.exclude)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedForm:
    """`requests` are empty where a field has an error."""

    form: SearchForm
    choice: SourceChoice
    requests: Sequence[SearchRequest] = ()
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_sandbox(self) -> bool:
        return self.choice.source == SANDBOX


def read_form(sent: FormData) -> SearchForm:
    """`add` is one more keyword. Raises InvalidInput for a platform that nobody knows."""

    def text(name: str) -> str:
        value = sent.get(name, "")
        return value.strip()[:20_000] if isinstance(value, str) else ""

    platforms = [Platform.parse(str(name)) for name in sent.getlist("platform")]
    added = text("add")
    return SearchForm(
        keywords="\n".join(filter(None, (text("keywords"), added))),
        like=text("like"),
        platforms=tuple(dict.fromkeys(platforms)),
        target=text("target"),
        campaign=clean_line(text("campaign")),
        campaign_id=text("campaign_id"),
        region=text("region"),
        max_cost=text("max_cost"),
        exclude=tuple(dict.fromkeys(str(one) for one in sent.getlist("exclude")[:MOST_EXCLUDED])),
        sandbox=bool(text("sandbox")),
        enrich=bool(text("enrich")),
        followers=text("followers"),
        languages=text("languages"),
        countries=text("countries"),
        has_email=bool(text("has_email")),
        verified=bool(text("verified")),
        posted_within=text("posted_within"),
    )


def check_form(form: SearchForm, live: frozenset[Platform]) -> CheckedForm:
    """Each field by itself, so that every error stands beside its own."""
    choice = choose_source(live, form.platforms, sandbox=form.sandbox)
    errors = {name: problem for name, value in _given(form) if (problem := _problem(name, value))}
    if form.like:
        errors |= _problems_of_like(form, choice)
    elif not form.words:
        errors["keywords"] = "Name at least one thing that creators talk about, such as yoga."
    if not choice.platforms:
        errors["platform"] = "Choose at least one platform."
    elif choice.left_out:
        errors["platform"] = f"{choice.left_out[0].value} cannot be searched here: it has no key."
    if errors:
        return CheckedForm(form=form, choice=choice, errors=errors)
    fields = dict(_given(form))
    if form.like:
        fields |= {"keywords": (), "like": form.like}
    requests = [make_request(platform=one, **_values(fields)) for one in choice.platforms]
    return CheckedForm(form=form, choice=choice, requests=requests)


async def repeated(tx: Transaction, visit: Visit, search_id: str) -> SearchForm:
    """What an earlier search asked for, in the same campaign. Raises NotFound."""
    search = await get_search(tx, await visit.user(tx), search_id)
    limits = await find_limits(tx, visit.user_id, search.id)
    return SearchForm(
        keywords="" if search.like else "\n".join(search.keywords),
        like=search.like or "",
        platforms=(search.platform,),
        target=str(search.target),
        campaign=search.campaign_name or "",
        campaign_id=str(search.campaign_id or ""),
        region=limits.region or "",
        max_cost="" if limits.max_cost is None else dollars(limits.max_cost).removeprefix("$"),
        sandbox=search.source == SANDBOX,
        enrich=limits.enrich,
        **_typed(limits.criteria),
    )


async def in_campaign(tx: Transaction, visit: Visit, form: SearchForm, campaign_id: str) -> SearchForm:
    """The form with this campaign. Raises NotFound."""
    found = await get_campaign(tx, await visit.user(tx), campaign_id)
    return replace(form, campaign=found.name, campaign_id=str(found.id))


async def find_named(tx: Transaction, visit: Visit, form: SearchForm) -> Campaign | None:
    """The campaign that the form was opened in, if it is still named there. Raises NotFound."""
    if not (form.campaign_id and form.campaign):
        return None
    found = await get_campaign(tx, await visit.user(tx), form.campaign_id)
    return found if found.name == form.campaign else None


def _given(form: SearchForm) -> list[tuple[str, Any]]:
    return [
        ("keywords", form.words or ["fit"]),
        ("target", form.target),
        ("region", form.region),
        ("max_cost", form.max_cost),
        ("enrich", form.enrich),
        ("followers", form.followers),
        ("languages", form.languages),
        ("countries", form.countries),
        ("has_email", form.has_email),
        ("verified", form.verified),
        ("posted_within", form.posted_within),
    ]


def _problems_of_like(form: SearchForm, choice: SourceChoice) -> dict[str, str]:
    if form.words:
        return {"like": "Keywords or a creator: a search is by one of them. Leave the other empty."}
    for platform in choice.platforms:
        try:
            make_request(platform=platform, like=form.like, target=1)
        except InvalidInput as error:
            return {"like": str(error)}
    return {}


def _values(fields: Mapping[str, Any]) -> dict[str, Any]:
    """As `make_request` takes them. Raises InvalidInput."""
    values = dict(fields)
    if "target" in values:
        digits = re.sub(r"[\s,.']", "", values["target"])
        values["target"] = int(digits) if digits.isdecimal() and len(digits) < 10 else 0  # noqa: PLR2004 - below 2^31
    if "region" in values:
        values["region"] = values["region"] or None
    if "max_cost" in values:
        values["max_cost"] = parse_dollars(values["max_cost"]) if values["max_cost"] else None
    given: dict[str, Any] = {name: values.pop(name) for name in CRITERIA if name in values}
    return {**values, "criteria": _criteria(given)}


def _criteria(given: Mapping[str, Any]) -> CreatorFilter:
    """Raises InvalidInput."""
    least, most = read_range("followers", given["followers"]) if given.get("followers") else (None, None)
    days = given.get("posted_within") or ""
    return checked(
        CreatorFilter(
            min_followers=least,
            max_followers=most,
            languages=tuple(one.lower() for one in _several(given.get("languages", ""))),
            countries=tuple(_several(given.get("countries", ""))),
            has_email=True if given.get("has_email") else None,
            verified=(Verified.YES,) if given.get("verified") else (),
            posted_within=number("The last post", days) if days else None,
        )
    )


def _several(text: str) -> list[str]:
    return [one for part in _SEPARATORS.split(text) if (one := clean_line(part))]


def _typed(pairs: object) -> dict[str, Any]:
    """Criteria as `search_params` keeps them, as they would be typed."""
    if not isinstance(pairs, list):
        return {}
    wanted = CreatorFilter(**read_fields(CreatorFilter, [(name, value) for name, value in pairs]))
    least, most = wanted.min_followers, wanted.max_followers
    has_range = least is not None or most is not None
    return {
        "followers": f"{'' if least is None else least}-{'' if most is None else most}" if has_range else "",
        "languages": ", ".join(wanted.languages),
        "countries": ", ".join(wanted.countries),
        "has_email": bool(wanted.has_email),
        "verified": wanted.verified == (Verified.YES,),
        "posted_within": "" if wanted.posted_within is None else str(wanted.posted_within),
    }


def _problem(name: str, value: Any) -> str | None:  # noqa: ANN401 - of any field
    """What is wrong with this field: all the others are fit."""
    try:
        make_request(**{**_FIT, **_values({name: value})})
    except InvalidInput as error:
        return str(error)
    return None
