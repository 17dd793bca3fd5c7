"""What a fresh database holds: plans, settings; and what the functions behind the indexes see in a page."""

import psycopg
import pytest


def test_the_plans_have_their_prices_and_limits(at_head: psycopg.Connection) -> None:
    plans = at_head.execute(
        "SELECT plan_key, monthly_price, yearly_price, campaigns_limit, creators_limit,"
        " (features ->> 'enrichmentsPerMonth')::int FROM subscription_plans ORDER BY sort_order"
    ).fetchall()
    assert plans == [
        ("free", 0, None, 0, 0, 5),
        ("self_hosted", 0, None, -1, -1, -1),
        ("glow_up", 9900, 94800, 3, 1000, 50),
        ("viral_surge", 24900, 238800, 10, 10000, 200),
        ("fame_flex", 49900, 478800, -1, -1, -1),
        ("growth", 19900, 190800, -1, 6000, 500),
        ("scale", 59900, 574800, -1, 30000, 1000),
        ("pro", 199900, 1918800, -1, 75000, 10000),
    ]


def test_settings_are_readable_and_sane(at_head: psycopg.Connection) -> None:
    settings = {
        (category, key): (value, kind)
        for category, key, value, kind in at_head.execute(
            "SELECT category, key, value, value_type FROM system_configurations"
        )
    }
    assert settings["api_limits", "max_api_calls_tiktok"] == ("1000", "number")
    assert settings["job_processing", "job_timeout"] == ("15m", "duration")
    assert settings["database", "user_tables_normalized"] == ("true", "boolean")
    unreadable = at_head.execute(
        r"""
        SELECT category, key FROM system_configurations WHERE NOT CASE value_type
            WHEN 'number' THEN value ~ '^-?\d+(\.\d+)?$'
            WHEN 'duration' THEN value ~ '^\d+(ms|s|m|h|d)$'
            WHEN 'boolean' THEN value IN ('true', 'false')
            ELSE true END
        """
    ).fetchall()
    assert unreadable == []


PAGES = [
    ('[{"creator": {"uniqueId": "Chess.Fan"}, "platform": "TikTok"}]', {"chess.fan"}, {"tiktok"}),
    (
        '[{"creator": {"handle": "@ChessPlace", "channelId": "UCabc_DEF"}, "platform": "YouTube"}]',
        {"chessplace", "ucabc_def"},
        {"youtube"},
    ),
    (
        (
            '[{"username": "flat", "platform": "Tiktok"},'
            ' {"creator": {"uniqueId": "x"}, "platform": "Instagram"}]'
        ),
        {"flat", "x"},
        {"tiktok", "instagram"},
    ),
    (
        '{"results": [{"creators": [{"creator": {"uniqueId": "deep"}, "platform": "TikTok"}]}]}',
        {"deep"},
        {"tiktok"},
    ),
    ('[{"creator": {"uniqueId": 7, "handle": null, "channelId": ""}, "platform": {"a": 1}}]', set(), set()),
    ("[]", set(), set()),
    ('"text"', set(), set()),
    ('[null, 1, [], {"creator": "x"}]', set(), set()),
]


@pytest.mark.parametrize(("page", "usernames", "platforms"), PAGES)
def test_every_shape_of_a_page_names_its_accounts(
    page: str, usernames: set[str], platforms: set[str], at_head: psycopg.Connection
) -> None:
    found = at_head.execute(
        "SELECT creator_usernames(%(page)s::jsonb), creator_platforms(%(page)s::jsonb)", {"page": page}
    ).fetchone()
    assert found is not None
    assert (set(found[0]), set(found[1])) == (usernames, platforms)
    assert len(found[0]) == len(usernames)


def test_updated_at_follows_a_change_unless_the_statement_says_otherwise(at_head: psycopg.Connection) -> None:
    at_head.execute("SET timezone = 'Pacific/Auckland'")
    at_head.execute("INSERT INTO users (user_id, updated_at) VALUES ('u', '2020-01-01')")
    at_head.execute("UPDATE users SET full_name = 'New'")
    age = at_head.execute("SELECT timezone('UTC', now()) - updated_at < interval '1 minute' FROM users")
    assert age.fetchone() == (True,)
    at_head.execute("UPDATE users SET full_name = 'Imported', updated_at = '2021-02-03'")
    assert at_head.execute("SELECT updated_at::date::text FROM users").fetchone() == ("2021-02-03",)


def test_jsonb_is_compressed_with_lz4_where_the_server_can(at_head: psycopg.Connection) -> None:
    offered = at_head.execute(
        "SELECT enumvals FROM pg_settings WHERE name = 'default_toast_compression'"
    ).fetchone()
    found = at_head.execute(
        "SELECT attcompression::text FROM pg_attribute"
        " WHERE attrelid = 'scraping_results'::regclass AND attname = 'creators'"
    ).fetchone()
    assert offered is not None
    assert found == (("l" if "lz4" in offered[0] else ""),)
