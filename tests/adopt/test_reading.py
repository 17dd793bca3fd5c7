"""The small parts: counts in words, words of the original, shapes of creators, settings."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from tastemaker.adopt.tables_queries import FIELDS, FIT, throttles_among
from tastemaker.core.platforms import Platform
from tastemaker.searches.imports.fields import amount
from tastemaker.searches.imports.shapes import Item, Sighting, Unreadable, read_element, read_page
from tests.adopt.hostile_rows import tiktok, youtube


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("42.5K subscribers", 42_500), ("1.2M", 1_200_000), ("3 B", 3_000_000_000), ("1,234", 1234),
        ("1 234 567 followers", 1_234_567), ("1.234.567", 1_234_567), ("12", 12), (12.0, 12), (0, 0),
        ("0", 0),
        ("5 thousand", 5000), ("42 bananas", 42), (-1, None), (-2147483648, None), ("-5", None), (True, None),
        ("hidden", None), ("", None), (None, None), ([], None), (float("inf"), None), (float("nan"), None),
        (10**30, None), ("9" * 60, None), ("1.2.3K", None),
    ],
)  # fmt: skip
def test_counts_are_read_as_they_were_meant(told: object, meant: int | None) -> None:
    assert amount(told) == meant


WORDS = [
    "pending", "active", "expired", "cancelled", "canceled", "converted", "trialing", "none", "past_due",
    "unpaid", "incomplete", "incomplete_expired", "paused", "completed", "info_captured", "intent_captured",
    "plan_selected", "synced", "error", "webhook_x", "reconciled_y", "checkout_z", "any_reconcile",
    "payment_saved", "sub_pending_webhook", "upgrade_requested", "PENDING", "_webhook_", "glow_up", "Glow-Up",
    "__", "unknown", "  active ", "Viral Surge", " - ",
]  # fmt: skip


@pytest.fixture
def head(admin_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(admin_url) as connection:
        yield connection


@pytest.mark.parametrize(
    ("field", "function"),
    [
        ("onboarding_step", "legacy_onboarding_step"), ("trial_status", "legacy_trial_status"),
        ("subscription_status", "legacy_subscription_status"),
        ("billing_sync_status", "legacy_billing_sync_status"), ("intended_plan", "legacy_plan_key"),
    ],
)  # fmt: skip
def test_words_become_what_the_history_makes_of_them(
    head: psycopg.Connection[Any], field: str, function: str
) -> None:
    for word in WORDS:
        row = head.execute(f"SELECT {function}(%s)".encode(), (word,)).fetchone()
        assert row == (FIELDS[field](word),), word


def test_every_word_is_legal(head: psycopg.Connection[Any]) -> None:
    """What a mapper can return passes the CHECK of its column."""
    words = [
        "",
        "pending",
        "completed",
        "partial",
        "queued",
        "tiktok",
        "similar_discovery_instagram",
        "nonsense",
    ]
    for field, mapper in FIELDS.items():
        table, _, column = field.rpartition(".")
        if not table or column == "is_verified":
            continue
        definition = head.execute(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s",
            (f"ck_{table}_{column}",),
        ).fetchone()
        assert definition is not None, field
        for mapped in filter(None, map(mapper, words)):
            assert f"'{mapped}'" in definition[0], (field, mapped)


def test_fit_settings_are_the_ones_that_ship(head: psycopg.Connection[Any]) -> None:
    rows = head.execute("SELECT category, key, value FROM system_configurations").fetchall()
    shipped = {(category, key): value for category, key, value in rows}
    assert {key: shipped[key] for key in FIT} == dict(FIT)
    assert throttles_among(rows) == []


def test_lower_limits_throttle() -> None:
    rows = [("api_limits", "max_api_calls_tiktok", "1"), ("timeouts", "instagram_job_timeout", "300s"),
            ("timeouts", "standard_job_timeout", "2h"), ("job_processing", "max_concurrent_jobs", "odd"),
            ("theirs", "x", "0")]  # fmt: skip
    assert [throttle.key for throttle in throttles_among(rows)] == [
        "api_limits.max_api_calls_tiktok", "timeouts.instagram_job_timeout",
    ]  # fmt: skip


def _read(element: object, platform: Platform | None = None) -> Sighting:
    read = read_element(Item(element, 1), platform)
    assert isinstance(read, Sighting), read
    return read


def test_each_shape_is_told_by_its_keys() -> None:
    flat = {"id": "71234567890", "username": "U", "full_name": "U", "followerCount": 1}
    shapes = {
        "a": _read(tiktok("u")), "b": _read(flat, Platform.TIKTOK), "c": _read({**tiktok("u"), **flat}),
        "d": _read({"profile": flat}, Platform.TIKTOK),
        "e": _read({**tiktok("u"), "mergeKey": "m", "id": "1"}),
    }  # fmt: skip
    assert {letter: sighting.shape for letter, sighting in shapes.items()} == {
        letter: letter for letter in "abcde"
    }
    ids = {letter: sighting.creator.stable_id for letter, sighting in shapes.items()}
    assert ids == {"a": "", "b": "71234567890", "c": "71234567890", "d": "71234567890", "e": ""}


def test_posts_have_the_ids_of_their_addresses() -> None:
    video = _read(youtube("UCone")).post
    assert video is not None
    assert (video.post_id, video.duration_seconds, video.published_at) == ("abcdefghijk", 61, None)
    clip = _read({**tiktok("u"), "createTime": 1735689600000}).post
    assert clip is not None
    assert clip.published_at == datetime(2025, 1, 1, tzinfo=UTC)
    assert _read({**tiktok("u"), "video": {"url": "not an address"}}).post is None


@pytest.mark.parametrize(
    ("element", "reason"),
    [
        (None, "not an object"), ([], "not an object"), ("x", "not an object"), ({}, "unknown platform"),
        ({"creator": []}, "its creator is not an object"),
        ({**tiktok("u"), "platform": "MySpace"}, "unknown platform"),
        (tiktok(None), "neither an id nor a handle"), (tiktok("@"), "neither an id nor a handle"),
        (tiktok("h" * 256), "an id or a handle of more than 255 characters"),
    ],
)  # fmt: skip
def test_what_is_no_creator_has_a_reason(element: object, reason: str) -> None:
    assert read_element(Item(element, 1), None) == reason


def test_wrappers_are_opened_and_bombs_are_not() -> None:
    wrapped: Any = {"results": [{"creators": [tiktok("u")]}, {"creators": [{"results": [tiktok("v")]}]}]}
    assert len(read_page(json.dumps(wrapped))) == 2
    assert len(read_page(json.dumps([wrapped, tiktok("w")]))) == 3
    for _ in range(40):
        wrapped = {"results": [wrapped]}
    with pytest.raises(Unreadable, match="wrapped too deeply"):
        read_page(json.dumps(wrapped))
    with pytest.raises(Unreadable, match="nested too deeply"):
        read_page("[" * 100_000 + "]" * 100_000)
