"""The original product's tables and columns, and whether a database is one of its states.

A column is `name:kind`; a kind is t text, n number, b boolean, d date and time, j JSON, u uuid. What is
marked `!` has to be there: without it a table is another product's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tastemaker.core.errors import DatabaseUnavailable


class AdoptionRefused(DatabaseUnavailable):
    """The database is not one that adoption understands, or not by this connection. Nothing was changed."""


TABLES: Final = {
    "user_profiles": """
        id:u! user_id:t! name:t company_name:t industry:t email:t created_at:d updated_at:d
        signup_timestamp:d onboarding_step:t full_name:t business_name:t brand_description:t
        email_schedule_status:j trial_start_date:d trial_end_date:d trial_status:t stripe_customer_id:t
        stripe_subscription_id:t subscription_status:t current_plan:t is_admin:b payment_method_id:t
        card_last_4:t card_brand:t card_exp_month:n card_exp_year:n billing_address_city:t
        billing_address_country:t billing_address_postal_code:t plan_campaigns_limit:n plan_creators_limit:n
        plan_features:j usage_campaigns_current:n usage_creators_current_month:n usage_reset_date:d
        last_webhook_event:t last_webhook_timestamp:d billing_sync_status:t trial_conversion_date:d
        subscription_cancel_date:d subscription_renewal_date:d intended_plan:t""",
    "users": """
        id:u! user_id:t! email:t full_name:t business_name:t brand_description:t industry:t
        onboarding_step:t is_admin:b created_at:d updated_at:d""",
    "user_subscriptions": """
        id:u! user_id:u! current_plan:t intended_plan:t subscription_status:t trial_status:t
        trial_start_date:d trial_end_date:d trial_conversion_date:d subscription_cancel_date:d
        subscription_renewal_date:d billing_sync_status:t created_at:d updated_at:d""",
    "user_billing": """
        id:u! user_id:u! stripe_customer_id:t stripe_subscription_id:t payment_method_id:t card_last_4:t
        card_brand:t card_exp_month:n card_exp_year:n billing_address_city:t billing_address_country:t
        billing_address_postal_code:t created_at:d updated_at:d""",
    "user_usage": """
        id:u! user_id:u! plan_campaigns_limit:n plan_creators_limit:n plan_features:j
        usage_campaigns_current:n usage_creators_current_month:n usage_reset_date:d created_at:d
        updated_at:d""",
    "user_system_data": """
        id:u! user_id:u! signup_timestamp:d email_schedule_status:j last_webhook_event:t
        last_webhook_timestamp:d created_at:d updated_at:d""",
    "subscription_plans": """
        id:u! plan_key:t! display_name:t description:t monthly_price:n yearly_price:n
        stripe_monthly_price_id:t stripe_yearly_price_id:t campaigns_limit:n creators_limit:n features:j
        is_active:b sort_order:n created_at:d updated_at:d""",
    "campaigns": """
        id:u! user_id:t! name:t! description:t search_type:t status:t created_at:d updated_at:d""",
    "scraping_jobs": """
        id:u! user_id:t! campaign_id:u status:t! keywords:j! target_username:t platform:t! search_params:j
        processed_runs:n processed_results:n target_results:n cursor:n progress:n qstash_message_id:t
        run_id:t region:t created_at:d started_at:d completed_at:d timeout_at:d updated_at:d error:t""",
    "scraping_results": "id:u! job_id:u! creators:j! created_at:d",
    "search_jobs": """
        id:t! campaign_id:u platform:t search_type:t status:t total_count:n completed_count:n created_at:d
        updated_at:d completed_at:d""",
    "search_results": """
        id:u! job_id:t! profile_id:t! username:t! display_name:t platform:t profile_url:t post_url:t
        post_description:t avatar_url:t followers:n is_verified:t email:t bio:t raw_data:j created_at:d""",
    "system_configurations": """
        id:u! category:t! key:t! value:t! value_type:t description:t is_hot_reloadable:t created_at:d
        updated_at:d""",
    "events": """
        id:u! aggregate_id:t! aggregate_type:t! event_type:t! event_version:n event_data:j! metadata:j
        timestamp:d! processed_at:d processing_status:t retry_count:n error:t idempotency_key:t!
        source_system:t correlation_id:t causation_id:t""",
    "background_jobs": """
        id:u! job_type:t! payload:j! status:t! qstash_message_id:t priority:n max_retries:n retry_count:n
        scheduled_for:d started_at:d completed_at:d failed_at:d error:t result:j created_at:d updated_at:d""",
}

_INDISPENSABLE: Final = ("scraping_jobs", "scraping_results")
_OF_PEOPLE: Final = ("users", "user_profiles")
_SHOWN: Final = 5
_KINDS: Final = {
    "t": {"text", "character varying", "character", "USER-DEFINED"},
    "n": {"smallint", "integer", "bigint", "numeric", "real", "double precision"},
    "b": {"boolean"},
    "d": {"timestamp without time zone", "timestamp with time zone", "date"},
    "j": {"json", "jsonb"},
    "u": {"uuid"},
}
_NAMES: Final = {"t": "text", "n": "a number", "b": "a boolean", "d": "a time", "j": "JSON", "u": "a uuid"}


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    kind: str
    required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """What stands in `public`: columns and their types by table, and whatever else may matter."""

    database: str
    tables: Mapping[str, Mapping[str, str]]
    has_our_ledger: bool
    adoption_schema: str | None
    other_relations: tuple[str, ...] = ()
    not_owned: tuple[str, ...] = ()
    makers: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    foreign_ledgers: tuple[str, ...] = ()
    unique: frozenset[tuple[str, str]] = field(default_factory=frozenset)
    time_zone: str = "UTC"
    sessions: int = 0


def columns_of(table: str) -> tuple[Column, ...]:
    words = (word.split(":") for word in TABLES[table].split())
    return tuple(Column(name, kind.rstrip("!"), kind.endswith("!")) for name, kind in words)


def refuse_what_is_not_the_original(census: Census) -> None:
    """Raises AdoptionRefused with the one reason that matters first."""
    if census.has_our_ledger:
        raise AdoptionRefused(
            f"The database {census.database!r} is Tastemaker's own; there is nothing to adopt."
        )
    if not census.tables:
        raise AdoptionRefused(
            f"The database {census.database!r} holds no tables; `tastemaker db migrate` makes ours in it."
        )
    missing = [table for table in _INDISPENSABLE if table not in census.tables]
    if missing or not any(table in census.tables for table in _OF_PEOPLE):
        lacking = missing[0] if missing else " or ".join(_OF_PEOPLE)
        shown = ", ".join(sorted(census.tables)[:_SHOWN]) + (" …" if len(census.tables) > _SHOWN else "")
        raise AdoptionRefused(
            f"The database {census.database!r} is not the original product's: it has no table {lacking}, "
            f"only {shown}."
        )
    for table in TABLES.keys() & census.tables.keys():
        _refuse_other_columns(table, census.tables[table])
    if census.not_owned:
        raise AdoptionRefused(
            f"This connection does not own {', '.join(census.not_owned[:_SHOWN])}; connect as the owner."
        )


def _refuse_other_columns(table: str, found: Mapping[str, str]) -> None:
    for column in columns_of(table):
        type_name = found.get(column.name)
        if type_name is None and column.required:
            raise AdoptionRefused(f"The table {table} is not the original product's: it lacks {column.name}.")
        if type_name is not None and type_name not in _KINDS[column.kind]:
            raise AdoptionRefused(
                f"The column {table}.{column.name} has the type {type_name}; "
                f"adoption expects {_NAMES[column.kind]}."
            )
