"""The messages of what spans slices."""

from pydantic import BaseModel, ConfigDict

from tastemaker.jobs.types import JobType


class EraseUser(BaseModel):
    """Erase what is left of a deleted user. Harmless when it comes twice."""

    model_config = ConfigDict(frozen=True)

    user_id: str


ERASE_USER = JobType(name="erase_user", payload=EraseUser, priority=200, max_retries=2000)
"""A promise to a person who has left is tried for two weeks and more before an operator has to help."""
