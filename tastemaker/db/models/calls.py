"""What all workers share when they call a provider: gates, quotas, spending, pages that were paid for."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from tastemaker.db.models.base import Base, BigCount, Counter, Instant


class ProviderGate(Base):
    __tablename__ = "provider_gates"

    name: Mapped[str] = mapped_column(primary_key=True)
    free_at: Mapped[Instant]
    held_until: Mapped[Instant | None]
    held_reason: Mapped[str | None]
    failures: Mapped[Counter]
    trips: Mapped[Counter]
    open_until: Mapped[Instant | None]
    probe_until: Mapped[Instant | None]

    __table_args__ = (CheckConstraint("failures >= 0 AND trips >= 0", name="counters"),)


class ProviderQuota(Base):
    __tablename__ = "provider_quotas"

    gate: Mapped[str] = mapped_column(primary_key=True)
    quota: Mapped[str] = mapped_column(String(50), primary_key=True)
    window_start: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    used: Mapped[int]

    __table_args__ = (CheckConstraint("used >= 0", name="used"),)


class ProviderSpending(Base):
    """The ledger's sum by user, month and provider, kept by a trigger."""

    __tablename__ = "provider_spending"

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    provider: Mapped[str] = mapped_column(String(50), primary_key=True)
    micros_usd: Mapped[BigCount]

    __table_args__ = (Index("idx_provider_spending_month", "month"),)


class ProviderBudget(Base):
    """What one user's calls may cost in a month, where that is not what every user's may."""

    __tablename__ = "provider_budgets"

    tenant_id: Mapped[str] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"), primary_key=True)
    micros_usd: Mapped[BigCount]
    changed_at: Mapped[Instant]

    __table_args__ = (CheckConstraint("micros_usd >= -1", name="amount"),)


class ProviderPage(Base):
    """An answer as it was understood, for the next one who asks the same."""

    __tablename__ = "provider_pages"

    provider: Mapped[str] = mapped_column(String(50), primary_key=True)
    request_digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    page: Mapped[dict[str, Any]] = mapped_column(JSONB)
    stable_ids: Mapped[list[str]] = mapped_column(ARRAY(Text))
    fetched_at: Mapped[Instant]
    expires_at: Mapped[Instant]

    __table_args__ = (
        CheckConstraint("expires_at >= fetched_at", name="expiry"),
        Index("idx_provider_pages_expires", "expires_at"),
        Index("idx_provider_pages_stable_ids", "stable_ids", postgresql_using="gin"),
    )


class ProviderSample(Base):
    """The beginning of an answer that could not be understood."""

    __tablename__ = "provider_samples"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))
    provider: Mapped[str] = mapped_column(String(50))
    operation: Mapped[str] = mapped_column(String(50))
    http_status: Mapped[int]
    content_type: Mapped[str | None] = mapped_column(String(200))
    said: Mapped[str] = mapped_column(String(500))
    bytes_read: Mapped[BigCount]
    beginning: Mapped[str]
    taken_at: Mapped[Instant]
    expires_at: Mapped[Instant]

    __table_args__ = (
        CheckConstraint("octet_length(beginning) <= 4096", name="beginning"),
        CheckConstraint("expires_at >= taken_at", name="expiry"),
        Index("idx_provider_samples_taken", "taken_at"),
    )
