"""What leaves the database and what enters it: the outbox and the inbox."""

from typing import Any

from sqlalchemy import Index, String
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from tastemaker.db.enums import InboxStatus, OutboxStatus
from tastemaker.db.models.base import Base, Counter, Instant, NumberedKey, WordOf, never_negative, one_of


class OutboxMessage(Base):
    """What has to leave: written with the change it tells of, sent by a relay afterwards."""

    __tablename__ = "outbox_messages"

    id: Mapped[NumberedKey]
    channel: Mapped[str] = mapped_column(String(50))
    body: Mapped[dict[str, Any]]
    dedupe_key: Mapped[str]
    tenant_id: Mapped[str | None]
    status: Mapped[OutboxStatus] = mapped_column(WordOf(OutboxStatus, 20), server_default=sql("'pending'"))
    attempts: Mapped[Counter]
    available_at: Mapped[Instant]
    lease_until: Mapped[Instant | None]
    sent_at: Mapped[Instant | None]
    error: Mapped[str | None]
    external_id: Mapped[str | None]
    created_at: Mapped[Instant]

    __table_args__ = (
        one_of("status", OutboxStatus),
        never_negative("attempts"),
        Index("uq_outbox_messages_dedupe_key", "channel", "dedupe_key", unique=True),
        Index(
            "idx_outbox_messages_pending",
            "channel",
            "available_at",
            "id",
            postgresql_where=sql("status = 'pending'"),
        ),
        Index("idx_outbox_messages_leases", "lease_until", postgresql_where=sql("status = 'sending'")),
        Index("idx_outbox_messages_tenant", "tenant_id"),
        Index("idx_outbox_messages_created", "created_at"),
    )


class InboxMessage(Base):
    """What others told us, as it came: kept before it is answered, processed afterwards."""

    __tablename__ = "inbox_messages"

    id: Mapped[NumberedKey]
    source: Mapped[str] = mapped_column(String(50))
    message_id: Mapped[str]
    headers: Mapped[dict[str, Any]]
    raw: Mapped[bytes]
    verified: Mapped[bool]
    tenant_id: Mapped[str | None]
    status: Mapped[InboxStatus] = mapped_column(WordOf(InboxStatus, 20), server_default=sql("'received'"))
    attempts: Mapped[Counter]
    error: Mapped[str | None]
    received_at: Mapped[Instant]
    processed_at: Mapped[Instant | None]

    __table_args__ = (
        one_of("status", InboxStatus),
        never_negative("attempts"),
        Index("uq_inbox_messages_message_id", "source", "message_id", unique=True),
        Index("idx_inbox_messages_received", "received_at"),
        Index("idx_inbox_messages_tenant", "tenant_id"),
    )
