"""Identifiers with their own types, so that two kinds are never mixed up, and the one source of new ones."""

import secrets
import uuid
from typing import NewType

ExternalUserId = NewType("ExternalUserId", str)
"""Who signed in, as the identity provider calls them: `users.user_id`, `campaigns.user_id`, the tenant."""

UserId = NewType("UserId", uuid.UUID)
"""The internal `users.id`, which the four satellites of a user refer to."""

CampaignId = NewType("CampaignId", uuid.UUID)
SearchId = NewType("SearchId", uuid.UUID)
RunId = NewType("RunId", uuid.UUID)
JobId = NewType("JobId", uuid.UUID)


def new_id() -> uuid.UUID:
    return uuid.uuid4()


def new_token(length: int = 32) -> str:
    """A secret of `length` random bytes, URL-safe."""
    return secrets.token_urlsafe(length)
