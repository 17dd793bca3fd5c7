"""0015 and 0016: nothing is dropped that was not kept; one satellite per user is left, with legal words."""

from collections.abc import Callable

import psycopg
import pytest
from psycopg import sql

from tastemaker.db.migrate import current, history, migrate
from tastemaker.db.migrations.session import MigrationFailed
from tests.migrations.profiles import insert_profiles, legacy_profile

MakeAt = Callable[[str], str]

SATELLITES = ("user_subscriptions", "user_billing", "user_usage", "user_system_data")

ONE_OF_EACH = """
INSERT INTO users (user_id) VALUES ('u');
INSERT INTO user_subscriptions (user_id) SELECT id FROM users;
INSERT INTO user_usage (user_id) SELECT id FROM users;
INSERT INTO campaigns (user_id, name, search_type) VALUES ('u', 'n', 'keyword');
INSERT INTO scraping_jobs (user_id) VALUES ('u');
INSERT INTO scraping_results (job_id, creators) SELECT id, '[]' FROM scraping_jobs;
INSERT INTO events (aggregate_id, aggregate_type, event_type, event_data, idempotency_key, source_system)
    VALUES ('u', 'user', 't', '{}', 'k', 'user_action');
INSERT INTO background_jobs (job_type, payload) VALUES ('t', '{}');
"""


def test_a_profile_added_after_the_copy_keeps_the_old_table(make_at: MakeAt) -> None:
    url = make_at("0014")
    with psycopg.connect(url) as connection:
        insert_profiles(connection, [legacy_profile(1)])
    with pytest.raises(MigrationFailed, match="1 profiles without a user"):
        migrate(url, app_password=None)
    assert current(url) == "0014"
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM user_profiles").fetchone() == (1,)
        assert connection.execute("SELECT to_regclass('user_profiles_backup')").fetchone() == (None,)


def test_a_row_that_newer_code_wrote_wins_over_the_profile(make_at: MakeAt) -> None:
    url = make_at("0013")
    profile = legacy_profile(1) | {"stripe_customer_id": "cus_old", "full_name": "From the profile"}
    with psycopg.connect(url) as connection:
        insert_profiles(connection, [profile, legacy_profile(2)])
        connection.execute(
            "INSERT INTO users (user_id, full_name) VALUES (%s, 'Written later')", [profile["user_id"]]
        )
    migrate(url, app_password=None, to="0016")
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT u.full_name, b.stripe_customer_id FROM users u JOIN user_billing b ON b.user_id = u.id"
            " WHERE u.user_id = %s",
            [profile["user_id"]],
        ).fetchall()
    assert found == [("Written later", "cus_old")]
    report = next(step.report for step in history(url) if step.number == "0014")
    assert report is not None
    assert report["already_normalized"] == 1


def test_two_satellites_become_one_that_knows_what_both_knew(make_at: MakeAt) -> None:
    url = make_at("0015")
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO users (user_id) VALUES ('twice')")
        connection.execute(
            """
            INSERT INTO user_billing (user_id, stripe_customer_id, card_brand, card_last_4, updated_at)
            SELECT id, v.customer, v.brand, v.digits, v.changed::timestamp
            FROM users, (VALUES ('cus_kept', NULL, '1111', '2024-01-01'),
                                (NULL, 'visa', '2222', '2024-06-01'),
                                (NULL, 'amex', NULL, '2023-01-01')) v (customer, brand, digits, changed)
            """
        )
    migrate(url, app_password=None, to="0016")
    with psycopg.connect(url) as connection:
        billing = connection.execute(
            "SELECT stripe_customer_id, card_brand, card_last_4, updated_at::date::text FROM user_billing"
        ).fetchall()
    assert billing == [("cus_kept", "visa", "2222", "2024-06-01")]
    report = next(step.report for step in history(url) if step.number == "0016")
    assert report is not None
    assert report["merged"] == {
        "user_billing": 2,
        "user_subscriptions": 0,
        "user_usage": 0,
        "user_system_data": 0,
    }


def test_words_of_older_searches_become_legal(make_at: MakeAt) -> None:
    url = make_at("0015")
    words = {
        ("dispatching", "Tiktok"): ("processing", "Tiktok"),
        ("searching", "tiktok"): ("processing", "TikTok"),
        ("enriching", "instagram_similar"): ("processing", "Instagram"),
        ("partial", "similar_discovery_instagram"): ("completed", "Instagram"),
        ("pending", "youtube_similar"): ("pending", "YouTube"),
        ("timeout", "similar_discovery_tiktok"): ("timeout", "TikTok"),
    }
    with psycopg.connect(url) as connection:
        for number, (status, platform) in enumerate(words):
            connection.execute(
                "INSERT INTO scraping_jobs (user_id, status, platform, error) VALUES ('x', %s, %s, %s)",
                [status, platform, str(number)],
            )
    migrate(url, app_password=None, to="0016")
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT status, platform FROM scraping_jobs ORDER BY error::int"
        ).fetchall()
    assert found == list(words.values())


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("users", "onboarding_step = 'done'"),
        ("user_subscriptions", "trial_status = 'canceled'"),
        ("user_subscriptions", "subscription_status = 'cancelled'"),
        ("user_subscriptions", "billing_sync_status = 'webhook_x'"),
        ("user_usage", "usage_creators_current_month = -1"),
        ("campaigns", "status = 'paused'"),
        ("campaigns", "search_type = 'hashtag'"),
        ("scraping_jobs", "status = 'paused'"),
        ("scraping_jobs", "platform = 'tiktok'"),
        ("scraping_jobs", "progress = 100.01"),
        ("scraping_jobs", "progress = -1"),
        ("scraping_jobs", "target_results = 0"),
        ("scraping_jobs", "processed_results = -1"),
        ("events", "processing_status = 'done'"),
        ("events", "source_system = 'cron'"),
        ("background_jobs", "status = 'retrying'"),
        ("system_configurations", "value_type = 'json'"),
        ("system_configurations", "is_hot_reloadable = 'yes'"),
        ("scraping_results", """creators = '{"results": []}'"""),
    ],
)
def test_illegal_words_and_numbers_are_refused(table: str, change: str, at_head: psycopg.Connection) -> None:
    at_head.execute(ONE_OF_EACH.encode())
    at_head.execute("SET tastemaker.events_door = 'redaction'")  # else the log refuses before a CHECK does
    with pytest.raises(psycopg.errors.CheckViolation):
        at_head.execute(sql.SQL("UPDATE {} SET {}").format(sql.Identifier(table), sql.SQL(change)))


def test_a_plan_in_use_cannot_go_and_an_unknown_one_cannot_come(at_head: psycopg.Connection) -> None:
    at_head.execute("INSERT INTO users (user_id) VALUES ('u')")
    at_head.execute("INSERT INTO user_subscriptions (user_id, current_plan) SELECT id, 'glow_up' FROM users")
    with pytest.raises(psycopg.IntegrityError, match="_current_plan_fkey"), at_head.transaction():
        at_head.execute("DELETE FROM subscription_plans WHERE plan_key = 'glow_up'")
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        at_head.execute("UPDATE user_subscriptions SET intended_plan = 'gold'")


def test_a_satellite_is_one_per_user_and_goes_with_its_user(at_head: psycopg.Connection) -> None:
    at_head.execute("INSERT INTO users (user_id) VALUES ('u')")
    for satellite in SATELLITES:
        insert = sql.SQL("INSERT INTO {} (user_id) SELECT id FROM users").format(sql.Identifier(satellite))
        at_head.execute(insert)
        with pytest.raises(psycopg.errors.UniqueViolation), at_head.transaction():
            at_head.execute(insert)
    at_head.execute("DELETE FROM users")
    for satellite in SATELLITES:
        left = at_head.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(satellite))).fetchall()
        assert left == []
