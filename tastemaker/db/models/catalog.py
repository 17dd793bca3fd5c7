"""The catalog: every creator ever seen, once, with handles, posts and size over time. No tenant's rows."""

from datetime import date

from sqlalchemy import CheckConstraint, ForeignKey, Index, PrimaryKeyConstraint, String, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from tastemaker.core.platforms import Platform
from tastemaker.db.models.base import (
    Base,
    BigCount,
    Instant,
    JsonObject,
    NumberedKey,
    TextList,
    WordOf,
    one_of,
)


class Creator(Base):
    __tablename__ = "creators"

    id: Mapped[NumberedKey]
    platform: Mapped[Platform] = mapped_column(WordOf(Platform, 50))
    stable_id: Mapped[str]
    handle: Mapped[str | None]
    name: Mapped[str | None]
    bio: Mapped[str | None]
    followers: Mapped[BigCount | None]
    following: Mapped[BigCount | None]
    posts_count: Mapped[BigCount | None]
    views_total: Mapped[BigCount | None]
    verified: Mapped[bool | None]
    private: Mapped[bool | None]
    avatar_url: Mapped[str | None]
    profile_url: Mapped[str | None]
    emails: Mapped[TextList]
    links: Mapped[TextList]
    country: Mapped[str | None]
    language: Mapped[str | None]
    extra_ids: Mapped[JsonObject]
    source: Mapped[str] = mapped_column(String(50))
    policy: Mapped[str] = mapped_column(String(50))
    fetched_at: Mapped[Instant]
    expires_at: Mapped[Instant | None]
    first_seen_at: Mapped[Instant]

    __table_args__ = (
        UniqueConstraint("platform", "stable_id", name="uq_creators_platform_stable_id"),
        one_of("platform", Platform),
        CheckConstraint(
            "followers >= 0 AND following >= 0 AND posts_count >= 0 AND views_total >= 0", name="counts"
        ),
        Index("idx_creators_platform_handle", "platform", sql("lower(handle)")),
        Index("idx_creators_expires_at", "expires_at", postgresql_where=sql("expires_at IS NOT NULL")),
    )


class CreatorHandle(Base):
    __tablename__ = "creator_handles"

    creator_id: Mapped[int] = mapped_column(ForeignKey("creators.id", ondelete="CASCADE"))
    handle: Mapped[str]
    first_seen_at: Mapped[Instant]
    last_seen_at: Mapped[Instant]

    __table_args__ = (
        PrimaryKeyConstraint("creator_id", "handle"),
        Index("idx_creator_handles_handle", sql("lower(handle)")),
    )


class Post(Base):
    __tablename__ = "posts"

    id: Mapped[NumberedKey]
    platform: Mapped[Platform] = mapped_column(WordOf(Platform, 50))
    post_id: Mapped[str]
    creator_id: Mapped[int] = mapped_column(ForeignKey("creators.id", ondelete="CASCADE"))
    text: Mapped[str | None]
    description: Mapped[str | None]
    url: Mapped[str | None]
    published_at: Mapped[Instant | None]
    views: Mapped[BigCount | None]
    likes: Mapped[BigCount | None]
    comments: Mapped[BigCount | None]
    shares: Mapped[BigCount | None]
    saves: Mapped[BigCount | None]
    duration_seconds: Mapped[int | None]
    hashtags: Mapped[TextList]
    tags: Mapped[TextList]
    language: Mapped[str | None]
    sponsored: Mapped[bool | None]
    thumbnail_url: Mapped[str | None]
    short_code: Mapped[str | None]
    source: Mapped[str] = mapped_column(String(50))
    fetched_at: Mapped[Instant]
    expires_at: Mapped[Instant | None]

    __table_args__ = (
        UniqueConstraint("platform", "post_id", name="uq_posts_platform_post_id"),
        CheckConstraint(
            "views >= 0 AND likes >= 0 AND comments >= 0 AND shares >= 0 AND saves >= 0"
            " AND duration_seconds >= 0",
            name="counts",
        ),
        Index("idx_posts_creator_published", "creator_id", sql("published_at DESC")),
        Index("idx_posts_expires_at", "expires_at", postgresql_where=sql("expires_at IS NOT NULL")),
    )


class FollowerSnapshot(Base):
    """The account's size on one day (UTC)."""

    __tablename__ = "follower_snapshots"

    creator_id: Mapped[int] = mapped_column(ForeignKey("creators.id", ondelete="CASCADE"))
    observed_on: Mapped[date]
    followers: Mapped[BigCount]
    posts_count: Mapped[BigCount | None]
    views_total: Mapped[BigCount | None]
    source: Mapped[str] = mapped_column(String(50))
    expires_at: Mapped[Instant | None]

    __table_args__ = (
        PrimaryKeyConstraint("creator_id", "observed_on"),
        Index(
            "idx_follower_snapshots_expires_at", "expires_at", postgresql_where=sql("expires_at IS NOT NULL")
        ),
        CheckConstraint("followers >= 0 AND posts_count >= 0 AND views_total >= 0", name="counts"),
    )
