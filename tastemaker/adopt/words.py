"""What each word of the original becomes. None means that the row, or an optional column, cannot keep it.

The empty string stands for a missing word. The five user fields say the same as the functions `legacy_*`
of the schema's history; a test compares them.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from tastemaker.core.platforms import Platform

Mapper = Callable[[str], str | None]

LONGEST_PLAN_KEY: Final = 50

_PLATFORM: Final = re.compile(r"^(similar_discovery_)?(tiktok|instagram|youtube)(_similar)?$")


def _known(*words: str, otherwise: str | None, aliases: Mapping[str, str] | None = None) -> Mapper:
    table = {word: word for word in words} | dict(aliases or {})
    return lambda word: table.get(word.strip(" ").lower(), otherwise)


def _billing_sync_status(word: str) -> str:
    word = word.strip(" ").lower()
    if word in {"pending", "synced", "error"}:
        return word
    if word in {"", "sub_pending_webhook", "upgrade_requested"}:
        return "pending"
    if word in {"payment_saved", "plan_selected"} or word.endswith("_reconcile"):
        return "synced"
    return "synced" if word.startswith(("webhook_", "reconciled_", "checkout_")) else "error"


def _plan_key(word: str) -> str | None:
    return re.sub(r"[\s_-]+", "_", word[:LONGEST_PLAN_KEY].lower()).strip("_") or None


def _platform(word: str) -> str | None:
    matched = _PLATFORM.match(word.strip().lower())
    return Platform.parse(matched[2]).value if matched else None


def _flag(word: str) -> str:
    return "true" if word.strip().lower() in {"true", "t", "yes", "1"} else "false"


_ENDED: Final = {
    "failed": "error", "canceled": "cancelled", "timed_out": "timeout", "done": "completed",
    "success": "completed", "partial": "completed",
}  # fmt: skip
_UNDER_WAY: Final = dict.fromkeys(
    ("", "queued", "pending", "processing", "running", "dispatching", "searching", "enriching"), "timeout"
)
_SEARCH_STATUS: Final = _known(
    "completed", "error", "timeout", "cancelled", otherwise="error", aliases=_ENDED | _UNDER_WAY
)
_WORK_STATUS: Final = _known(
    "completed", "failed", otherwise="failed", aliases={"success": "completed", "done": "completed"}
)
_JOB_STATUS: Final = _known(
    "completed", "failed", "cancelled", otherwise="failed",
    aliases={"success": "completed", "done": "completed", "canceled": "cancelled"},
)  # fmt: skip

OF_SEVERAL_TABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "onboarding_step": ("users", "user_profiles"),
    "trial_status": ("user_subscriptions", "user_profiles"),
    "subscription_status": ("user_subscriptions", "user_profiles"),
    "billing_sync_status": ("user_subscriptions", "user_profiles"),
    "current_plan": ("user_subscriptions", "user_profiles"),
    "intended_plan": ("user_subscriptions", "user_profiles"),
}

FIELDS: Final[Mapping[str, Mapper]] = {
    "onboarding_step": _known(
        "pending", "info_captured", "intent_captured", "plan_selected", "completed", otherwise="pending"
    ),
    "trial_status": _known(
        "pending", "active", "expired", "cancelled", "converted", otherwise="pending",
        aliases={"canceled": "cancelled", "trialing": "active"},
    ),
    "subscription_status": _known(
        "none", "trialing", "active", "past_due", "canceled", "unpaid", otherwise="none",
        aliases={"cancelled": "canceled", "paused": "past_due"},
    ),
    "billing_sync_status": _billing_sync_status,
    "current_plan": lambda word: _plan_key(word) or "free",
    "intended_plan": _plan_key,
    "campaigns.search_type": lambda word: "similar" if "similar" in word.lower() else "keyword",
    "campaigns.status": _known("draft", "active", "completed", "archived", otherwise="draft"),
    "scraping_jobs.status": _SEARCH_STATUS,
    "scraping_jobs.platform": _platform,
    "search_jobs.status": _SEARCH_STATUS,
    "search_jobs.search_type": _known("keyword", "similar", otherwise=None),
    "search_results.is_verified": _flag,
    "system_configurations.value_type": _known(
        "number", "duration", "boolean", "string", otherwise="string", aliases={"bool": "boolean"}
    ),
    "system_configurations.is_hot_reloadable": _flag,
    "events.processing_status": _WORK_STATUS,
    "events.aggregate_type": _known(
        "user", "subscription", "onboarding", "payment", "trial", "campaign", "job", "list", "creator",
        "config", otherwise="user", aliases={"billing": "payment", "scraping_job": "job", "system": "config"},
    ),
    "events.source_system": _known(
        "stripe_webhook", "clerk_webhook", "admin_action", "user_action", "system_automation", "qstash_job",
        otherwise="system_automation",
    ),
    "background_jobs.status": _JOB_STATUS,
}  # fmt: skip
"""The fields of the user tables are named once: `user_profiles` and the satellites hold the same words."""


def places_of(field: str) -> tuple[tuple[str, str], ...]:
    """The tables and columns in which the field's words stand."""
    if "." in field:
        table, column = field.split(".")
        return ((table, column),)
    return tuple((table, field) for table in OF_SEVERAL_TABLES[field])
