"""Who is asking, as PostgreSQL's row-level security is told: a claim that lasts one transaction.

The form is Supabase's (`request.jwt.claims`), so its own clients see the same rows.
"""

from dataclasses import dataclass
from typing import ClassVar

import orjson

from tastemaker.core.errors import AppError, NotFound
from tastemaker.core.ids import ExternalUserId


class UnknownUser(NotFound):
    """The claim is for a user who does not exist."""


class NotAMember(AppError):
    """Who acts is no member of the account, or no longer."""

    status: ClassVar[int] = 403


@dataclass(frozen=True, slots=True)
class Tenant:
    """One user: sees and writes that user's rows.

    `actor`: the member who acts in the user's account; None is the user. A viewer's transaction is read-only.
    """

    user_id: ExternalUserId
    actor: ExternalUserId | None = None


@dataclass(frozen=True, slots=True)
class System:
    """The product's own background work (queue, schedules, webhooks): sees every tenant's rows."""


@dataclass(frozen=True, slots=True)
class Nobody:
    """Sees no tenant's rows: for the function that identifies the caller of a request."""


SYSTEM = System()
NOBODY = Nobody()

Claim = Tenant | System | Nobody


def claims_json(claim: Claim) -> str:
    match claim:
        case Tenant(user_id=user_id, actor=actor) if actor is not None and actor != user_id:
            return orjson.dumps({"sub": user_id, "act": {"sub": actor}}).decode()
        case Tenant(user_id=user_id):
            return orjson.dumps({"sub": user_id}).decode()
        case System():
            return orjson.dumps({"role": "tastemaker_system"}).decode()
        case Nobody():
            return "{}"
