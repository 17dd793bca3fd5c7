"""Clerk as the identity provider: its session tokens are verified here, offline, by its published keys.

A token is accepted if Clerk signed it with RS256 for this installation and it is valid now. Keys are kept for
an hour; an unknown key is asked for at most once a minute, so that made-up tokens cause no requests.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import httpx
import jwt
import orjson
from fastapi import Request

from tastemaker.accounts import clerk_queries as queries
from tastemaker.accounts.api_keys import NotAuthenticated
from tastemaker.accounts.service import register
from tastemaker.core.clock import monotonic
from tastemaker.core.errors import DatabaseUnavailable, InvalidInput
from tastemaker.core.ids import ExternalUserId
from tastemaker.core.settings import Settings, get_settings
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.transaction import Transaction, in_transaction
from tastemaker.events.names import Source

ALGORITHMS: Final = ["RS256"]
LEEWAY: Final = timedelta(seconds=30)
KEPT: Final = 3600.0
REFETCH_AFTER: Final = 60.0
FETCH_SECONDS: Final = 5.0
MOST_KEY_BYTES: Final = 64 * 1024
LONGEST_SUBJECT: Final = 200
LONGEST_TOKEN: Final = 8192
COOKIE: Final = "__session"
"""Where Clerk's script keeps the token in a browser."""

_NAME: Final = "clerk"
_WRONG: Final = "The token is missing, wrong or expired."


class ClerkUnavailable(DatabaseUnavailable):
    """Clerk's keys cannot be read, so no token can be verified."""


@dataclass(slots=True)
class Clerk:
    """`parties` are the origins for which tokens are issued: the claim `azp`."""

    issuer: str
    jwks_url: str
    parties: frozenset[str]
    sign_in_url: str | None = None
    keys: Mapping[str, jwt.PyJWK] = field(default_factory=dict)
    fetched_at: float | None = None
    fetching: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def subject_of(self, token: str) -> str:
        """Clerk's id of the user. Raises NotAuthenticated, ClerkUnavailable."""
        if len(token) > LONGEST_TOKEN:
            raise NotAuthenticated(_WRONG)
        try:
            header = jwt.get_unverified_header(token)
            key = await self._key(header.get("kid"), header.get("alg"))
            claims = jwt.decode(
                token,
                key.key,
                algorithms=ALGORITHMS,
                issuer=self.issuer,
                leeway=LEEWAY,
                options={"require": ["exp", "iat", "sub"], "verify_aud": False},
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            raise NotAuthenticated(_WRONG) from None
        return self._checked(claims)

    def _checked(self, claims: Mapping[str, Any]) -> str:
        """A token for another site of the same Clerk account is not for us."""
        subject = claims["sub"]
        if claims.get("azp") not in self.parties:
            raise NotAuthenticated(_WRONG)
        if not isinstance(subject, str) or not 1 <= len(subject) <= LONGEST_SUBJECT or "\0" in subject:
            raise NotAuthenticated(_WRONG)
        return subject

    async def _key(self, kid: object, algorithm: object) -> jwt.PyJWK:
        """Raises NotAuthenticated, ClerkUnavailable."""
        if algorithm not in ALGORITHMS or not isinstance(kid, str):
            raise NotAuthenticated(_WRONG)
        async with self.fetching:
            age = None if self.fetched_at is None else monotonic() - self.fetched_at
            is_unknown = kid not in self.keys and (age is None or age > REFETCH_AFTER)
            if is_unknown or age is None or age > KEPT:
                await self._fetch()
        if kid not in self.keys:
            raise NotAuthenticated(_WRONG)
        return self.keys[kid]

    async def _fetch(self) -> None:
        """Keys that are known stay good while Clerk does not answer."""
        try:
            async with httpx.AsyncClient(timeout=FETCH_SECONDS) as http:
                answered = await http.get(self.jwks_url)
                answered.raise_for_status()
            document = orjson.loads(answered.content[:MOST_KEY_BYTES])
            found = jwt.PyJWKSet.from_dict(document).keys
        except (httpx.HTTPError, ValueError, TypeError, AttributeError, jwt.PyJWTError):
            if not self.keys:
                raise ClerkUnavailable("Clerk's keys cannot be read now; try again in a moment.") from None
            self.fetched_at = monotonic() - KEPT + REFETCH_AFTER
            return
        self.keys = {key.key_id: key for key in found if key.key_id and key.key_type == "RSA"}
        self.fetched_at = monotonic()


def find_clerk(settings: Settings) -> Clerk | None:
    """None where Clerk is not configured. Raises InvalidInput that names what is missing."""
    if settings.clerk_issuer is None:
        return None
    parties = {one.strip().rstrip("/") for one in (settings.clerk_parties or "").split(",") if one.strip()}
    if not parties and settings.public_url is None:
        raise InvalidInput("Clerk needs TASTEMAKER_CLERK_PARTIES or TASTEMAKER_PUBLIC_URL.")
    issuer = settings.clerk_issuer.rstrip("/")
    return Clerk(
        issuer=issuer,
        jwks_url=settings.clerk_jwks_url or f"{issuer}/.well-known/jwks.json",
        parties=frozenset(parties or {(settings.public_url or "").rstrip("/")}),
        sign_in_url=settings.clerk_sign_in_url,
    )


def clerk_of(request: Request) -> Clerk | None:
    """Made of the settings at the first request; its keys are kept with the application."""
    state = request.app.state
    if not hasattr(state, _NAME):
        setattr(state, _NAME, find_clerk(get_settings()))
    found = getattr(state, _NAME)
    return found if isinstance(found, Clerk) else None


async def user_of_token(database: Database, clerk: Clerk, token: str) -> ExternalUserId:
    """The user of a session token, who comes into being here at the first request.

    Raises NotAuthenticated, also for a user who was deleted.
    """
    subject = await clerk.subject_of(token)
    known = await in_transaction(database, SYSTEM, lambda tx: tx.one(queries.FIND_SUBJECT, subject=subject))
    if known is None or (known.tenant_id is None and not known.is_deleted):
        known = await in_transaction(database, SYSTEM, lambda tx: ensure_user(tx, subject))
    if known.is_deleted or known.tenant_id is None:
        raise NotAuthenticated("This user was deleted.")
    return known.tenant_id


async def ensure_user(
    tx: Transaction, subject: str, *, email: str | None = None, full_name: str | None = None
) -> queries.ClerkSubject:
    """Locks what is known of the subject; unless it was deleted, it has a user afterwards.

    An adopted database has users under Clerk's ids: such a user is taken over as they are.
    """
    await tx.run(queries.ADD_SUBJECT, subject=subject)
    known = await tx.only(queries.LOCK_SUBJECT, subject=subject)
    if known.is_deleted or known.tenant_id is not None:
        return known
    user_id = ExternalUserId(subject)
    await register(tx, user_id, email=email, full_name=full_name, source=Source.CLERK_WEBHOOK)
    await tx.run(queries.MAP_SUBJECT, subject=subject, user_id=user_id)
    return await tx.only(queries.LOCK_SUBJECT, subject=subject)


async def map_subject(tx: Transaction, subject: str, user_id: ExternalUserId) -> None:
    """Who signs in at Clerk as `subject` is that user here. The tx has the system's claim."""
    await tx.run(queries.ADD_SUBJECT, subject=subject)
    await tx.run(queries.MAP_SUBJECT, subject=subject, user_id=user_id)
