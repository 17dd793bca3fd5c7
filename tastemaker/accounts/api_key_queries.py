"""Questions about keys by which programs act for a user."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, text

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.enums import ApiScope
from tastemaker.db.transaction import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """What is known of a key. `last_used_at` to the minute."""

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
    """The row that a presented key may be, before its digest was compared."""

    id: UUID
    user_id: ExternalUserId
    digest: bytes
    scopes: frozenset[ApiScope]
    is_revoked: bool
    is_expired: bool
    is_used_lately: bool


FIND_CANDIDATE = text("SELECT * FROM find_api_key(:prefix)")

INSERT = text("""
    INSERT INTO api_keys (tenant_id, name, prefix, digest, scopes, expires_at, created_at)
    VALUES (:tenant_id, :name, :prefix, :digest, :scopes,
            app_now() + make_interval(secs => CAST(:seconds AS double precision)), app_now())
    RETURNING id
""")

_COLUMNS = """id, name, prefix, scopes, created_at, expires_at, revoked_at, last_used_at,
    coalesce(expires_at <= app_now(), false) AS is_expired"""

LIST = text(f"""
    SELECT {_COLUMNS} FROM api_keys WHERE tenant_id = :tenant_id ORDER BY created_at DESC, id LIMIT :limit
""")  # noqa: S608 - of this module's own words

FIND = text(f"""
    SELECT {_COLUMNS} FROM api_keys
    WHERE tenant_id = :tenant_id AND (prefix = :reference OR id::text = :reference)
""")  # noqa: S608 - the same

REVOKE = text("""
    UPDATE api_keys SET revoked_at = app_now()
    WHERE tenant_id = :tenant_id AND id = :id AND revoked_at IS NULL
    RETURNING id
""")

NOTE_USE = text("""
    UPDATE api_keys SET last_used_at = app_now()
    WHERE tenant_id = :tenant_id AND id = :id
      AND (last_used_at IS NULL OR last_used_at < app_now() - interval '1 minute')
""")


async def find_candidate(session: Transaction, prefix: str) -> Candidate | None:
    """Through the door: the session may be nobody's."""
    row = (await session.execute(FIND_CANDIDATE, {"prefix": prefix})).mappings().first()
    if row is None:
        return None
    return Candidate(
        id=row["id"],
        user_id=ExternalUserId(row["tenant_id"]),
        digest=bytes(row["digest"]),
        scopes=_scopes(row),
        is_revoked=row["is_revoked"],
        is_expired=row["is_expired"],
        is_used_lately=row["is_used_lately"],
    )


async def insert_key(
    session: Transaction,
    user_id: ExternalUserId,
    *,
    name: str,
    prefix: str,
    digest: bytes,
    scopes: Sequence[ApiScope],
    seconds: float | None,
) -> UUID:
    """`seconds` until it expires; None is never."""
    row = await session.execute(
        INSERT,
        {
            "tenant_id": user_id,
            "name": name,
            "prefix": prefix,
            "digest": digest,
            "scopes": [scope.value for scope in scopes],
            "seconds": seconds,
        },
    )
    return UUID(str(row.scalar_one()))


async def list_keys(session: Transaction, user_id: ExternalUserId, *, limit: int) -> list[StoredKey]:
    """The newest first."""
    rows = await session.execute(LIST, {"tenant_id": user_id, "limit": limit})
    return [_key(row) for row in rows.mappings()]


async def find_key(session: Transaction, user_id: ExternalUserId, reference: str) -> StoredKey | None:
    """By id or prefix."""
    parameters = {"tenant_id": user_id, "reference": reference}
    row = (await session.execute(FIND, parameters)).mappings().first()
    return None if row is None else _key(row)


async def revoke(session: Transaction, user_id: ExternalUserId, key: UUID) -> bool:
    """False: it was revoked before."""
    row = await session.execute(REVOKE, {"tenant_id": user_id, "id": key})
    return row.first() is not None


async def note_use(session: Transaction, user_id: ExternalUserId, key: UUID) -> None:
    await session.execute(NOTE_USE, {"tenant_id": user_id, "id": key})


def _key(row: RowMapping) -> StoredKey:
    return StoredKey(**{**row, "scopes": _scopes(row)})


def _scopes(row: RowMapping) -> frozenset[ApiScope]:
    return frozenset(ApiScope(word) for word in row["scopes"])
