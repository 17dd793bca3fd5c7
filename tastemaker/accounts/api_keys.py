"""API keys by which programs act for a user: created, shown once, verified, revoked.

`tm_<12 hexadecimal digits>_<secret>`: the part before the secret finds the row and may be shown. A digest of
the whole key is stored. The secret has 256 random bits, so a plain digest is enough.
"""

import hashlib
import hmac
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar, Final
from uuid import UUID

from tastemaker.accounts import api_key_queries as queries
from tastemaker.accounts.api_key_queries import StoredKey
from tastemaker.accounts.current_user import CurrentUser
from tastemaker.core.errors import AppError, Conflict, InvalidInput, NotFound
from tastemaker.core.ids import ExternalUserId, new_id, new_token
from tastemaker.core.text import clean_line
from tastemaker.db.claims import NOBODY, Tenant
from tastemaker.db.enums import ApiScope
from tastemaker.db.pool import Database
from tastemaker.db.transaction import Transaction, read_one, transaction
from tastemaker.events.names import Source
from tastemaker.events.payloads import ApiKeyCreated, ApiKeyRevoked
from tastemaker.events.service import record

NAME_LENGTH: Final = 100
ORDINARY_SCOPES: Final = tuple(scope for scope in ApiScope if scope is not ApiScope.ADMIN)
"""Those of a key of which nothing else is said; an administrator's has to be asked for."""

CLERK: Final = "clerk"
"""The prefix of a caller who came by a token of Clerk, not by a key."""

LONGEST_LIFE: Final = timedelta(days=3660)
_FORM: Final = re.compile(r"(?P<prefix>tm_[0-9a-f]{12})_[A-Za-z0-9_-]{43}")
_NO_DIGEST: Final = bytes(32)


class NotAuthenticated(AppError):
    """Nobody in particular calls. The answer does not say what of a key was wrong before it is proven."""

    status: ClassVar[int] = 401


class NotAllowed(AppError):
    """The key is not good for this."""

    status: ClassVar[int] = 403


@dataclass(frozen=True, slots=True)
class NewKey:
    """`secret` is the whole key: to be shown now, kept nowhere."""

    key: StoredKey
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A program that has proven whose it is."""

    key_id: UUID
    prefix: str
    user_id: ExternalUserId
    scopes: frozenset[ApiScope]

    def needs(self, scope: ApiScope) -> None:
        """Raises NotAllowed."""
        if scope not in self.scopes:
            raise NotAllowed(f"This key is not good for {scope.value}.")


async def create_key(
    tx: Transaction,
    user: CurrentUser,
    *,
    name: str,
    scopes: Collection[ApiScope],
    expires_in: timedelta | None = None,
    actor: ExternalUserId | None = None,
) -> NewKey:
    """A new key of the user's, made by `actor` where that is somebody else. Raises InvalidInput."""
    name = clean_line(name)
    if not 1 <= len(name) <= NAME_LENGTH:
        raise InvalidInput(f"A key's name has 1 to {NAME_LENGTH} characters.")
    if not scopes:
        raise InvalidInput(f"A key is good for something: {', '.join(ApiScope)}.")
    if ApiScope.ADMIN in scopes and not user.is_admin:
        raise InvalidInput("Only an administrator's key can be good for admin.")
    if expires_in is not None and not timedelta(0) < expires_in <= LONGEST_LIFE:
        raise InvalidInput(f"A key is valid for at most {LONGEST_LIFE.days} days, or without an end.")
    prefix = f"tm_{new_id().hex[:12]}"
    secret = f"{prefix}_{new_token(32)}"
    wanted = sorted(set(scopes))
    key_id = await queries.insert_key(
        tx,
        user.user_id,
        name=name,
        prefix=prefix,
        digest=_digest(secret),
        scopes=wanted,
        seconds=expires_in.total_seconds() if expires_in else None,
    )
    made = await get_key(tx, user, str(key_id))
    await record(
        tx,
        ApiKeyCreated(key_id=key_id, prefix=prefix, scopes=list(wanted), expires_at=made.expires_at),
        aggregate_id=user.user_id,
        identifier=str(key_id),
        source=Source.USER_ACTION,
        tenant_id=user.user_id,
        metadata={"actor": actor or user.user_id},
    )
    return NewKey(made, secret)


async def get_key(tx: Transaction, user: CurrentUser, reference: str) -> StoredKey:
    """By id or prefix. Raises NotFound."""
    found = await queries.find_key(tx, user.user_id, reference.strip())
    if found is None:
        raise NotFound("There is no such key.")
    return found


async def revoke_key(
    tx: Transaction, user: CurrentUser, key: StoredKey, *, actor: ExternalUserId | None = None
) -> StoredKey:
    """Refused from the next request on. Raises Conflict when it was revoked before."""
    if not await queries.revoke(tx, user.user_id, key.id):
        raise Conflict("This key was revoked already.")
    await record(
        tx,
        ApiKeyRevoked(key_id=key.id, prefix=key.prefix),
        aggregate_id=user.user_id,
        identifier=str(key.id),
        source=Source.USER_ACTION,
        tenant_id=user.user_id,
        metadata={"actor": actor or user.user_id},
    )
    return await get_key(tx, user, str(key.id))


async def recognise(database: Database, presented: str) -> Caller:
    """The owner of the key. Digests are compared in constant time, also where there is no such row.

    Raises NotAuthenticated.
    """
    form = _FORM.fullmatch(presented)
    candidate = None
    if form is not None:
        candidate = await read_one(database, NOBODY, queries.FIND_CANDIDATE, prefix=form["prefix"])
    known = candidate.digest if candidate else _NO_DIGEST
    proven = hmac.compare_digest(known, _digest(presented))
    if form is None or candidate is None or not proven:
        raise NotAuthenticated("The API key is missing or wrong.")
    if candidate.is_revoked or candidate.is_expired:
        raise NotAuthenticated(f"The API key {'was revoked' if candidate.is_revoked else 'has expired'}.")
    if not candidate.is_used_lately:
        async with transaction(database, Tenant(candidate.tenant_id)) as tx:
            await queries.note_use(tx, candidate.tenant_id, candidate.id)
    return Caller(
        key_id=candidate.id, prefix=form["prefix"], user_id=candidate.tenant_id, scopes=candidate.scopes
    )


def is_key(presented: str) -> bool:
    """By its form alone."""
    return _FORM.fullmatch(presented) is not None


async def is_valid(database: Database, caller: Caller) -> bool:
    """Whether the key of a caller that was recognised is neither revoked nor expired since."""
    if caller.prefix == CLERK:
        return True  # a token lasts a minute, and what it opened is asked for again before long
    found = await read_one(database, NOBODY, queries.FIND_CANDIDATE, prefix=caller.prefix)
    return found is not None and not found.is_revoked and not found.is_expired


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
