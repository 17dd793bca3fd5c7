"""Programs that act for a user: their keys, and what their requests were answered."""

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from tastemaker.db.enums import ApiScope
from tastemaker.db.models.base import Base, Instant, RandomKey

_SCOPES = ", ".join(f"'{scope.value}'" for scope in ApiScope)


class ApiKey(Base):
    """A program that may act for a user. The key itself is nowhere."""

    __tablename__ = "api_keys"

    id: Mapped[RandomKey]
    tenant_id: Mapped[str] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"))
    name: Mapped[str]
    prefix: Mapped[str]
    digest: Mapped[bytes]
    scopes: Mapped[list[str]]
    expires_at: Mapped[Instant | None]
    revoked_at: Mapped[Instant | None]
    last_used_at: Mapped[Instant | None]
    created_at: Mapped[Instant]

    __table_args__ = (
        CheckConstraint(f"scopes <@ ARRAY[{_SCOPES}]", name="scopes"),
        Index("uq_api_keys_prefix", "prefix", unique=True),
        Index("idx_api_keys_tenant", "tenant_id", text("created_at DESC")),
    )


class IdempotentAnswer(Base):
    """The answer to a request with an Idempotency-Key, for the next time it comes."""

    __tablename__ = "idempotent_answers"

    tenant_id: Mapped[str] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_digest: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int | None]
    location: Mapped[str | None]
    body: Mapped[bytes | None]
    created_at: Mapped[Instant]

    __table_args__ = (Index("idx_idempotent_answers_created", "created_at"),)
