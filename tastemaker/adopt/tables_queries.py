"""Words, plans and settings: each distinct word is mapped once, and the copies look it up.

A word maps to None where the row, or an optional column, cannot keep it; the empty string is a missing
word. The five fields of users map as the functions `legacy_*` of the migrations do; a test compares them.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from psycopg import Connection, sql

from tastemaker.adopt.ledger_queries import Counts
from tastemaker.config_store.values import parse_duration
from tastemaker.core.errors import InvalidInput
from tastemaker.core.platforms import Platform

Mapper = Callable[[str], str | None]

LONGEST_PLAN_KEY: Final = 50

_PLATFORM: Final = re.compile(r"^(similar_discovery_)?(tiktok|instagram|youtube)(_similar)?$")

_ENDED: Final = {
    "failed": "error", "canceled": "cancelled", "timed_out": "timeout", "done": "completed",
    "success": "completed", "partial": "completed",
}  # fmt: skip

_UNDER_WAY: Final = dict.fromkeys(
    ("", "queued", "pending", "processing", "running", "dispatching", "searching", "enriching"), "timeout"
)

OF_SEVERAL_TABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "onboarding_step": ("users", "user_profiles"),
    "trial_status": ("user_subscriptions", "user_profiles"),
    "subscription_status": ("user_subscriptions", "user_profiles"),
    "billing_sync_status": ("user_subscriptions", "user_profiles"),
    "current_plan": ("user_subscriptions", "user_profiles"),
    "intended_plan": ("user_subscriptions", "user_profiles"),
}

Key = tuple[str, str]

FIT: Final[Mapping[Key, str]] = {
    ("api_limits", "max_api_calls_tiktok"): "1000",
    ("timeouts", "standard_job_timeout"): "60m",
    ("timeouts", "instagram_job_timeout"): "60m",
    ("job_processing", "max_concurrent_jobs"): "50",
    ("job_processing", "job_timeout"): "15m",
}
"""Values that ship with a fresh installation, for the keys whose lower values throttle one."""

_WORDS_TABLE: Final = """
CREATE TABLE adoption_words (
    field text NOT NULL, digest text NOT NULL, word text NOT NULL, mapped text, rows bigint NOT NULL,
    PRIMARY KEY (field, digest)
);
COMMENT ON TABLE adoption_words IS 'Every word that the original held, what it became, and in how many rows.';
"""

_WORDS_IN: Final = "SELECT coalesce({column}, '') AS word, count(*) AS rows FROM {source} GROUP BY 1"

_PLANS: Final = """
INSERT INTO public.subscription_plans AS ours (
    id, plan_key, display_name, description, monthly_price, yearly_price, stripe_monthly_price_id,
    stripe_yearly_price_id, campaigns_limit, creators_limit, features, is_active, sort_order, created_at,
        updated_at)
SELECT DISTINCT ON (key) s.id, key, coalesce(s.display_name, key), s.description,
       greatest(s.monthly_price, 0)::integer,
       CASE WHEN s.yearly_price >= 0 THEN s.yearly_price::integer END,
       coalesce(s.stripe_monthly_price_id, ''), s.stripe_yearly_price_id,
       greatest(coalesce(s.campaigns_limit, 0), -1)::integer,
       greatest(coalesce(s.creators_limit, 0), -1)::integer,
       CASE WHEN jsonb_typeof(s.features) = 'object' THEN s.features END,
       coalesce(s.is_active, true), s.sort_order::integer, coalesce(s.created_at, s.updated_at, %(moment)s),
       coalesce(s.updated_at, s.created_at, %(moment)s)
FROM source_subscription_plans s, public.legacy_plan_key(left(s.plan_key, 50)) key
WHERE key IS NOT NULL
ORDER BY key, s.updated_at DESC NULLS LAST, s.id
ON CONFLICT (plan_key) DO UPDATE SET
    id = excluded.id, display_name = excluded.display_name, description = excluded.description,
    monthly_price = excluded.monthly_price, yearly_price = excluded.yearly_price,
    stripe_monthly_price_id = excluded.stripe_monthly_price_id,
    stripe_yearly_price_id = excluded.stripe_yearly_price_id, campaigns_limit = excluded.campaigns_limit,
    creators_limit = excluded.creators_limit, features = coalesce(ours.features, '{}')
        || coalesce(excluded.features, '{}'),
    is_active = excluded.is_active, sort_order = excluded.sort_order, created_at = excluded.created_at,
    updated_at = excluded.updated_at
"""

_UNKNOWN_PLANS: Final = """
INSERT INTO public.subscription_plans (plan_key, display_name, description, monthly_price,
                                       stripe_monthly_price_id, campaigns_limit, creators_limit, is_active)
SELECT DISTINCT ON (mapped) mapped, left(word, 200),
    'Found in existing profiles; unknown to the price list.', 0, '', 0, 0, false
FROM adoption_words WHERE field IN ('current_plan', 'intended_plan') AND mapped IS NOT NULL
ORDER BY mapped, word
ON CONFLICT (plan_key) DO NOTHING
RETURNING plan_key
"""

_SETTINGS: Final = """
WITH chosen AS (
    SELECT DISTINCT ON (left(s.category, 50), left(s.key, 100)) s.*, v.mapped AS type, h.mapped AS hot
    FROM source_system_configurations s
    LEFT JOIN adoption_words v ON v.field = 'system_configurations.value_type'
                              AND v.digest = md5(coalesce(s.value_type, ''))
    LEFT JOIN adoption_words h ON h.field = 'system_configurations.is_hot_reloadable'
                              AND h.digest = md5(coalesce(s.is_hot_reloadable, ''))
    WHERE s.category || '.' || s.key <> ALL (%(left_out)s)
        AND s.category || '.' || s.key <> 'database.user_tables_normalized'
    ORDER BY left(s.category, 50), left(s.key, 100), s.updated_at DESC NULLS LAST, s.id
), known AS MATERIALIZED (SELECT category, key FROM public.system_configurations),
written AS (
    INSERT INTO public.system_configurations (id, category, key, value, value_type, description,
        is_hot_reloadable,
                                              created_at, updated_at)
    SELECT s.id, left(s.category, 50), left(s.key, 100), coalesce(s.value, ''), s.type, s.description, s.hot,
           coalesce(s.created_at, s.updated_at, %(moment)s), coalesce(s.updated_at, s.created_at, %(moment)s)
    FROM chosen s
    ON CONFLICT (category, key) DO UPDATE SET
        id = excluded.id, value = excluded.value, value_type = excluded.value_type,
        description = coalesce(excluded.description, system_configurations.description),
        is_hot_reloadable = excluded.is_hot_reloadable, created_at = excluded.created_at,
        updated_at = excluded.updated_at
    RETURNING category, key
)
SELECT (SELECT count(*) FROM source_system_configurations), (SELECT count(*) FROM written),
       (SELECT coalesce(jsonb_agg(w.category || '.' || w.key ORDER BY 1), '[]') FROM written w
        WHERE NOT EXISTS (SELECT FROM known k WHERE k.category = w.category AND k.key = w.key))
"""

THROTTLE_ROWS: Final = (
    "SELECT category, key, coalesce(value, '') FROM source_system_configurations ORDER BY 1, 2"
)


@dataclass(frozen=True, slots=True)
class Throttle:
    key: str
    value: str
    fit: str


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


def throttles_among(rows: Iterable[tuple[str, str, str]]) -> list[Throttle]:
    """Rows of category, key and value that allow less than a fresh installation does."""
    found = []
    for category, key, value in rows:
        fit = FIT.get((category, key))
        amount = _amount(value)
        if fit is not None and amount is not None and amount < (_amount(fit) or 0):
            found.append(Throttle(f"{category}.{key}", value, fit))
    return found


def _amount(value: str) -> Decimal | None:
    """A number, or a duration in milliseconds."""
    try:
        return Decimal(value.strip())
    except InvalidOperation:
        pass
    try:
        return Decimal(parse_duration(value).total_seconds() * 1000)
    except InvalidInput:
        return None


def words_in(field: str) -> sql.Composed:
    """Each distinct word of a field, and its rows."""
    parts = (
        sql.SQL(_WORDS_IN).format(column=sql.Identifier(column), source=sql.Identifier(f"source_{table}"))
        for table, column in places_of(field)
    )
    return sql.SQL("SELECT word, sum(rows)::bigint FROM ({}) w GROUP BY 1 ORDER BY 2 DESC, 1").format(
        sql.SQL(" UNION ALL ").join(parts)
    )


def record_words(connection: Connection[Any]) -> Counts:
    """Maps every word there is, and the missing one, so that the copies only have to look it up."""
    connection.execute(_WORDS_TABLE)
    changed: dict[str, int] = {}
    for field, mapper in FIELDS.items():
        found = dict([("", 0), *connection.execute(words_in(field)).fetchall()])
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO adoption_words (field, digest, word, mapped, rows)"
                " VALUES (%(field)s, md5(%(word)s), %(word)s, %(mapped)s, %(rows)s)",
                [
                    {"field": field, "word": word, "mapped": mapper(word), "rows": rows}
                    for word, rows in found.items()
                ],
            )
        if rows := sum(rows for word, rows in found.items() if (mapper(word) or "") != word):
            changed[field] = rows
    connection.execute("ANALYZE adoption_words")
    return {"rows_with_a_mapped_word": changed}


def list_changed_words(connection: Connection[Any], *, most: int) -> list[dict[str, Any]]:
    """Words that became another, the most frequent first, at most `most` of each field."""
    rows = connection.execute(
        """
        SELECT field, left(word, 200), mapped, rows FROM (
            SELECT *, row_number() OVER (PARTITION BY field ORDER BY rows DESC, word) AS place
            FROM adoption_words WHERE coalesce(mapped, '') <> word AND rows > 0) w
        WHERE place <= %(most)s ORDER BY field, rows DESC, word
        """,
        {"most": most},
    )
    return [
        {"field": field, "word": word, "mapped": mapped, "rows": count} for field, word, mapped, count in rows
    ]


def copy_plans(connection: Connection[Any], moment: datetime) -> Counts:
    written = connection.execute(_PLANS, {"moment": moment}).rowcount
    unknown = [row[0] for row in connection.execute(_UNKNOWN_PLANS)]
    return {"read": _count(connection, "subscription_plans"), "written": written, "made_inactive": unknown}


def copy_settings(connection: Connection[Any], moment: datetime, *, left_out: Iterable[str]) -> Counts:
    """`left_out` keep the value that ships, because the operator decided so."""
    row = connection.execute(_SETTINGS, {"moment": moment, "left_out": list(left_out)}).fetchone()
    read, written, unread = row or (0, 0, [])
    return {"read": read, "written": written, "accepted_but_read_by_nothing": unread}


def _count(connection: Connection[Any], table: str) -> int:
    row = connection.execute(
        sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(f"source_{table}"))
    ).fetchone()
    return int(row[0]) if row else 0
