"""What real and imagined databases of the original hold: enough to break a careless copy."""

import json
import random
import string
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.types.json import Jsonb

from tests.adopt.original_product import State, insert

LONG = "".join(random.Random(1).choices(string.ascii_letters + string.digits, k=10_000))  # noqa: S311 - always the same
ODD = "Zoë 王 \u202eevil\u202c \u200d👩‍🎤 \t\n\\u0041 'quoted\" -- ; DROP TABLE users; %s {} $1"

PageRow = tuple[int, int | None, object, str]
"""Number, search, creators, time."""

NULLABLE = (
    "email", "created_at", "updated_at", "signup_timestamp", "onboarding_step", "full_name",
    "email_schedule_status", "trial_status", "subscription_status", "current_plan", "is_admin",
    "plan_features",
    "usage_campaigns_current", "usage_creators_current_month", "usage_reset_date", "billing_sync_status",
)  # fmt: skip


def uid(number: int) -> UUID:
    return UUID(int=number)


def fill(connection: Connection[Any], state: State) -> None:
    if state.five:
        _five_tables(connection, state)
    if state.profiles:
        _profiles(connection)
    _searches(connection)
    _pages(connection)
    _machinery(connection)


def _five_tables(connection: Connection[Any], state: State) -> None:
    for number in (1, 2, 3):
        insert(
            connection, "users", id=uid(number), user_id=f"user_{number}", email=f"u{number}@example.com",
            full_name=ODD, brand_description=LONG, onboarding_step="step_of_another_time",
        )  # fmt: skip
    insert(
        connection, "user_subscriptions", id=uid(101), user_id=uid(1), trial_status="canceled",
        billing_sync_status="webhook_subscription_created", current_plan="Glow Up",
        trial_start_date="2025-01-01",
        updated_at="2025-05-01",
    )  # fmt: skip
    if not state.unique:
        insert(
            connection, "user_subscriptions", id=uid(102), user_id=uid(1), intended_plan="mystery plan",
            trial_end_date="2025-01-08", trial_start_date="2024-12-31", updated_at="2025-04-01",
        )  # fmt: skip
    insert(connection, "user_subscriptions", id=uid(103), user_id=uid(2), subscription_status="incomplete")
    insert(connection, "user_billing", id=uid(111), user_id=uid(1), stripe_customer_id="cus_1")
    insert(
        connection, "user_billing", id=uid(112), user_id=uid(2), stripe_customer_id="cus_1",
        stripe_subscription_id="sub_2",
    )  # fmt: skip
    insert(
        connection, "user_usage", id=uid(121), user_id=uid(1), usage_campaigns_current=-3,
        usage_creators_current_month=9999, usage_reset_date="2025-06-01",
    )  # fmt: skip


def _profiles(connection: Connection[Any]) -> None:
    insert(connection, "user_profiles", id=uid(1), user_id="user_1", full_name="older than the user's row")
    insert(
        connection, "user_profiles", id=uid(4), user_id="user_4", name=ODD, company_name="Ünïted",
        full_name="",
        current_plan="VIRAL-surge", trial_status="trialing", billing_sync_status="sub_pending_webhook",
        stripe_customer_id="cus_4", usage_creators_current_month=-7, updated_at="2025-03-01",
    )  # fmt: skip
    nothing = dict.fromkeys(NULLABLE)
    insert(connection, "user_profiles", id=uid(5), user_id="user_5", **nothing)
    insert(
        connection, "user_profiles", id=uid(6), user_id="user_6", stripe_customer_id="cus_4",
        current_plan="a plan that nobody has ever heard of at all",
    )  # fmt: skip


def _searches(connection: Connection[Any]) -> None:
    insert(connection, "campaigns", id=uid(201), user_id="user_1", name=LONG, search_type="keyword")
    insert(connection, "campaigns", id=uid(202), user_id="user_1", name="", search_type="???", status="odd")
    insert(connection, "campaigns", id=uid(203), user_id="ghost", name="of nobody", search_type="similar")
    job = {"user_id": "user_1", "campaign_id": uid(201), "keywords": ["yoga", " flow "], "target_results": 50}
    for number, platform, status, more in (
        (301, "Tiktok", "completed", {}),
        (302, "Instagram", "completed", {"keywords": ["snap"]}),
        (303, "YouTube", "processing", {"campaign_id": uid(999), "keywords": Jsonb("one word")}),
        (304, "similar_discovery_tiktok", "partial", {"keywords": None, "target_username": "somebody"}),
        (305, "Friendster", "completed", {}),
        (306, "TikTok", "error", {"error": "boom", "progress": "NaN", "cursor": -4, "target_results": -1}),
        (307, "youtube_similar", "dispatching", {"keywords": {"odd": [1]}, "target_username": LONG}),
        (308, "Instagram", "completed", {"user_id": "ghost", "campaign_id": uid(203)}),
        (309, "TikTok", "completed", {"user_id": "ghost", "progress": "41.5", "search_params": Jsonb([1])}),
    ):
        insert(
            connection, "scraping_jobs", id=uid(number), platform=platform, status=status, **{**job, **more}
        )
    insert(connection, "search_jobs", id="sj_1", total_count=-5, status="queued", search_type="other")
    insert(
        connection,
        "search_results",
        id=uid(401),
        job_id="sj_1",
        profile_id="p",
        username=ODD,
        platform="TikTok",
        followers=-1,
        is_verified="maybe",
    )
    insert(
        connection,
        "search_results",
        id=uid(402),
        job_id="no such",
        profile_id="p",
        username="u",
        platform="TikTok",
    )


def tiktok(handle: object, **creator: object) -> dict[str, Any]:
    """Shape (a): the handle is all there is to know an account by."""
    return {
        "creator": {"name": ODD, "uniqueId": handle, "followers": 125000, "avatarUrl": "https://example.com/a.jpg",
                    "bio": "mail me", "emails": ["Someone@Example.com", "no address"], "verified": True,
                    **creator},
        "video": {"description": ODD, "url": f"https://www.tiktok.com/@{handle}/video/73000000000000{len(str(handle)):05}",
                  "statistics": {"likes": 1234, "comments": None, "views": "12.5K", "shares": -2147483648}},
        "hashtags": ["trending", "#viral", 7], "platform": "TikTok", "enhancementStatus": "completed",
        "createTime": 1735689600,
    }  # fmt: skip


def instagram(number: int, **more: object) -> dict[str, Any]:
    return {
        "creator": {"name": f"IG {number}", "uniqueId": f"ig_{number}", "followers": 10 * number},
        "video": {"description": "reel", "url": f"https://www.instagram.com/reel/c{number}"},
        "hashtags": ["#sun"], "platform": "Instagram", "publishedTime": "2025-01-01T00:00:00Z",
        "postId": f"{number}_1", "shortCode": f"c{number}", "ownerUsername": f"ig_{number}",
        "ownerFullName": f"IG {number}", "ownerId": 5000 + number, **more,
    }  # fmt: skip


def youtube(channel: str, **more: object) -> dict[str, Any]:
    return {
        "creator": {"name": "Tube", "handle": f"@{channel.lower()}", "channelId": channel,
                    "followers": "42.5K subscribers",
                    "socialLinks": [{"url": "https://example.com/me"}, "javascript:alert(1)"]},
        "video": {"description": "v", "url": "https://www.youtube.com/watch?v=abcdefghijk"}, "hashtags": [],
        "platform": "YouTube", "publishedTime": "not a time", "lengthSeconds": "61", "keywords": ["yoga"],
        **more,
    }  # fmt: skip


def _pages(connection: Connection[Any]) -> None:
    for number, job, creators, at in (
        *_tiktok_pages(),
        *_instagram_pages(),
        *_wrapped_pages(),
        *_odd_pages(),
    ):
        _page(connection, number, job, creators, at)


def _tiktok_pages() -> Iterator[PageRow]:
    unusable: list[Any] = [tiktok(LONG), tiktok(None), None, 7, "text", [], {}]
    yield 501, 301, [tiktok("Known"), tiktok("unknown"), tiktok("KNOWN"), *unusable], "2025-06-10"
    deep: Any = {}
    for _ in range(900):
        deep = {"creator": deep}
    known = {"id": "71234567890", "username": "known", "full_name": "K", "is_verified": "true"}
    yield 502, 301, [{**known, "followerCount": "1.2M followers"}, deep], "2025-06-11"
    yield (
        522,
        304,
        [{**tiktok("both"), "id": "81234567890", "username": "both", "full_name": "B"}],
        "2025-06-15",
    )


def _instagram_pages() -> Iterator[PageRow]:
    """Cumulative snapshots, the last of them enriched; and a giant page."""
    late = {"bio_enriched": {"biography": "late", "extracted_email": "ig1@example.com"}, "mergeKey": "x"}
    for snapshot in range(1, 8):
        more = late if snapshot == 7 else {}
        grown = [instagram(number, **more) for number in range(1, 4 * snapshot)]
        yield 510 + snapshot, 302, grown, f"2025-06-12 00:00:{snapshot:02}"
    yield 527, 308, [instagram(number) for number in range(1, 3001)], "2025-06-19"


def _wrapped_pages() -> Iterator[PageRow]:
    older = {"profile": {"id": "UCtwo", "name": "Two", "subscriberCount": "7"}}
    yield 520, 303, {"results": [{"creators": [youtube("UCone"), older]}, {"creators": []}]}, "2025-06-13"
    as_text = '[{"creator": {"channelId": "UCone", "name": "again \\u0000"}, "platform": "YouTube"}]'
    yield 521, 303, as_text, "2025-06-14"


def _odd_pages() -> Iterator[PageRow]:
    yield 523, 305, [tiktok("lost")], "2025-06-16"
    yield 524, None, [tiktok("without_a_search")], "2025-06-17"
    yield 525, 306, "no list at all", "infinity"
    yield 526, 306, [], "2025-06-18"
    elsewhere, listed = {**tiktok("x"), "platform": "Friendster"}, {**tiktok("y"), "creator": ["z"]}
    yield 528, 306, [elsewhere, listed], "2025-06-20"


def _page(connection: Connection[Any], number: int, job: int | None, creators: object, at: str) -> None:
    insert(
        connection,
        "scraping_results",
        id=uid(number),
        job_id=uid(job) if job else None,
        creators=json.dumps(creators),
        created_at=at,
    )


def _machinery(connection: Connection[Any]) -> None:
    event: dict[str, Any] = {
        "aggregate_type": "user",
        "event_type": "user_created",
        "event_data": {"a": 1},
        "source_system": "clerk",
    }
    odd: tuple[dict[str, Any], ...] = (
        {"aggregate_id": "user_1", "processing_status": "completed"},
        {"aggregate_id": "user_1", "processing_status": "pending", "aggregate_type": "weather"},
        {"aggregate_id": LONG, "processing_status": "completed", "aggregate_type": "billing"},
        {
            "aggregate_id": str(uid(1)),
            "aggregate_type": "subscription",
            "metadata": ["odd"],
            "retry_count": -1,
        },
    )
    for number, more in enumerate(odd):
        insert(connection, "events", id=uid(600 + number), timestamp=f"2025-01-0{9 - number} 12:00",
               idempotency_key=f"stripe_webhook_evt_{number}_updated", **{**event, **more})  # fmt: skip
    insert(connection, "events", id=uid(610), aggregate_id="user_1", timestamp="2025-02-01",
           idempotency_key="stripe_webhook_evt_0_updated", **event)  # fmt: skip
    for number, status in enumerate(
        ("pending", "processing", "completed", "failed", "cancelled", "dreaming")
    ):
        insert(
            connection,
            "background_jobs",
            id=uid(700 + number),
            job_type="send_trial_email",
            status=status,
            payload={"userId": "user_1"},
        )
    rows = (("api_limits", "max_api_calls_tiktok", "1", "number"),
            ("timeouts", "instagram_job_timeout", "300s", "duration"),
            ("job_processing", "job_timeout", "300000", "duration"),
            ("job_processing", "job_timeout", "200000", "duration"),
            ("timeouts", "standard_job_timeout", "soon", "duration"),
            ("theirs", "unread", ODD, "riddle"), ("logging", "min_level", "DEBUG", "string"))  # fmt: skip
    for number, (category, key, value, kind) in enumerate(rows):
        insert(
            connection,
            "system_configurations",
            id=uid(800 + number),
            category=category,
            key=key,
            value=value,
            value_type=kind,
            updated_at=f"2025-01-0{number + 1}",
        )
    insert(connection, "subscription_plans", id=uid(901), plan_key="glow_up", display_name="Glow",
           monthly_price=7900, stripe_monthly_price_id="price_1", campaigns_limit=4,
           creators_limit=400, features={"apiAccess": True})  # fmt: skip
