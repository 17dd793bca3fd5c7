from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tastemaker.billing.queries import list_expiring_trials
from tastemaker.db.pool import Database

USERS = """
INSERT INTO users (user_id, email) SELECT 'user ' || n, n || '@example.com' FROM generate_series(1, 7) n
"""
TRIALS = """
INSERT INTO user_subscriptions (user_id, trial_status, trial_end_date)
SELECT id, CASE user_id WHEN 'user 6' THEN 'converted' ELSE 'active' END,
       CASE user_id WHEN 'user 7' THEN NULL
                    ELSE timestamp '2026-01-01' + (substr(user_id, 6)::int / 2) * interval '1 day' END
FROM users
"""


@pytest.fixture(autouse=True)
def trials(admin_url: str) -> None:
    """Trials 1 to 5 end on 1, 2, 2, 3 and 3 January; it is noon on the second."""
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute("UPDATE clock_offset SET shift = timestamptz '2026-01-02 12:00+00' - now()")
        admin.execute(USERS)
        admin.execute(TRIALS)


async def test_active_trials_that_end_in_time_come_earliest_first(database: Database) -> None:
    page = await list_expiring_trials(database, within=timedelta(days=1))
    assert [(trial.trial_end_date.day, trial.has_ended) for trial in page.rows] == [
        (1, True), (2, True), (2, True), (3, False), (3, False)
    ]  # fmt: skip
    assert page.rows[0].email == "1@example.com"
    assert page.rows[0].trial_end_date == datetime(2026, 1, 1, tzinfo=UTC)
    ended = await list_expiring_trials(database, within=timedelta(0))
    assert ended.rows[0].user_id == "user 1"
    assert len(ended.rows) == 3


async def test_trials_read_on_through_equal_times(database: Database) -> None:
    seen: list[str] = []
    after = None
    while True:
        page = await list_expiring_trials(database, after=after, limit=1)
        seen += [trial.user_id for trial in page.rows]
        if (after := page.next) is None:
            break
    assert sorted(seen) == ["user 1", "user 2", "user 3", "user 4", "user 5"]
