"""The current user: the form in which every identity arrives."""

from dataclasses import dataclass

from tastemaker.core.ids import ExternalUserId, UserId
from tastemaker.db.claims import Tenant

LOCAL_USER = ExternalUserId("local")
"""The one user of an installation without accounts: anyone who can run the command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentUser:
    user_id: ExternalUserId
    id: UserId
    plan: str
    is_admin: bool

    @property
    def claim(self) -> Tenant:
        return Tenant(self.user_id)
