"""A database of the original, in each state and full of hostile rows, arrives whole."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tastemaker.adopt.plan_queries import Options
from tastemaker.adopt.service import adopt, look
from tastemaker.db.embedded import Server
from tests.adopt.conftest import AdoptedDatabase
from tests.adopt.hostile_rows import LONG, ODD, uid
from tests.adopt.original_product import STATES
from tests.migrations.catalog import schema_of

Rows = Callable[..., list[dict[str, Any]]]

SPECIFIED = [
    """
    SELECT j.*, c.name, r.creators FROM scraping_jobs j LEFT JOIN campaigns c ON c.id = j.campaign_id
    LEFT JOIN scraping_results r ON r.job_id = j.id WHERE j.user_id = 'user_1' ORDER BY j.created_at DESC
    """,
    """
    SELECT c.*, r.creators FROM campaigns c JOIN scraping_jobs j ON j.campaign_id = c.id
    JOIN scraping_results r ON r.job_id = j.id WHERE c.id = '00000000-0000-0000-0000-0000000000c9'
    """,
    """
    SELECT u.id, u.user_id, s.current_plan, b.stripe_customer_id, g.plan_campaigns_limit, d.signup_timestamp
    FROM users u LEFT JOIN user_subscriptions s ON u.id = s.user_id
    LEFT JOIN user_billing b ON u.id = b.user_id LEFT JOIN user_usage g ON u.id = g.user_id
    LEFT JOIN user_system_data d ON u.id = d.user_id
    WHERE u.user_id = 'user_1'
    """,
    "SELECT * FROM user_profiles WHERE user_id ILIKE '%ser_1%' ORDER BY created_at DESC LIMIT 50",
    """
    SELECT * FROM user_profiles
    WHERE trial_status <> 'active' AND coalesce(trial_end_date, now()) <= now() + interval '1 day'
    """,
    "SELECT * FROM events WHERE aggregate_type = 'user' AND aggregate_id = 'user_1' ORDER BY timestamp DESC",
    "SELECT * FROM system_configurations WHERE category = 'api_limits' AND is_hot_reloadable = 'true'",
    "SELECT * FROM background_jobs WHERE status = 'failed' ORDER BY priority, scheduled_for",
]


def test_the_catalog_is_that_of_a_fresh_installation(
    adopted: AdoptedDatabase, server: Server, template: str, make_database: Callable[[str | None], str]
) -> None:
    with (
        psycopg.connect(adopted.url, autocommit=True) as ours,
        psycopg.connect(server.url(database=make_database(template)), autocommit=True) as fresh,
    ):
        assert schema_of(ours) == schema_of(fresh)


def test_nothing_of_the_original_is_gone(adopted: AdoptedDatabase, rows: Rows) -> None:
    schema = adopted.result.schema
    for table, count in adopted.plan.rows.items():
        assert rows(f"SELECT count(*) AS n FROM {schema}.{table}") == [{"n": count}], table  # noqa: S608 - a test
    if STATES[adopted.state].extras:
        assert rows(f"SELECT count(*) AS n FROM {schema}.__drizzle_migrations") == [{"n": 2}]  # noqa: S608 - a test
        assert rows(f"SELECT last_value FROM {schema}.stray_numbers")  # noqa: S608 - a test
        routine = f"{schema}_code.touch_updated_at()"
        assert rows("SELECT to_regprocedure(%s) IS NOT NULL AS there", routine) == [{"there": True}]


def test_only_the_tables_that_tell_what_it_did_stay(adopted: AdoptedDatabase, rows: Rows) -> None:
    left = rows(
        "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind IN ('r', 'v')"
        " AND (relname LIKE 'adoption%%' OR relname LIKE 'source%%') ORDER BY 1",
        adopted.result.schema,
    )
    assert [row["relname"] for row in left] == [
        "adoption",
        "adoption_moved",
        "adoption_rejected",
        "adoption_steps",
        "adoption_words",
    ]


def test_users_keep_their_ids_and_arrive_once(adopted: AdoptedDatabase, rows: Rows) -> None:
    state = STATES[adopted.state]
    expected = {"ghost"} | ({"user_1", "user_2", "user_3"} if state.five else {"user_1"})
    expected |= {"user_4", "user_5", "user_6"} if state.profiles else set()
    found = {row["user_id"]: row for row in rows("SELECT * FROM users")}
    assert set(found) | {"ghost"} == expected | set(found) & {"user_1"}
    assert found["user_1"]["id"] == uid(1)
    if state.five:
        assert (found["user_1"]["full_name"], found["user_1"]["brand_description"]) == (ODD, LONG)
        assert found["user_1"]["onboarding_step"] == "pending"
    if state.profiles:
        assert (found["user_4"]["full_name"], found["user_4"]["business_name"]) == (ODD, "Ünïted")
    for table in ("user_subscriptions", "user_usage", "user_system_data"):
        assert rows(f"SELECT count(*) AS n FROM {table}") == [{"n": len(found)}]  # noqa: S608 - a test


def test_words_and_duplicates_of_satellites_are_mapped(adopted: AdoptedDatabase, rows: Rows) -> None:
    state = STATES[adopted.state]
    found = {
        row["user_id"]: row
        for row in rows("SELECT s.*, u.user_id FROM user_subscriptions s JOIN users u ON u.id = s.user_id")
    }
    if state.five:
        one = found["user_1"]
        assert (one["trial_status"], one["billing_sync_status"], one["current_plan"]) == (
            "cancelled",
            "synced",
            "glow_up",
        )
        assert str(one["trial_start_date"]) == "2025-01-01 00:00:00"
        assert found["user_2"]["subscription_status"] == "none"
        customers = rows("SELECT tenant_id FROM user_billing WHERE stripe_customer_id = 'cus_1'")
        assert customers == [{"tenant_id": "user_2"}]
    if state.five and not state.unique:
        assert one["intended_plan"] == "mystery_plan"
        assert str(one["trial_end_date"]) == "2025-01-08 00:00:00"
        merged = adopted.result.report["steps"]["user_subscriptions"]["merged_into_one_of_the_same_user"]
        assert merged == 1
        assert adopted.plan.duplicates == {"user_subscriptions": 1}
        assert rows("SELECT is_active FROM subscription_plans WHERE plan_key = 'mystery_plan'") == [
            {"is_active": False}
        ]
    if state.profiles:
        four = found["user_4"]
        assert (four["current_plan"], four["trial_status"], four["billing_sync_status"]) == (
            "viral_surge",
            "active",
            "pending",
        )
        assert rows("SELECT tenant_id FROM user_billing WHERE stripe_customer_id = 'cus_4'")


def test_searches_end_and_keep_their_numbers_true(rows: Rows) -> None:
    found = {row["id"].int: row for row in rows("SELECT * FROM scraping_jobs")}
    shown = {number: (row["platform"], row["status"], row["outcome"]) for number, row in found.items()}
    assert shown == {
        301: ("TikTok", "completed", "full"),
        302: ("Instagram", "completed", "full"),
        303: ("YouTube", "timeout", "timeout"),
        304: ("TikTok", "completed", "partial"),
        306: ("TikTok", "error", "provider_failed"),
        307: ("YouTube", "timeout", "timeout"),
        308: ("Instagram", "completed", "full"),
        309: ("TikTok", "completed", "nothing_found"),
    }
    assert {n: row["processed_results"] for n, row in found.items()} == {
        301: 2,
        302: 27,
        303: 2,
        304: 1,
        306: 0,
        307: 0,
        308: 3000,
        309: 0,
    }
    assert {number: float(row["progress"]) for number, row in found.items()} == {
        **dict.fromkeys(found, 0.0), 306: 100.0, 309: 41.5,
    }  # fmt: skip
    assert found[303]["keywords"] == ["one word"]
    assert found[301]["keywords"] == ["yoga", "flow"]
    assert (found[303]["campaign_id"], found[306]["target_results"], found[306]["cursor"]) == (None, 1000, 0)
    assert found[303]["error"] == "The search was under way when the database was adopted."
    runs = {row["job_id"].int: row for row in rows("SELECT * FROM scraping_runs")}
    assert (runs[301]["keyword"], runs[304]["keyword"], len(runs[307]["keyword"])) == (
        "yoga, flow",
        "somebody",
        500,
    )
    assert runs[302]["pages"] == 7


def test_campaigns_follow_their_searches(rows: Rows) -> None:
    found = {row["id"].int: row for row in rows("SELECT * FROM campaigns WHERE name <> 'Adopted searches'")}
    assert {number: row["status"] for number, row in found.items()} == {
        201: "completed",
        202: "draft",
        203: "completed",
    }
    assert {number: row["search_type"] for number, row in found.items()} == {
        201: "keyword",
        202: "keyword",
        203: "similar",
    }
    assert found[201]["name"] == LONG


def test_each_account_is_in_the_catalog_once(adopted: AdoptedDatabase, rows: Rows) -> None:
    found = {(row["platform"], row["stable_id"]): row for row in rows("SELECT * FROM creators")}
    instagrams = {key for key in found if key[0] == "Instagram"}
    assert instagrams == {("Instagram", str(5000 + number)) for number in range(1, 3001)}
    assert set(found) - instagrams == {
        ("TikTok", "71234567890"), ("TikTok", "81234567890"), ("TikTok", "handle:unknown"),
        ("TikTok", "handle:lost"),
        ("TikTok", "handle:without_a_search"), ("YouTube", "UCone"), ("YouTube", "UCtwo"),
    }  # fmt: skip
    known = found["TikTok", "71234567890"]
    assert (known["followers"], known["name"], known["bio"], known["verified"]) == (
        1_200_000,
        "K",
        "mail me",
        True,
    )
    assert known["emails"] == ["someone@example.com"]
    assert found["YouTube", "UCone"]["followers"] == 42_500
    assert found["YouTube", "UCone"]["links"] == ["https://example.com/me"]
    assert found["Instagram", "5001"]["emails"] == ["ig1@example.com"]
    assert adopted.plan.creators["accounts"] == len(found)


def test_results_hold_each_creator_once_as_last_described(rows: Rows) -> None:
    pages = {row["id"].int: row for row in rows("SELECT * FROM scraping_results")}
    assert set(pages) == {501, 502, *range(511, 518), 520, 521, 522, 524, 525, 526, 527, 528}
    assert [len(pages[number]["creators"]) for number in range(511, 518)] == [3, 4, 4, 4, 4, 4, 4]
    assert all("bio_enriched" in one for number in range(511, 518) for one in pages[number]["creators"])
    assert pages[501]["creators"][0]["username"] == "known"
    assert pages[520]["creators"][0]["creator"]["name"] == "again "
    assert (pages[521]["creators"], pages[525]["creators"], pages[526]["creators"]) == ([], [], [])
    assert len(pages[527]["creators"]) == 3000
    assert (pages[524]["user_id"], pages[501]["user_id"]) == (None, "user_1")
    unequal = rows(
        "SELECT j.id FROM scraping_jobs j LEFT JOIN scraping_results r ON r.job_id = j.id"
        " GROUP BY j.id HAVING coalesce(sum(jsonb_array_length(r.creators)), 0) <> j.processed_results"
    )
    assert unequal == []


def test_claims_are_in_order_and_lead_to_their_post(rows: Rows) -> None:
    claims = rows("SELECT * FROM search_creators WHERE job_id = %s ORDER BY position", uid(301))
    assert [(claim["position"], claim["stable_id"]) for claim in claims] == [
        (1, "71234567890"),
        (2, "handle:unknown"),
    ]
    post = rows("SELECT * FROM posts WHERE id = %s", claims[1]["post_id"])[0]
    assert (post["views"], post["likes"], post["comments"], post["shares"]) == (12_500, 1234, None, None)
    assert post["hashtags"] == ["trending", "viral"]
    assert str(post["published_at"]) == "2025-01-01 00:00:00+00:00"


def test_events_keep_their_order_and_their_keys(adopted: AdoptedDatabase, rows: Rows) -> None:
    found = rows("SELECT * FROM events ORDER BY seq")
    assert [row["id"].int for row in found] == [603, 602, 601, 600]
    by_id = {row["id"].int: row for row in found}
    assert (by_id[601]["aggregate_type"], by_id[601]["processing_status"]) == ("user", "failed")
    assert by_id[601]["metadata"]["adopted"] == {"aggregate_type": "weather", "source_system": "clerk"}
    assert (by_id[602]["aggregate_type"], len(by_id[602]["aggregate_id"])) == ("payment", 600)
    assert by_id[603]["tenant_id"] == by_id[600]["tenant_id"] == "user_1"
    assert str(by_id[600]["timestamp"]) == "2025-01-09 12:00:00"
    keys = {row["idempotency_key"] for row in rows("SELECT * FROM event_keys")}
    assert keys >= {f"stripe_webhook_evt_{number}_updated" for number in range(4)}
    assert adopted.result.report["steps"]["events"]["rejected"] == {"an id or a key that another row had": 1}


def test_unfinished_work_is_a_dead_letter(rows: Rows) -> None:
    found = {row["id"].int: row["status"] for row in rows("SELECT id, status FROM background_jobs")}
    assert found == {
        700: "failed",
        701: "failed",
        702: "completed",
        703: "failed",
        704: "cancelled",
        705: "failed",
    }
    assert rows("SELECT count(*) AS n FROM background_jobs WHERE tenant_id = 'user_1'") == [{"n": 6}]


def test_settings_and_plans_of_the_original_win(adopted: AdoptedDatabase, rows: Rows) -> None:
    found = {f"{row['category']}.{row['key']}": row for row in rows("SELECT * FROM system_configurations")}
    assert found["api_limits.max_api_calls_tiktok"]["value"] == "1"
    assert found["job_processing.job_timeout"]["value"] == "200000"
    assert found["timeouts.standard_job_timeout"]["value"] == "soon", (
        "kept as it was; its reader's default applies"
    )
    assert (found["theirs.unread"]["value"], found["theirs.unread"]["value_type"]) == (ODD, "string")
    step = adopted.result.report["steps"]["system_configurations"]
    assert sorted(step["accepted_but_read_by_nothing"]) == ["logging.min_level", "theirs.unread"]
    assert set(step["throttling"]) == {
        "api_limits.max_api_calls_tiktok",
        "timeouts.instagram_job_timeout",
        "job_processing.job_timeout",
    }
    plan = rows("SELECT * FROM subscription_plans WHERE plan_key = 'glow_up'")[0]
    assert (plan["monthly_price"], plan["campaigns_limit"], plan["stripe_monthly_price_id"]) == (
        7900,
        4,
        "price_1",
    )


def test_usage_equals_what_was_found(adopted: AdoptedDatabase, rows: Rows) -> None:
    unequal = rows(
        """
        SELECT tenant_id FROM user_usage g
        WHERE usage_creators_current_month <> (
                SELECT count(*) FROM usage_charges c
                WHERE c.tenant_id = g.tenant_id AND c.period_start = g.usage_reset_date)
           OR usage_campaigns_current <> (
                SELECT count(*) FROM campaigns c WHERE c.user_id = g.tenant_id AND status <> 'archived')
        """
    )
    assert unequal == []
    if STATES[adopted.state].five:
        found = rows("SELECT * FROM user_usage WHERE tenant_id = 'user_1'")[0]
        assert (found["usage_creators_current_month"], found["usage_campaigns_current"]) == (32, 2)


def test_every_row_is_written_or_has_its_reason(adopted: AdoptedDatabase) -> None:
    for name in (
        "campaigns",
        "scraping_jobs",
        "scraping_results",
        "search_jobs",
        "search_results",
        "events",
        "background_jobs",
    ):
        step = adopted.result.report["steps"][name]
        assert step["read"] == adopted.plan.rows[name], name
        assert step["read"] == step["written"] + sum(step["rejected"].values()), name
    pages = adopted.result.report["steps"]["scraping_results"]
    readable = pages["elements"] - sum(
        count for reason, count in pages["rejected_elements"].items() if "a page" not in reason
    )
    assert sum(pages["shapes"].values()) == readable
    assert set(pages["shapes"]) == {"a", "b", "c", "d", "e"}
    assert pages["shapes"] == adopted.plan.creators["shapes"]
    changed = {(word["field"], word["word"]): word["mapped"] for word in adopted.result.report["words"]}
    assert changed["scraping_jobs.platform", "Friendster"] is None
    assert changed["scraping_jobs.status", "dispatching"] == "timeout"
    planned = [{**word} for word in adopted.plan.words]
    assert sorted(planned, key=str) == sorted(adopted.result.report["words"], key=str)
    assert "ghost" in adopted.result.report["orphans"]


@pytest.mark.parametrize("query", SPECIFIED)
def test_the_specified_queries_answer(rows: Rows, query: str) -> None:
    assert rows(query)
    assert rows(f"EXPLAIN {query}")


def test_again_it_says_so_and_changes_nothing(adopted: AdoptedDatabase) -> None:
    again = adopt(adopted.url, app_password=None, options=Options())
    assert (again.already, again.schema) == (True, adopted.result.schema)
    assert again.report == adopted.result.report
    finished = look(adopted.url, Options()).finished
    assert finished is not None
    assert finished.schema == adopted.result.schema
