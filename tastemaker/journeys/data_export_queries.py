"""Statements that read everything that is held about a person: a row of each table as a JSON document."""

from typing import Final

from tastemaker.db.statements import statement

SECRET: Final = ("digest", "password_digest", "search_text")
"""Columns that are left out: digests, and what the user search makes of the profile."""

OWNERS: Final = {
    "users": "user_id",
    "campaigns": "user_id",
    "scraping_jobs": "user_id",
    "scraping_results": "user_id",
    **dict.fromkeys(
        (
            "user_subscriptions", "user_billing", "user_usage", "user_system_data", "scraping_runs",
            "search_creators", "search_candidates", "similar_creators", "campaign_creators",
            "search_jobs", "search_results",
            "enrichments", "exclusions", "usage_charges", "provider_calls", "events", "event_keys",
            "event_deliveries", "background_jobs", "outbox_messages", "inbox_messages", "provider_spending",
            "provider_budgets", "usage_periods", "usage_enrichments", "plan_grants", "stripe_subscriptions",
            "api_keys", "browser_sessions", "credentials", "account_links", "members", "clerk_subjects",
            "idempotent_answers", "exports", "email_unsubscriptions",
        ),
        "tenant_id",
    ),
}  # fmt: skip
"""Every table with rows of a user, and the column that says which user."""


def _rows(table: str, owner: str) -> str:
    return f"""
    SELECT CAST(to_jsonb(held) - CAST(%(secret)s AS text[]) AS text) AS document
    FROM {table} held WHERE held.{owner} = %(user_id)s
    """  # noqa: S608 - constants of this module


ROWS: Final = {
    table: statement(_rows(table, owner), str, not_null="document") for table, owner in OWNERS.items()
}
