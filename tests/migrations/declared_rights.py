"""Who may do what: the rights at head, as rules and as lists that a reviewer reads.

The lines are those of `catalog_rights`: roles without their prefix `tastemaker_`.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from tests.migrations.catalog import MACHINERY

OF_A_TENANT: Final = {
    "users": "user_id",
    "user_subscriptions": "tenant_id",
    "user_billing": "tenant_id",
    "user_usage": "tenant_id",
    "user_system_data": "tenant_id",
    "campaigns": "user_id",
    "scraping_jobs": "user_id",
    "scraping_results": "user_id",
    "scraping_runs": "tenant_id",
    "search_creators": "tenant_id",
    "campaign_creators": "tenant_id",
    "enrichments": "tenant_id",
    "search_candidates": "tenant_id",
    "similar_creators": "tenant_id",
    "search_jobs": "tenant_id",
    "search_results": "tenant_id",
    "exclusions": "tenant_id",
    "usage_charges": "tenant_id",
    "provider_calls": "tenant_id",
    "events": "tenant_id",
    "event_keys": "tenant_id",
    "event_deliveries": "tenant_id",
    "background_jobs": "tenant_id",
    "outbox_messages": "tenant_id",
    "inbox_messages": "tenant_id",
    "provider_spending": "tenant_id",
    "provider_budgets": "tenant_id",
    "usage_periods": "tenant_id",
    "usage_enrichments": "tenant_id",
    "plan_grants": "tenant_id",
    "stripe_subscriptions": "tenant_id",
    "api_keys": "tenant_id",
    "browser_sessions": "tenant_id",
    "credentials": "tenant_id",
    "account_links": "tenant_id",
    "members": "tenant_id",
    "clerk_subjects": "tenant_id",
    "idempotent_answers": "tenant_id",
    "exports": "tenant_id",
    "email_unsubscriptions": "tenant_id",
}
"""Table: the column that names whose row it is. Who claims to be a tenant sees its own, the system all."""

CATALOG: Final = ("creators", "creator_handles", "posts", "follower_snapshots", "creator_documents")
"""Every claim reads and adds; the system's claim deletes."""

READ_BY_INDEX: Final = ("creator_documents",)
"""A policy that calls a function would keep PostgreSQL from using its index of words."""

CONFIGURATION: Final = (
    "configuration_keys",
    "schedules",
    "provider_gates",
    "provider_pages",
    "provider_quotas",
    "subscription_plans",
    "suppressions",
    "system_configurations",
)
"""Anybody with a claim reads; the product's own work writes."""

OF_THE_SYSTEM: Final = ("provider_samples", "sign_in_attempts", "trial_claims")
"""No tenant's, and no tenant reads them."""

THE_OWNERS: Final = ("clock_offset", "user_profiles_backup", *MACHINERY)
NOT_FORCED: Final = ("clock_offset", *MACHINERY)
"""Their owner is the migrator and the test clock, which have no claim."""

BEHIND_THE_OLD_PROFILES: Final = (
    "users",
    "user_subscriptions",
    "user_billing",
    "user_usage",
    "user_system_data",
)

READ_BY_REPORTS: Final = {
    "users": "created_at, id, onboarding_step, user_id",
    "user_subscriptions": "current_plan, subscription_status, trial_end_date, trial_status, user_id",
    "user_usage": "usage_campaigns_current, usage_creators_current_month, usage_reset_date, user_id",
    "scraping_jobs": "campaign_id, completed_at, created_at, id, outcome, platform, processed_results, "
    "processed_runs, started_at, status, target_results, user_id",
    "provider_calls": "calls, micros_usd, operation, provider, started_at, status, tenant_id, units",
    "background_jobs": "job_type, scheduled_for, status",
    "creators": "fetched_at, platform",
}
"""No name, no address, no keyword, no payload."""

READ_BY_DEFINER_FUNCTIONS: Final = {
    "users": "business_name, created_at, email, full_name, id, is_admin, onboarding_step, search_text, "
    "user_id",
    "user_subscriptions": "current_plan, subscription_status, trial_status, user_id",
    "scraping_results": "created_at, creators, id, job_id, user_id",
    "scraping_jobs": "id, platform",
    "api_keys": "digest, expires_at, id, last_used_at, prefix, revoked_at, scopes, tenant_id",
    "browser_sessions": "acting_for, digest, expires_at, id, last_used_at, started_at, tenant_id",
    "members": "member_id, role, tenant_id",
    "creators": "handle, platform, stable_id",
}

REPORTS: Final = ("users", "searches", "provider_costs", "background_jobs", "catalog")
SEQUENCES: Final = (
    "creators_id_seq",
    "events_seq_seq",
    "inbox_messages_id_seq",
    "outbox_messages_id_seq",
    "posts_id_seq",
    "search_candidates_place_seq",
)
OLD_PROFILES: Final = ("compat.user_profiles", "user_profiles")

SCHEMAS: Final = {
    "public": {
        "PUBLIC": "USAGE",
        "app": "USAGE",
        "backup": "USAGE",
        "door": "USAGE",
        "owner": "CREATE*, USAGE*",
    },
    "compat": {"app": "USAGE", "backup": "USAGE", "compat": "USAGE"},
    "reports": {"backup": "USAGE", "readonly": "USAGE"},
}

WRITING: Final = "DELETE, INSERT, SELECT, UPDATE"
SPARSE: Final = {
    "events": "INSERT, SELECT, UPDATE (error, processed_at, processing_status, retry_count)",
    "event_keys": "INSERT, SELECT",
    "api_keys": "INSERT, SELECT, UPDATE (last_used_at, revoked_at)",
    "exports": "DELETE, INSERT, SELECT, UPDATE (bytes, error, finished_at, rows, state)",
    "browser_sessions": "DELETE, INSERT, SELECT, "
    "UPDATE (acting_for, digest, expires_at, last_used_at, started_at, user_agent)",
    "provider_samples": "DELETE, INSERT, SELECT",
    "inbox_messages": "DELETE, INSERT, SELECT, UPDATE (attempts, error, processed_at, status, tenant_id)",
}
"""What happened, and what came in, is not edited, only marked as processed; a key is never another's."""

TABLES: Final = tuple(sorted((*OF_A_TENANT, *CATALOG, *CONFIGURATION, *OF_THE_SYSTEM, *THE_OWNERS)))

SYSTEM: Final = "(SELECT app_is_system())"
METERED: Final = ("user_usage", "usage_charges", "usage_enrichments")
"""The owner's functions take, give back and charge here for the tenant that claims, by its plan."""

ANYBODY: Final = f"(((SELECT app_tenant()) IS NOT NULL) OR {SYSTEM})"


def row_security() -> set[str]:
    return {f"{table}: {'enabled' if table in NOT_FORCED else 'forced'}" for table in TABLES}


def owners() -> set[str]:
    views = [*OLD_PROFILES, *(f"reports.{view}" for view in REPORTS)]
    return {f"{name}: owner" for name in (*TABLES, *SEQUENCES)} | {
        f"{view}: owner, security_invoker=true" for view in views
    }


def policies() -> set[str]:
    return {
        *(_policy(table, "backup SELECT TO {backup}", "true") for table in TABLES),
        *_of_tenants(),
        *_of_what_is_shared(),
        *(_policy(table, "system ALL TO {app,owner}", SYSTEM, SYSTEM) for table in OF_THE_SYSTEM),
        *_of_the_owners(),
        *(_policy(table, "compat ALL TO {compat}", "true", "true") for table in BEHIND_THE_OLD_PROFILES),
        *(_policy(table, "door SELECT TO {door}", "true") for table in READ_BY_DEFINER_FUNCTIONS),
        *(_policy(table, "reports SELECT TO {readonly}", "true") for table in READ_BY_REPORTS),
    }


def grants() -> set[str]:
    tables = (*OF_A_TENANT, *CATALOG, *CONFIGURATION, *OF_THE_SYSTEM)
    app = {table: SPARSE.get(table, WRITING) for table in tables}
    return {
        *_to("app", {**app, "alembic_version": "SELECT", **dict.fromkeys(OLD_PROFILES, WRITING)}),
        *_to("app", {f"sequence {name}": "USAGE" for name in SEQUENCES}),
        *_to("backup", {f"sequence {name}": "SELECT" for name in SEQUENCES}),
        *_to("compat", dict.fromkeys((*BEHIND_THE_OLD_PROFILES, *OLD_PROFILES), WRITING)),
        *_to("backup", dict.fromkeys((*TABLES, *OLD_PROFILES), "SELECT")),
        *_to("backup", {f"reports.{view}": "SELECT" for view in REPORTS}),
        *_to("readonly", {f"reports.{view}": "SELECT" for view in REPORTS}),
        *_to("readonly", {table: _reading(columns) for table, columns in READ_BY_REPORTS.items()}),
        *_to("door", {table: _reading(columns) for table, columns in READ_BY_DEFINER_FUNCTIONS.items()}),
        *(
            f"schema {schema} to {role}: {may}"
            for schema, roles in SCHEMAS.items()
            for role, may in roles.items()
        ),
    }


def _of_tenants() -> Iterator[str]:
    for table, column in OF_A_TENANT.items():
        own = f"(({column} = (SELECT app_tenant())) OR {SYSTEM})"
        yield _policy(table, "tenant ALL TO {app}", own, own)
        seen = own if table in (*METERED, "user_subscriptions", "campaigns") else SYSTEM
        yield _policy(table, "system ALL TO {owner}", seen, own if table in METERED else SYSTEM)


def _of_what_is_shared() -> Iterator[str]:
    for table in (*CATALOG, *CONFIGURATION):
        writer = ANYBODY if table in CATALOG else SYSTEM
        yield _policy(table, "reading SELECT TO {app}", "true" if table in READ_BY_INDEX else ANYBODY)
        yield _policy(table, "adding INSERT TO {app}", "-", writer)
        yield _policy(table, "changing UPDATE TO {app}", writer, writer)
        yield _policy(table, "deleting DELETE TO {app}", SYSTEM)
        seen = ANYBODY if table == "subscription_plans" else SYSTEM
        yield _policy(table, "system ALL TO {owner}", seen, SYSTEM)


def _of_the_owners() -> Iterator[str]:
    yield _policy("alembic_version", "reading SELECT TO {app}", "true")
    yield _policy("user_profiles_backup", "system ALL TO {owner}", SYSTEM, SYSTEM)


def _policy(table: str, name_command_and_role: str, using: str, check: str = "-") -> str:
    return f"{table}: {name_command_and_role} USING {using} CHECK {check}"


def _to(role: str, rights: Mapping[str, str]) -> Iterator[str]:
    return (f"{name} to {role}: {right}" for name, right in rights.items())


def _reading(columns: str) -> str:
    return f"SELECT ({columns})"
