"""Statements about the API keys of a user."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.enums import ApiScope
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """A key without its secret. `last_used_at` to the minute."""

    id: UUID
    name: str
    prefix: str
    scopes: frozenset[ApiScope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    is_expired: bool

    @property
    def state(self) -> str:
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.is_expired else "valid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """The row with the prefix of a presented key, before the digests are compared."""

    id: UUID
    tenant_id: ExternalUserId
    digest: bytes
    scopes: frozenset[ApiScope]
    is_revoked: bool
    is_expired: bool
    is_used_lately: bool


FIND_CANDIDATE = statement(
    """
    SELECT id, tenant_id, digest, scopes, is_revoked, is_expired, is_used_lately
    FROM find_api_key(%(prefix)s)
    """,
    Candidate,
    not_null="id tenant_id digest scopes is_revoked is_expired is_used_lately",
)
"""A SECURITY DEFINER function: the transaction may have the claim of nobody."""

INSERT = statement(
    """
    INSERT INTO api_keys (tenant_id, name, prefix, digest, scopes, expires_at, created_at)
    VALUES (%(tenant_id)s, %(name)s, %(prefix)s, %(digest)s, %(scopes)s,
            app_now() + make_interval(secs => CAST(%(seconds)s AS double precision)), app_now())
    RETURNING id
    """,
    UUID,
)

_COLUMNS = """id, name, prefix, scopes, created_at, expires_at, revoked_at, last_used_at,
    coalesce(expires_at <= app_now(), false) AS is_expired"""

LIST = statement(
    f"""
    SELECT {_COLUMNS} FROM api_keys WHERE tenant_id = %(tenant_id)s
    ORDER BY created_at DESC, id LIMIT %(limit)s
    """,  # noqa: S608 - constants of this module
    StoredKey,
    not_null="is_expired",
)

FIND = statement(
    f"""
    SELECT {_COLUMNS} FROM api_keys
    WHERE tenant_id = %(tenant_id)s AND (prefix = %(reference)s OR id::text = %(reference)s)
    """,  # noqa: S608 - the same
    StoredKey,
    not_null="is_expired",
)

REVOKE = statement("""
    UPDATE api_keys SET revoked_at = app_now()
    WHERE tenant_id = %(tenant_id)s AND id = %(id)s AND revoked_at IS NULL
""")

NOTE_USE = statement("""
    UPDATE api_keys SET last_used_at = app_now()
    WHERE tenant_id = %(tenant_id)s AND id = %(id)s
      AND (last_used_at IS NULL OR last_used_at < app_now() - interval '1 minute')
""")


async def insert_key(
    tx: Transaction,
    user_id: ExternalUserId,
    *,
    name: str,
    prefix: str,
    digest: bytes,
    scopes: Sequence[ApiScope],
    seconds: float | None,
) -> UUID:
    """`seconds` until it expires; None is never."""
    return await tx.only(
        INSERT,
        tenant_id=user_id,
        name=name,
        prefix=prefix,
        digest=digest,
        scopes=[scope.value for scope in scopes],
        seconds=seconds,
    )


async def list_keys(tx: Transaction, user_id: ExternalUserId, *, limit: int) -> list[StoredKey]:
    """The newest first."""
    return await tx.many(LIST, tenant_id=user_id, limit=limit)


async def find_key(tx: Transaction, user_id: ExternalUserId, reference: str) -> StoredKey | None:
    """By id or prefix."""
    return await tx.one(FIND, tenant_id=user_id, reference=reference)


async def revoke(tx: Transaction, user_id: ExternalUserId, key: UUID) -> bool:
    """False: it was revoked before."""
    return await tx.run(REVOKE, tenant_id=user_id, id=key) > 0


async def note_use(tx: Transaction, user_id: ExternalUserId, key: UUID) -> None:
    await tx.run(NOTE_USE, tenant_id=user_id, id=key)
