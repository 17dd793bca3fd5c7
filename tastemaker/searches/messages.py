"""The messages by which searches go on."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict

from tastemaker.core.platforms import Platform
from tastemaker.jobs.types import JobType


class ContinueRun(BaseModel):
    """Fetch the next pages of a run. Harmless when it comes twice."""

    model_config = ConfigDict(frozen=True)

    run_id: UUID
    user_id: str
    platform: Platform
    source: str


CONTINUE_RUN = JobType(name="continue_run", payload=ContinueRun, max_retries=10)
