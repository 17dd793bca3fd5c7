"""The campaign domain: campaigns, searches and their runs, the pages they bring, imported searches."""

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    Numeric,
    PrimaryKeyConstraint,
    String,
    UniqueConstraint,
)
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from tastemaker.db.enums import (
    CampaignStatus,
    ExclusionKind,
    ImportStatus,
    RunEndReason,
    SearchOutcome,
    SearchStatus,
    SearchType,
    StoredPlatform,
    TextBoolean,
)
from tastemaker.db.models.base import (
    Base,
    Counter,
    InsertedAt,
    Instant,
    InstantOfInsert,
    RandomKey,
    TextList,
    WordOf,
    never_negative,
    one_of,
)


class Campaign(Base):
    __tablename__ = "campaigns"

    id: Mapped[RandomKey]
    user_id: Mapped[str] = mapped_column(ForeignKey("users.user_id", name="fk_campaigns_user_id_users"))
    name: Mapped[str]
    description: Mapped[str | None]
    search_type: Mapped[SearchType] = mapped_column(WordOf(SearchType, 20))
    status: Mapped[CampaignStatus] = mapped_column(WordOf(CampaignStatus, 20), server_default=sql("'draft'"))
    created_at: Mapped[InsertedAt]
    updated_at: Mapped[InsertedAt]
    deleting_since: Mapped[Instant | None]

    __table_args__ = (
        one_of("search_type", SearchType),
        one_of("status", CampaignStatus),
        Index("idx_campaigns_user_id", "user_id", sql("created_at DESC")),
        Index(
            "idx_campaigns_deleting",
            "deleting_since",
            postgresql_where=sql("deleting_since IS NOT NULL"),
        ),
    )


class ScrapingJob(Base):
    """A search."""

    __tablename__ = "scraping_jobs"

    id: Mapped[RandomKey]
    user_id: Mapped[str] = mapped_column(ForeignKey("users.user_id", name="fk_scraping_jobs_user_id_users"))
    campaign_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("campaigns.id"))
    status: Mapped[SearchStatus] = mapped_column(WordOf(SearchStatus, 20), server_default=sql("'pending'"))
    keywords: Mapped[list[str] | None] = mapped_column(JSONB)
    target_username: Mapped[str | None]
    platform: Mapped[StoredPlatform] = mapped_column(
        WordOf(StoredPlatform, 50), server_default=sql("'Tiktok'")
    )
    search_params: Mapped[dict[str, Any] | None]
    processed_runs: Mapped[Counter]
    processed_results: Mapped[Counter]
    target_results: Mapped[int] = mapped_column(server_default=sql("1000"))
    cursor: Mapped[int | None] = mapped_column(server_default=sql("0"))
    progress: Mapped[Decimal | None] = mapped_column(Numeric, server_default=sql("'0'"))
    qstash_message_id: Mapped[str | None]
    run_id: Mapped[str | None]
    region: Mapped[str] = mapped_column(String(10), server_default=sql("'US'"))
    created_at: Mapped[InsertedAt]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    timeout_at: Mapped[datetime | None]
    updated_at: Mapped[InsertedAt]
    error: Mapped[str | None]
    outcome: Mapped[SearchOutcome | None] = mapped_column(WordOf(SearchOutcome, 20))
    parked_until: Mapped[Instant | None]
    parked_reason: Mapped[str | None]

    __table_args__ = (
        one_of("status", SearchStatus),
        one_of("platform", StoredPlatform),
        one_of("outcome", SearchOutcome),
        never_negative("processed_runs"),
        never_negative("processed_results"),
        never_negative("cursor"),
        CheckConstraint("target_results > 0", name="target_results"),
        CheckConstraint("progress BETWEEN 0 AND 100", name="progress"),
        CheckConstraint("parked_until IS NULL OR status = 'pending'", name="parked"),
        Index("idx_scraping_jobs_status_created", "status", sql("created_at DESC")),
        Index("idx_scraping_jobs_user_id", "user_id", sql("created_at DESC")),
        Index("idx_scraping_jobs_campaign_id", "campaign_id", sql("created_at DESC")),
        Index(
            "idx_scraping_jobs_timeout",
            "timeout_at",
            postgresql_where=sql("status IN ('pending', 'processing')"),
        ),
    )


class ScrapingResult(Base):
    """One committed page of a search."""

    __tablename__ = "scraping_results"

    id: Mapped[RandomKey]
    job_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("scraping_jobs.id"))
    creators: Mapped[list[dict[str, Any]]]
    created_at: Mapped[InsertedAt]
    user_id: Mapped[str | None]
    expires_at: Mapped[Instant | None]

    __table_args__ = (
        Index(
            "idx_scraping_results_expires_at", "expires_at", postgresql_where=sql("expires_at IS NOT NULL")
        ),
        CheckConstraint("jsonb_typeof(creators) = 'array'", name="creators", postgresql_not_valid=True),
        Index("idx_scraping_results_job_id", "job_id", "created_at"),
        Index("idx_scraping_results_user", "user_id"),
        Index("idx_scraping_results_platform", sql("creator_platforms(creators)"), postgresql_using="gin"),
        Index("idx_scraping_results_usernames", sql("creator_usernames(creators)"), postgresql_using="gin"),
    )


class ScrapingRun(Base):
    """One keyword of a search: where its paging stands and how it ended."""

    __tablename__ = "scraping_runs"

    id: Mapped[RandomKey]
    tenant_id: Mapped[str]
    job_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("scraping_jobs.id", ondelete="CASCADE"))
    position: Mapped[int]
    keyword: Mapped[str]
    status: Mapped[SearchStatus] = mapped_column(WordOf(SearchStatus, 20), server_default=sql("'pending'"))
    end_reason: Mapped[RunEndReason | None] = mapped_column(WordOf(RunEndReason, 20))
    version: Mapped[Counter]
    cursor: Mapped[str | None]
    seen_cursors: Mapped[TextList]
    pages: Mapped[Counter]
    found: Mapped[Counter]
    stored: Mapped[Counter]
    barren_pages: Mapped[Counter]
    failures: Mapped[Counter]
    error_kind: Mapped[str | None] = mapped_column(String(20))
    error: Mapped[str | None]
    started_at: Mapped[Instant | None]
    finished_at: Mapped[Instant | None]
    created_at: Mapped[InstantOfInsert]
    updated_at: Mapped[InstantOfInsert]

    __table_args__ = (
        UniqueConstraint("job_id", "keyword", name="uq_scraping_runs_job_keyword"),
        UniqueConstraint("job_id", "position", name="uq_scraping_runs_job_position"),
        one_of("status", SearchStatus),
        one_of("end_reason", RunEndReason),
        CheckConstraint(
            "version >= 0 AND pages >= 0 AND found >= 0 AND stored >= 0"
            " AND barren_pages >= 0 AND failures >= 0",
            name="counters",
        ),
        Index("idx_scraping_runs_tenant", "tenant_id"),
        Index(
            "idx_scraping_runs_open",
            "job_id",
            postgresql_where=sql("status IN ('pending', 'processing')"),
        ),
    )


class SearchCreator(Base):
    """A creator in a search, once."""

    __tablename__ = "search_creators"

    job_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("scraping_jobs.id", ondelete="CASCADE"))
    platform: Mapped[str] = mapped_column(String(50))
    stable_id: Mapped[str]
    tenant_id: Mapped[str]
    run_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("scraping_runs.id", ondelete="CASCADE"))
    result_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("scraping_results.id", ondelete="CASCADE"))
    creator_id: Mapped[int] = mapped_column(ForeignKey("creators.id", ondelete="CASCADE"))
    post_id: Mapped[int | None] = mapped_column(ForeignKey("posts.id", ondelete="SET NULL"))
    position: Mapped[int]
    matched_in: Mapped[TextList]
    created_at: Mapped[Instant]

    __table_args__ = (
        PrimaryKeyConstraint("job_id", "platform", "stable_id"),
        Index("uq_search_creators_job_position", "job_id", "position", unique=True),
        Index("idx_search_creators_creator", "creator_id"),
        Index("idx_search_creators_post", "post_id", postgresql_where=sql("post_id IS NOT NULL")),
        Index("idx_search_creators_run", "run_id"),
        Index("idx_search_creators_result", "result_id"),
        Index("idx_search_creators_in_search", "tenant_id", "job_id", "position"),
    )


class SearchJob(Base):
    """An imported or external search whose creators are kept one by one."""

    __tablename__ = "search_jobs"

    id: Mapped[str] = mapped_column(primary_key=True)
    campaign_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("campaigns.id"))
    platform: Mapped[str | None] = mapped_column(String(20))
    search_type: Mapped[SearchType | None] = mapped_column(WordOf(SearchType, 20))
    status: Mapped[ImportStatus | None] = mapped_column(
        WordOf(ImportStatus, 20), server_default=sql("'queued'")
    )
    total_count: Mapped[int]
    completed_count: Mapped[int | None] = mapped_column(server_default=sql("0"))
    created_at: Mapped[InsertedAt]
    updated_at: Mapped[InsertedAt]
    completed_at: Mapped[datetime | None]
    tenant_id: Mapped[str | None]

    __table_args__ = (
        one_of("search_type", SearchType),
        one_of("status", ImportStatus),
        never_negative("total_count"),
        never_negative("completed_count"),
        Index("idx_search_jobs_campaign_id", "campaign_id"),
        Index("idx_search_jobs_tenant", "tenant_id"),
    )


class SearchResult(Base):
    """One creator of an imported or external search."""

    __tablename__ = "search_results"

    id: Mapped[RandomKey]
    job_id: Mapped[str] = mapped_column(ForeignKey("search_jobs.id"))
    profile_id: Mapped[str]
    username: Mapped[str]
    display_name: Mapped[str | None]
    platform: Mapped[str] = mapped_column(String(20))
    profile_url: Mapped[str | None]
    post_url: Mapped[str | None]
    post_description: Mapped[str | None]
    avatar_url: Mapped[str | None]
    followers: Mapped[int | None] = mapped_column(server_default=sql("0"))
    is_verified: Mapped[TextBoolean | None] = mapped_column(
        WordOf(TextBoolean, 10), server_default=sql("'false'")
    )
    email: Mapped[str | None]
    bio: Mapped[str | None]
    raw_data: Mapped[dict[str, Any] | None]
    created_at: Mapped[InsertedAt]
    tenant_id: Mapped[str | None]

    __table_args__ = (
        one_of("is_verified", TextBoolean),
        never_negative("followers"),
        Index("idx_search_results_job_id", "job_id"),
        Index("idx_search_results_tenant", "tenant_id"),
    )


class Exclusion(Base):
    """A creator whom a user's searches leave out."""

    __tablename__ = "exclusions"

    id: Mapped[RandomKey]
    tenant_id: Mapped[str] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"))
    campaign_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"))
    platform: Mapped[str] = mapped_column(String(50))
    kind: Mapped[ExclusionKind] = mapped_column(WordOf(ExclusionKind, 10))
    value: Mapped[str]
    note: Mapped[str | None]
    created_at: Mapped[InstantOfInsert]

    __table_args__ = (
        UniqueConstraint(
            "tenant_id",
            "platform",
            "kind",
            "value",
            "campaign_id",
            name="uq_exclusions",
            postgresql_nulls_not_distinct=True,
        ),
        one_of("kind", ExclusionKind),
        Index("idx_exclusions_campaign", "campaign_id", postgresql_where=sql("campaign_id IS NOT NULL")),
        Index("idx_exclusions_tenant", "tenant_id", sql("created_at DESC")),
    )


class Suppression(Base):
    """A person whom nobody's search may store, as a keyed hash."""

    __tablename__ = "suppressions"

    digest: Mapped[str] = mapped_column(primary_key=True)
    key_id: Mapped[str] = mapped_column(String(16))
    platform: Mapped[str] = mapped_column(String(50))
    kind: Mapped[ExclusionKind] = mapped_column(WordOf(ExclusionKind, 10))
    reason: Mapped[str | None]
    created_at: Mapped[InstantOfInsert]

    __table_args__ = (
        one_of("kind", ExclusionKind),
        Index("idx_suppressions_key", "key_id"),
    )
