"""What models make of the database's types: times are aware and UTC, words are enums."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from tastemaker.db.enums import StoredPlatform
from tastemaker.db.models import (
    Base,
    Campaign,
    CampaignStatus,
    Event,
    ScrapingJob,
    SearchStatus,
    SearchType,
    User,
)


@pytest.fixture
def session(admin_url: str) -> Iterator[Session]:
    engine = sa.create_engine(
        admin_url.replace("postgresql://", "postgresql+psycopg://"), poolclass=sa.NullPool
    )
    with Session(engine) as session:
        yield session


def test_times_come_back_aware_and_in_utc_whatever_the_session_says(session: Session) -> None:
    session.execute(sa.text("SET timezone = 'Asia/Kathmandu'"))
    kathmandu = timezone(timedelta(hours=5, minutes=45))
    session.add(User(user_id="u", created_at=datetime(2024, 2, 29, 5, 0, tzinfo=kathmandu)))
    session.flush()
    session.expire_all()
    user = session.scalars(sa.select(User)).one()
    assert user.created_at == datetime(2024, 2, 28, 23, 15, tzinfo=UTC)
    assert user.created_at.tzinfo is UTC


def test_a_time_without_a_zone_is_refused(session: Session) -> None:
    session.add(User(user_id="u", created_at=datetime(2024, 2, 29)))  # noqa: DTZ001 - what is refused
    with pytest.raises(sa.exc.StatementError, match="give an aware one"):
        session.flush()


def test_words_come_back_as_enums_and_defaults_are_the_databases(session: Session) -> None:
    session.add(User(user_id="u"))
    session.flush()
    session.add(Campaign(user_id="u", name="n", search_type=SearchType.KEYWORD))
    session.add(ScrapingJob(user_id="u", keywords=["chess"]))
    session.flush()
    session.expire_all()
    campaign = session.scalars(sa.select(Campaign)).one()
    search = session.scalars(sa.select(ScrapingJob)).one()
    assert campaign.status is CampaignStatus.DRAFT
    assert (search.status, search.platform) == (SearchStatus.PENDING, StoredPlatform.TIKTOK_OF_OLD)
    assert (search.target_results, search.progress, search.keywords) == (1000, 0, ["chess"])


def test_a_word_that_is_not_one_never_reaches_the_database(session: Session) -> None:
    session.add(Campaign(user_id="u", name="n", search_type="hashtag"))
    with pytest.raises(sa.exc.StatementError, match="'hashtag' is not a valid SearchType"):
        session.flush()


def test_the_events_metadata_keeps_its_column_name() -> None:
    assert Event.event_metadata.property.columns[0].name == "metadata"


def test_every_table_that_a_model_declares_can_be_read(session: Session) -> None:
    for mapper in Base.registry.mappers:
        session.execute(sa.select(mapper.class_).limit(1)).all()
