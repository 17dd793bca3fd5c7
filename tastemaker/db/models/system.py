"""The system domain: settings, the event log, the job queue, the ledger of provider calls."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Interval,
    String,
    UniqueConstraint,
)
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql.elements import conv

from tastemaker.db.enums import (
    AggregateType,
    JobStatus,
    ProcessingStatus,
    ProviderCallStatus,
    SourceSystem,
    TextBoolean,
    ValueType,
)
from tastemaker.db.models.base import (
    Base,
    BigCount,
    Counter,
    InsertedAt,
    Instant,
    InstantOfInsert,
    RandomKey,
    WordOf,
    never_negative,
    one_of,
)


class SystemConfiguration(Base):
    __tablename__ = "system_configurations"

    id: Mapped[RandomKey]
    category: Mapped[str] = mapped_column(String(50))
    key: Mapped[str] = mapped_column(String(100))
    value: Mapped[str]
    value_type: Mapped[ValueType] = mapped_column(WordOf(ValueType, 20))
    description: Mapped[str | None]
    is_hot_reloadable: Mapped[TextBoolean] = mapped_column(
        WordOf(TextBoolean, 5), server_default=sql("'true'")
    )
    created_at: Mapped[InsertedAt]
    updated_at: Mapped[InsertedAt]

    __table_args__ = (
        UniqueConstraint("category", "key", name="system_configurations_category_key_unique"),
        one_of("value_type", ValueType),
        one_of("is_hot_reloadable", TextBoolean),
    )


class ConfigurationKey(Base):
    """What the running code can read, so that the database refuses the rest."""

    __tablename__ = "configuration_keys"

    category: Mapped[str] = mapped_column(String(50), primary_key=True)
    key: Mapped[str] = mapped_column(String(100), primary_key=True)
    value_type: Mapped[ValueType] = mapped_column(WordOf(ValueType, 20))
    least: Mapped[str | None]
    most: Mapped[str | None]
    choices: Mapped[list[str] | None]
    whole: Mapped[bool] = mapped_column(server_default=sql("false"))

    __table_args__ = (one_of("value_type", ValueType),)


class Event(Base):
    __tablename__ = "events"

    id: Mapped[RandomKey]
    aggregate_id: Mapped[str]
    aggregate_type: Mapped[AggregateType] = mapped_column(WordOf(AggregateType, 50))
    event_type: Mapped[str] = mapped_column(String(100))
    event_version: Mapped[int] = mapped_column(server_default=sql("1"))
    event_data: Mapped[dict[str, Any]]
    event_metadata: Mapped[dict[str, Any] | None] = mapped_column("metadata")
    timestamp: Mapped[InsertedAt]
    processed_at: Mapped[datetime | None]
    processing_status: Mapped[ProcessingStatus] = mapped_column(
        WordOf(ProcessingStatus, 20), server_default=sql("'pending'")
    )
    retry_count: Mapped[Counter]
    error: Mapped[str | None]
    idempotency_key: Mapped[str] = mapped_column(unique=True)
    source_system: Mapped[SourceSystem] = mapped_column(WordOf(SourceSystem, 50))
    correlation_id: Mapped[str | None]
    causation_id: Mapped[str | None]
    tenant_id: Mapped[str | None]
    seq: Mapped[int] = mapped_column(BigInteger, Identity(always=True))

    __table_args__ = (
        one_of("aggregate_type", AggregateType),
        one_of("processing_status", ProcessingStatus),
        one_of("source_system", SourceSystem),
        never_negative("retry_count"),
        Index("idx_events_aggregate_type_timestamp", "aggregate_id", "aggregate_type", sql("timestamp DESC")),
        Index(
            "idx_events_processing_pending",
            "processing_status",
            "timestamp",
            postgresql_where=sql("processing_status = 'pending'"),
        ),
        Index("idx_events_tenant", "tenant_id", sql("timestamp DESC")),
        Index("idx_events_correlation", "correlation_id", postgresql_where=sql("correlation_id IS NOT NULL")),
        Index("uq_events_seq", "seq", unique=True),
        Index("idx_events_time", sql("timestamp DESC"), sql("seq DESC")),
        Index("idx_events_type", "event_type", sql("timestamp DESC"), sql("seq DESC")),
    )


class EventKey(Base):
    """Every idempotency key ever used: unique also when `events` is partitioned by time."""

    __tablename__ = "event_keys"

    idempotency_key: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[uuid.UUID]
    timestamp: Mapped[datetime]
    tenant_id: Mapped[str | None]

    __table_args__ = (Index("idx_event_keys_tenant", "tenant_id"),)


class EventDelivery(Base):
    """One for each subscriber that has to hear of an event."""

    __tablename__ = "event_deliveries"

    event_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    subscriber: Mapped[str] = mapped_column(String(100), primary_key=True)
    event_timestamp: Mapped[datetime]
    event_type: Mapped[str] = mapped_column(String(100))
    tenant_id: Mapped[str | None]
    status: Mapped[ProcessingStatus] = mapped_column(
        WordOf(ProcessingStatus, 20), server_default=sql("'pending'")
    )
    attempts: Mapped[Counter]
    due_at: Mapped[Instant]
    lease_until: Mapped[Instant | None]
    error: Mapped[str | None]
    created_at: Mapped[Instant]
    completed_at: Mapped[Instant | None]

    __table_args__ = (
        one_of("status", ProcessingStatus),
        never_negative("attempts"),
        Index("idx_event_deliveries_due", "due_at", postgresql_where=sql("status = 'pending'")),
        Index("idx_event_deliveries_leases", "lease_until", postgresql_where=sql("status = 'processing'")),
        Index("idx_event_deliveries_failed", "event_timestamp", postgresql_where=sql("status = 'failed'")),
        Index("idx_event_deliveries_tenant", "tenant_id"),
    )


IS_READY = sql("status = 'pending' AND waits_for IS NULL")


class BackgroundJob(Base):
    __tablename__ = "background_jobs"

    id: Mapped[RandomKey]
    job_type: Mapped[str] = mapped_column(String(100))
    payload: Mapped[dict[str, Any]]
    status: Mapped[JobStatus] = mapped_column(WordOf(JobStatus, 20), server_default=sql("'pending'"))
    qstash_message_id: Mapped[str | None]
    priority: Mapped[int] = mapped_column(server_default=sql("100"))
    max_retries: Mapped[int] = mapped_column(server_default=sql("3"))
    retry_count: Mapped[Counter]
    scheduled_for: Mapped[InsertedAt]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    error: Mapped[str | None]
    result: Mapped[dict[str, Any] | None]
    created_at: Mapped[InsertedAt]
    updated_at: Mapped[InsertedAt]
    tenant_id: Mapped[str | None]
    attempt: Mapped[Counter]
    lease_until: Mapped[Instant | None]
    worker: Mapped[str | None]
    lock_key: Mapped[str | None]
    dedupe_key: Mapped[str | None]
    correlation_id: Mapped[str | None]
    progress: Mapped[float | None]
    waits_for: Mapped[str | None] = mapped_column(String(10))

    __table_args__ = (
        one_of("status", JobStatus),
        CheckConstraint("waits_for IN ('time', 'worker')", name="waits_for"),
        CheckConstraint("progress >= 0 AND progress <= 100", name="progress"),
        never_negative("max_retries"),
        never_negative("retry_count"),
        never_negative("attempt"),
        Index(
            "idx_background_jobs_pending",
            "status",
            "priority",
            "scheduled_for",
            postgresql_where=sql("status = 'pending'"),
        ),
        Index("idx_background_jobs_tenant", "tenant_id", postgresql_where=sql("tenant_id IS NOT NULL")),
        Index("idx_background_jobs_ready", "priority", "scheduled_for", "id", postgresql_where=IS_READY),
        Index(
            "idx_background_jobs_round",
            "priority",
            sql("(CASE WHEN tenant_id IS NULL THEN '' ELSE tenant_id END)"),
            "scheduled_for",
            postgresql_where=IS_READY,
        ),
        Index(
            "idx_background_jobs_later",
            "scheduled_for",
            postgresql_where=sql("status = 'pending' AND waits_for = 'time'"),
        ),
        Index(
            "idx_background_jobs_parked",
            "job_type",
            postgresql_where=sql("status = 'pending' AND waits_for = 'worker'"),
        ),
        Index(
            "idx_background_jobs_ended",
            "updated_at",
            postgresql_where=sql("status IN ('completed', 'failed', 'cancelled')"),
        ),
        Index(
            "uq_background_jobs_lock_key",
            "lock_key",
            unique=True,
            postgresql_where=sql("status = 'processing' AND lock_key IS NOT NULL"),
        ),
        Index(
            "uq_background_jobs_dedupe_key",
            "dedupe_key",
            unique=True,
            postgresql_where=sql("status = 'pending'"),
        ),
        Index("idx_background_jobs_leases", "lease_until", postgresql_where=sql("status = 'processing'")),
    )


class ScheduleRow(Base):
    """When a schedule ran last and is due next: one row for all workers."""

    __tablename__ = "schedules"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    every: Mapped[timedelta] = mapped_column(Interval)
    next_run_at: Mapped[Instant]
    last_run_at: Mapped[Instant | None]
    last_job_id: Mapped[uuid.UUID | None]

    __table_args__ = (CheckConstraint("every > '00:00:00'::interval", name="every"),)


class ProviderCall(Base):
    """One page asked for: its cost, estimated before the call and settled with the page."""

    __tablename__ = "provider_calls"

    id: Mapped[RandomKey]
    tenant_id: Mapped[str]
    job_id: Mapped[uuid.UUID | None]
    run_id: Mapped[uuid.UUID | None]
    provider: Mapped[str] = mapped_column(String(50))
    operation: Mapped[str] = mapped_column(String(50))
    status: Mapped[ProviderCallStatus] = mapped_column(
        WordOf(ProviderCallStatus, 20), server_default=sql("'estimated'")
    )
    estimated_units: Mapped[int]
    estimated_micros_usd: Mapped[BigCount] = mapped_column(server_default=sql("0"))
    calls: Mapped[int | None]
    units: Mapped[int | None]
    micros_usd: Mapped[BigCount | None]
    error_kind: Mapped[str | None] = mapped_column(String(20))
    started_at: Mapped[Instant]
    finished_at: Mapped[Instant | None]
    gate: Mapped[str | None]
    request_digest: Mapped[bytes | None]

    __table_args__ = (
        one_of("status", ProviderCallStatus),
        CheckConstraint(
            "estimated_units >= 0 AND estimated_micros_usd >= 0"
            " AND calls >= 0 AND units >= 0 AND micros_usd >= 0",
            name="amounts",
        ),
        Index("idx_provider_calls_tenant_started", "tenant_id", sql("started_at DESC")),
        Index("idx_provider_calls_job", "job_id"),
        Index("idx_provider_calls_open", "run_id", postgresql_where=sql("status = 'estimated'")),
        Index("idx_provider_calls_gate", "gate", postgresql_where=sql("status = 'estimated'")),
    )


class ClockOffset(Base):
    """How far `app_now()` is moved from the real time: one row, the owner's, for tests."""

    __tablename__ = "clock_offset"

    singleton: Mapped[bool] = mapped_column(primary_key=True, server_default=sql("true"))
    shift: Mapped[timedelta] = mapped_column(Interval, server_default=sql("'00:00:00'"))

    __table_args__ = (CheckConstraint("singleton", name=conv("clock_offset_singleton_check")),)


class SqlAccess(Base):
    """Which login role is which tenant's own: only the owner reads it."""

    __tablename__ = "sql_access"

    role_name: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"), unique=True)
    created_at: Mapped[InstantOfInsert]
