"""The messages by which searches go on."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict

from tastemaker.core.platforms import Platform
from tastemaker.jobs.schedules import Nothing
from tastemaker.jobs.types import JobType


class ContinueRun(BaseModel):
    """Fetch the next pages of a run. Harmless when it comes twice."""

    model_config = ConfigDict(frozen=True)

    run_id: UUID
    user_id: str
    platform: Platform
    source: str


CONTINUE_RUN = JobType(name="continue_run", payload=ContinueRun, max_retries=10, records_end=False)


class EraseCampaign(BaseModel):
    """Erase what is left of a deleted campaign. Harmless when it comes twice."""

    model_config = ConfigDict(frozen=True)

    user_id: str
    campaign_id: UUID


class MergeCreators(BaseModel):
    """Make one of a creator known by its handle and its account, for each of these rows of the catalog.

    Harmless when it comes twice.
    """

    model_config = ConfigDict(frozen=True)

    surrogates: tuple[int, ...]


ERASE_CAMPAIGN = JobType(
    name="erase_campaign", payload=EraseCampaign, priority=200, max_retries=10, records_end=False
)
MERGE_CREATORS = JobType(name="merge_creators", payload=MergeCreators, priority=150, max_retries=10)
EXPIRE_VALUES = JobType(name="expire_values", payload=Nothing, priority=200, max_retries=3)
SWEEP_SEARCHES = JobType(
    name="sweep_searches", payload=Nothing, priority=50, max_retries=3, records_end=False
)
