"""Searches as JSON: the bodies of requests and answers."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from tastemaker.catalog.filtering import MOST_DAYS, MOST_VALUES, CreatorFilter, Verified
from tastemaker.catalog.similar import LikenessReason
from tastemaker.core.platforms import Platform
from tastemaker.searches.results.queries import FoundCreator
from tastemaker.searches.types import (
    MAX_KEYWORDS,
    MAX_TARGET,
    MOST_LOOKED,
    EndReason,
    Outcome,
    Run,
    Search,
    Status,
)

MOST_CAMPAIGNS: Final = 50
"""Their creators are excluded by one request."""


class Criteria(BaseModel):
    """What each creator has to meet; see the filters of results. An unknown value meets no limit."""

    model_config = ConfigDict(extra="forbid")

    min_followers: Annotated[StrictInt, Field(ge=0, le=10**15)] | None = None
    max_followers: Annotated[StrictInt, Field(ge=0, le=10**15)] | None = None
    email: Literal["known", "unknown"] | None = None
    language: Annotated[list[StrictStr], Field(max_length=MOST_VALUES)] = []
    country: Annotated[list[StrictStr], Field(max_length=MOST_VALUES)] = []
    verified: Annotated[list[Verified], Field(max_length=3)] = []
    posted_within: Annotated[StrictInt, Field(ge=1, le=MOST_DAYS)] | None = None
    include_unknown: StrictBool = False

    @property
    def filter(self) -> CreatorFilter:
        return CreatorFilter(
            min_followers=self.min_followers,
            max_followers=self.max_followers,
            has_email=None if self.email is None else self.email == "known",
            languages=tuple(self.language),
            countries=tuple(self.country),
            verified=tuple(self.verified),
            posted_within=self.posted_within,
            include_unknown=self.include_unknown,
        )


class WantedSearch(BaseModel):
    """Keywords, or a creator whose like is wanted, on one or several platforms: a search for each of them.

    Without `platforms` all that can be searched are. `target` and the cost (in millionths of a US dollar)
    count for each platform. `enrich`: fetch at the end the profiles that tell bio and e-mail, where the pages
    did not; null as configured. `criteria`: the target is of creators that meet them; at most `most_looked`
    are compared, 20 for each wanted one by default.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"keywords": ["chess"], "platforms": ["youtube"], "target": 100}]},
    )

    like: Annotated[StrictStr, Field(min_length=1, max_length=500)] | None = None
    """A handle or the address of an account, instead of keywords."""
    keywords: Annotated[
        list[StrictStr], Field(max_length=MAX_KEYWORDS, examples=[["chess"]], validate_default=True)
    ] = []

    platforms: Annotated[list[StrictStr], Field(min_length=1, max_length=3)] | None = None
    target: Annotated[StrictInt, Field(ge=1, le=MAX_TARGET)] = 100
    region: StrictStr | None = None
    sandbox: StrictBool = False
    max_cost_micros_usd: Annotated[StrictInt, Field(ge=0, le=10**15)] | None = None
    enrich: StrictBool | None = None
    criteria: Criteria | None = None
    most_looked: Annotated[StrictInt, Field(ge=1, le=MOST_LOOKED)] | None = None

    @field_validator("keywords")
    @classmethod
    def _asks_for_something(cls, keywords: list[str], others: ValidationInfo) -> list[str]:
        if not keywords and others.data.get("like") is None:
            raise PydanticCustomError("too_short", "Give a keyword, or a creator as like", {"min_length": 1})
        return keywords


class NewSearch(WantedSearch):
    """A search to be started. What `exclude_campaigns` found is put on the list of the campaign."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "campaign_id": "3f0c4c0e-6d1f-4b57-9d0e-0c5f2a3b7e11",
                    "keywords": ["chess", "chess opening"],
                    "platforms": ["youtube"],
                    "target": 100,
                }
            ]
        },
    )

    campaign_id: UUID
    exclude_campaigns: Annotated[list[UUID], Field(max_length=MOST_CAMPAIGNS)] = []


class SearchDocument(BaseModel):
    """`stored` creators of at most `target`; `parked_until` says when a parked one continues.

    `skipped` counts the items of the provider's pages that could not be understood. With criteria `looked_at`
    creators were compared with them, and the stored ones match.
    """

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    campaign_id: UUID | None
    campaign_name: str | None
    platform: Platform
    keywords: list[str]
    source: str | None = None
    status: Status
    outcome: Outcome | None
    target: int
    stored: int
    skipped: int
    progress: float
    error: str | None
    parked_until: datetime | None = None
    parked_reason: str | None = None
    looked_at: int = 0
    has_criteria: bool = False
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    like: str | None = None


class RunDocument(BaseModel):
    """One keyword: what it gave, and why it ended."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    keyword: str
    status: Status
    end_reason: EndReason | None
    pages: int
    found: int
    skipped: int
    stored: int
    failures: int
    error: str | None


class SearchWithRuns(SearchDocument):
    runs: list[RunDocument] = []


class StartedSearches(BaseModel):
    """`excluded`: how many creators of other campaigns are left out; null where no campaign was named.

    `region_ignored_by`: these platforms are searched everywhere, because their provider takes no region.
    """

    searches: list[SearchDocument]
    excluded: int | None = None
    region_ignored_by: list[Platform] = []


class PlatformEstimate(BaseModel):
    """What a search on one platform probably takes; `paid` pages were answered by earlier calls and are free.

    `by_experience`: by the yield of your own searches there. The seconds come from your own calls and are
    null before the first. Money in millionths of a US dollar.
    """

    platform: Platform
    provider: str
    least_pages: int
    pages: int
    paid: int
    profiles: int
    calls: int
    units: int
    micros_usd: int
    least_micros_usd: int
    most_micros_usd: int
    matching: float | None
    by_experience: bool
    least_seconds: float | None
    most_seconds: float | None
    ignores_region: bool


class EstimateDocument(BaseModel):
    """`micros_usd` is what the searches cost together: nothing where `source` is the sandbox.

    `left_out`: platforms without a key here. `creators_left`: what the plan allows in this period; null
    without a limit.
    """

    source: str
    estimates: list[PlatformEstimate]
    micros_usd: int
    left_out: list[Platform]
    creators_left: int | None
    is_within_plan: bool


class PastSearchDocument(BaseModel):
    """A search as the list of them tells it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    campaign_id: UUID | None
    campaign_name: str | None
    campaign_status: str | None
    platform: Platform
    keywords: list[str]
    status: Status
    outcome: Outcome | None
    target: int
    stored: int
    progress: float
    error: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None


class SearchesDocument(BaseModel):
    """A page, newest first; `next` is null on the last."""

    searches: list[PastSearchDocument]
    next: str | None


class CreatorDocument(BaseModel):
    """A creator as the catalog knows them now, and the post that is shown. Unknown is null.

    The post carries the keyword if `matched_in` has post, description, hashtag or tag. `search_id` is null
    and `keyword` empty for a creator that was imported and that no search has found.
    """

    model_config = ConfigDict(from_attributes=True)

    position: int
    platform: Platform
    stable_id: str
    handle: str | None
    name: str | None
    followers: int | None
    bio: str | None
    emails: list[str]
    links: list[str]
    verified: bool | None
    country: str | None
    language: str | None
    profile_url: str | None
    post_text: str | None
    post_url: str | None
    post_published_at: datetime | None
    views: int | None
    likes: int | None
    comments: int | None
    shares: int | None
    duration_seconds: int | None
    hashtags: list[str]
    keyword: str
    matched_in: list[str]
    search_id: UUID | None
    similarity: float | None = None
    """Of a similar search: the sum of the values of `because`."""

    because: list["ContributionDocument"] | None = None


class ContributionDocument(BaseModel):
    """A part of the similarity: a shared `term`, a similar vocabulary, or that the platform relates both."""

    model_config = ConfigDict(from_attributes=True)

    reason: LikenessReason
    term: str | None
    value: float


class ResultsDocument(BaseModel):
    """A page of creators; `next` is null on the last."""

    creators: list[CreatorDocument]
    next: str | None


class By(StrEnum):
    """What one's own costs are summed by."""

    PROVIDER = "provider"
    CAMPAIGN = "campaign"
    SEARCH = "search"
    DAY = "day"
    MONTH = "month"


class CostDocument(BaseModel):
    """One line of the books; money in millionths of a US dollar.

    `micros_usd` is what was charged, failed calls included. The lost and the open ones are known by their
    estimate only.
    """

    name: str | None
    pages: int
    calls: int
    units: int
    micros_usd: int
    failed: int
    failed_micros_usd: int
    lost: int
    lost_micros_usd: int
    open: int
    open_micros_usd: int


class CostsDocument(BaseModel):
    by: By
    costs: list[CostDocument]


def search_document(search: Search) -> SearchDocument:
    return SearchDocument.model_validate(search)


def search_with_runs(search: Search, runs: Sequence[Run]) -> SearchWithRuns:
    document = SearchWithRuns.model_validate(search)
    return document.model_copy(update={"runs": [RunDocument.model_validate(run) for run in runs]})


def results_document(creators: Sequence[FoundCreator], place: str | None) -> ResultsDocument:
    return ResultsDocument(
        creators=[CreatorDocument.model_validate(creator) for creator in creators], next=place
    )
