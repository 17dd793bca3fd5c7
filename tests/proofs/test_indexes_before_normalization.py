"""The wide table's indexes, at the step before it was taken apart, under the specification's own queries."""

from collections.abc import Callable

import psycopg
import pytest

from tastemaker.db.embedded import Server
from tastemaker.db.migrate import migrate
from tests.proofs.watching import Heard, explained, without_index

PROFILES = """
INSERT INTO user_profiles (user_id, full_name, created_at, onboarding_step, trial_status, trial_end_date)
SELECT 'user_' || n, CASE WHEN n % 9 = 0 THEN 'Hannah' ELSE 'Peter' END
           || CASE WHEN n % 5000 = 17 THEN ' Quixzote' ELSE ' Smith ' || n END,
       timestamp '2023-01-01' + n * interval '1 minute', 'completed',
       CASE WHEN n % 200 = 9 THEN 'active' ELSE 'expired' END, now() + (n % 14 - 7) * interval '1 day'
FROM generate_series(1, 20000) n
"""

BY_NAME = "SELECT * FROM user_profiles WHERE full_name ILIKE '%{}%' ORDER BY created_at DESC LIMIT 50"

QUESTIONS = {
    "idx_user_profiles_full_name_search": BY_NAME.format("quixzote"),
    "idx_user_profiles_admin_search": BY_NAME.format("hannah"),
    "idx_user_profiles_trial_info": (
        "SELECT * FROM user_profiles WHERE trial_status = 'active' AND trial_end_date < now()"
    ),
}


@pytest.fixture(scope="module")
def url(server: Server, make_database: Callable[[str | None], str]) -> str:
    url = server.url(database=make_database(None))
    migrate(url, app_password=None, to="0012")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(PROFILES)
        connection.execute("VACUUM (ANALYZE) user_profiles")
    return url


@pytest.mark.parametrize("index", QUESTIONS)
def test_the_index_serves_its_question(index: str, url: str) -> None:
    with_it = _asked_by_the_owner(url, QUESTIONS[index])
    assert index in with_it.indexes
    with without_index(url, index):
        without_it = _asked_by_the_owner(url, QUESTIONS[index])
    assert index not in without_it.indexes
    assert without_it.blocks > 2 * with_it.blocks


def _asked_by_the_owner(url: str, question: str) -> Heard:
    """There are no tenants' policies yet."""
    with psycopg.connect(url) as connection:
        connection.execute("SET ROLE tastemaker_owner")
        return explained(connection, question)
