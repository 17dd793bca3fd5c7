"""The functions and triggers at head: what runs by itself, as whom, and who may call it.

The lines are those of `catalog_rights`: roles without their prefix `tastemaker_`.
"""

from functools import reduce
from typing import Final

from tests.migrations.declared_rights import OF_A_TENANT

FIXED: Final = "search_path=pg_catalog, pg_temp"
FIXED_WITH_PUBLIC: Final = "search_path=pg_catalog, public, pg_temp"

EVERYBODY: Final = "{app,backup,compat,door,readonly}"
NOBODY: Final = "{}"
"""But the owner, and the triggers that call it."""

MOMENT: Final = "moment timestamp without time zone"
PLACE: Final = "after_at timestamp without time zone, after_id uuid, wanted integer"

SEARCH_FUNCTIONS: Final = {
    f"admin_search_users(needle text, {PLACE})": "enable_seqscan=off; jit=off",
    f"find_results_with_creator(wanted_platform text, wanted_name text, {PLACE})": "jit=off",
}
"""They bypass row-level security and check the claim themselves; tests/db/isolation attacks each of them."""

KEY_FUNCTIONS: Final = ("find_api_key(wanted_prefix text)", "find_browser_session(wanted_digest bytea)")
"""Called before the caller is known; the result is useful only to a caller who knows the rest of the key."""

CLAIMING: Final = "claim_tenant(claims text)"
"""Looks whether the user exists, before there is a claim under which it could be seen."""

BY_HANDLE: Final = "find_creators_by_handle(platforms text[], handles text[])"
"""Reads the catalog, which every tenant may read: only so that the index on lower(handle) is used."""

DEFINERS: Final = {
    "app_now()": EVERYBODY,
}
"""They read one table each that the caller may not."""

WRITING_FUNCTIONS: Final = (
    "redact_events(ids uuid[], fields text[], reason text, actor text)",
    "take_campaign(tenant text)",
    "give_campaign_back(tenant text)",
    "charge_creators(tenant text, on_platform text, creators text[], search uuid)",
    "take_enrichments(tenant text, wanted integer)",
    "clean_creator_indexes()",
)
"""They change what the caller may not. The first checks the claim, policies of the owner check the others.

The last changes no row."""

READERS: Final = {
    "app_tenant()": "STABLE",
    "app_actor()": "STABLE",
    "app_is_system()": "STABLE",
    "configuration_is_carried_over()": "STABLE",
    "configuration_measure(value text, value_type text)": "IMMUTABLE",
    "creator_usernames(creators jsonb)": "IMMUTABLE",
    "creator_platforms(creators jsonb)": "IMMUTABLE",
    "fold_text(given text)": "IMMUTABLE",
    "legacy_onboarding_step(word text)": "IMMUTABLE",
    "legacy_trial_status(word text)": "IMMUTABLE",
    "legacy_subscription_status(word text)": "IMMUTABLE",
    "legacy_billing_sync_status(word text)": "IMMUTABLE",
    "legacy_plan_key(word text)": "IMMUTABLE",
    "user_migration_columns()": "IMMUTABLE",
    f"user_migration_source(source regclass, target text, already regclass, {MOMENT})": "STABLE",
    "user_migration_target(target text, already regclass)": "STABLE",
}

VERIFIERS: Final = (
    f"verify_user_migration_rows(source regclass, already regclass, {MOMENT})",
    f"verify_user_migration_tables(source regclass, already regclass, {MOMENT})",
    "verify_user_normalization(source regclass)",
)

OF_TRIGGERS: Final = {
    "fill_tenant_from_campaign()": FIXED_WITH_PUBLIC,
    "fill_tenant_from_claim()": FIXED_WITH_PUBLIC,
    "fill_tenant_from_search()": FIXED_WITH_PUBLIC,
    "fill_tenant_from_search_job()": FIXED_WITH_PUBLIC,
    "fill_tenant_from_user()": FIXED_WITH_PUBLIC,
    "fill_tenant_of_event()": FIXED_WITH_PUBLIC,
    "fill_user_from_search()": FIXED_WITH_PUBLIC,
    "refuse_change_by_tenant()": FIXED_WITH_PUBLIC,
    "refuse_foreign_campaign()": FIXED_WITH_PUBLIC,
    "refuse_illegal_transition()": FIXED,
    "refuse_overlong()": FIXED,
    "count_provider_spending()": FIXED_WITH_PUBLIC,
    "notify_events()": FIXED,
    "refuse_changed_event()": FIXED,
    "refuse_lost_event()": FIXED,
    "notify_background_jobs()": FIXED,
    "notify_system_configurations()": FIXED,
    "record_configuration_change()": FIXED_WITH_PUBLIC,
    "refuse_unreadable_configuration()": FIXED_WITH_PUBLIC,
    "refuse_truncated_configuration()": FIXED,
    "notify_outbox()": FIXED,
    "notify_searches()": FIXED,
    "touch_updated_at()": f"{FIXED}; TimeZone=UTC",
}

OF_THE_OWNERS_TRIGGERS: Final = ("erase_profile_backup()",)
"""They change rows that the user who fires them may not read; nobody calls them."""

OF_THE_OLD_PROFILES: Final = {
    "compat.insert_user_profile()": ("VOLATILE", FIXED_WITH_PUBLIC),
    "compat.update_user_profile()": ("VOLATILE", FIXED_WITH_PUBLIC),
    "compat.delete_user_profile()": ("VOLATILE", FIXED_WITH_PUBLIC),
    "compat.user_profile_columns()": ("IMMUTABLE", FIXED),
    "compat.write_user_profile(wanted compat.user_profiles, present compat.user_profiles, owner uuid)": (
        "VOLATILE",
        FIXED_WITH_PUBLIC,
    ),
}

FILLS_TENANT: Final = {
    "user_subscriptions": "INSERT OR UPDATE OF user_id, tenant_id FOR EACH ROW fill_tenant_from_user()",
    "user_billing": "INSERT OR UPDATE OF user_id, tenant_id FOR EACH ROW fill_tenant_from_user()",
    "user_usage": "INSERT OR UPDATE OF user_id, tenant_id FOR EACH ROW fill_tenant_from_user()",
    "user_system_data": "INSERT OR UPDATE OF user_id, tenant_id FOR EACH ROW fill_tenant_from_user()",
    "scraping_results": "INSERT OR UPDATE OF job_id, user_id FOR EACH ROW fill_user_from_search()",
    "scraping_runs": "INSERT OR UPDATE OF job_id, tenant_id FOR EACH ROW fill_tenant_from_search()",
    "search_creators": "INSERT OR UPDATE OF job_id, tenant_id FOR EACH ROW fill_tenant_from_search()",
    **dict.fromkeys(
        ("campaign_creators", "search_jobs", "exclusions", "exports", "enrichments"),
        "INSERT OR UPDATE OF campaign_id, tenant_id FOR EACH ROW fill_tenant_from_campaign()",
    ),
    "search_candidates": "INSERT OR UPDATE OF job_id, tenant_id FOR EACH ROW fill_tenant_from_search()",
    "similar_creators": "INSERT OR UPDATE OF job_id, tenant_id FOR EACH ROW fill_tenant_from_search()",
    "search_results": "INSERT OR UPDATE OF job_id, tenant_id FOR EACH ROW fill_tenant_from_search_job()",
    "events": "INSERT FOR EACH ROW fill_tenant_of_event()",
    "event_keys": "INSERT FOR EACH ROW fill_tenant_from_claim()",
    "event_deliveries": "INSERT FOR EACH ROW fill_tenant_from_claim()",
    "background_jobs": "INSERT FOR EACH ROW fill_tenant_from_claim()",
    "outbox_messages": "INSERT FOR EACH ROW fill_tenant_from_claim()",
    "inbox_messages": "INSERT FOR EACH ROW fill_tenant_from_claim()",
}

GUARDED: Final = {
    "users": "INSERT OR DELETE OR UPDATE OF is_admin",
    "user_subscriptions": "INSERT OR DELETE OR UPDATE",
    "user_billing": "INSERT OR DELETE OR UPDATE",
    "user_usage": "INSERT OR DELETE OR UPDATE",
    "usage_charges": "INSERT OR DELETE OR UPDATE",
    "provider_budgets": "INSERT OR DELETE OR UPDATE",
    "usage_periods": "INSERT OR DELETE OR UPDATE",
    "usage_enrichments": "INSERT OR DELETE OR UPDATE",
    "plan_grants": "INSERT OR DELETE OR UPDATE",
    "stripe_subscriptions": "INSERT OR DELETE OR UPDATE",
    "credentials": "INSERT OR DELETE OR UPDATE",
    "account_links": "INSERT OR DELETE OR UPDATE",
    "members": "INSERT OR DELETE OR UPDATE",
    "clerk_subjects": "INSERT OR DELETE OR UPDATE",
    "user_system_data": "INSERT OR DELETE OR UPDATE OF signup_timestamp",
}
"""What no tenant's claim does."""

LIMITED: Final = {
    ("campaigns", "name"): ("(length(new.name) > 200)", "200 characters"),
    ("campaigns", "description"): ("(length(new.description) > 2000)", "2000 characters"),
    ("scraping_runs", "keyword"): ("(length(new.keyword) > 200)", "200 characters"),
    ("exclusions", "note"): ("(length(new.note) > 5000)", "5000 characters"),
    ("creators", "bio"): ("(length(new.bio) > 20000)", "20000 characters"),
    ("posts", "text"): ("(length(new.text) > 50000)", "50000 characters"),
    ("posts", "description"): ("(length(new.description) > 50000)", "50000 characters"),
    ("search_results", "bio"): ("(length(new.bio) > 20000)", "20000 characters"),
    ("search_results", "post_description"): ("(length(new.post_description) > 50000)", "50000 characters"),
    ("search_results", "raw_data"): ("(octet_length((new.raw_data)::text) > 262144)", "256 kB"),
    ("scraping_jobs", "keywords"): (
        """(new.keywords @? '$[*]?(@ like_regex "^.{201}" flag "s")'::jsonpath)""",
        "200 characters each",
    ),
    ("scraping_jobs", "search_params"): ("(octet_length((new.search_params)::text) > 65536)", "64 kB"),
}
"""What is too long, and how the refusal says what is not."""

_WRITTEN: Final = (
    "{}.id", "{}.aggregate_id", "({}.aggregate_type)::text", "({}.event_type)::text", "{}.event_version",
    "{}.event_data", "{}.metadata", '{}."timestamp"', "{}.idempotency_key", "({}.source_system)::text",
    "{}.correlation_id", "{}.causation_id", "{}.tenant_id", "{}.seq",
)  # fmt: skip
_EDITED: Final = reduce(
    lambda before, this: f"({before} OR {this})",
    (f"({name.format('old')} IS DISTINCT FROM {name.format('new')})" for name in _WRITTEN),
)

_TO_AN_END: Final = tuple(
    f"{before} to {end}"
    for before in ("pending", "processing")
    for end in ("completed", "error", "timeout", "cancelled")
)

STEPS: Final = {
    "campaigns": (
        "draft to active",
        "draft to archived",
        "active to completed",
        "completed to active",
        "completed to archived",
        "archived to draft",
        "archived to completed",
    ),
    "scraping_jobs": ("pending to processing", "processing to pending", *_TO_AN_END),
    "scraping_runs": ("pending to processing", *_TO_AN_END),
}
"""By which a status may change."""

TOUCHED: Final = (
    "campaigns",
    "scraping_jobs",
    "scraping_runs",
    "search_jobs",
    "subscription_plans",
    "system_configurations",
    "user_billing",
    "user_subscriptions",
    "user_system_data",
    "user_usage",
    "users",
)
"""Tables whose updated_at a trigger keeps."""

OTHER_TRIGGERS: Final = {
    (
        "system_configurations: refuse_unreadable BEFORE INSERT OR UPDATE FOR EACH ROW"
        " refuse_unreadable_configuration()"
    ),
    (
        "system_configurations: record_change AFTER INSERT OR DELETE OR UPDATE FOR EACH ROW"
        " record_configuration_change()"
    ),
    (
        "system_configurations: wake_readers AFTER INSERT OR DELETE OR UPDATE FOR EACH STATEMENT"
        " notify_system_configurations()"
    ),
    (
        "system_configurations: refuse_truncate BEFORE TRUNCATE FOR EACH STATEMENT"
        " refuse_truncated_configuration()"
    ),
    (
        "provider_calls: count_spending AFTER INSERT OR UPDATE OF status, micros_usd FOR EACH ROW"
        " count_provider_spending()"
    ),
    "users: erase_backup AFTER DELETE FOR EACH ROW erase_profile_backup()",
    "events: wake_dispatchers AFTER INSERT FOR EACH STATEMENT notify_events()",
    "events: refuse_loss BEFORE DELETE OR TRUNCATE FOR EACH STATEMENT refuse_lost_event()",
    (
        "background_jobs: touch_updated_at BEFORE UPDATE FOR EACH ROW"
        " WHEN ((NOT (new.updated_at IS DISTINCT FROM old.updated_at))) touch_updated_at()"
    ),
    f"events: refuse_change BEFORE UPDATE FOR EACH ROW WHEN ({_EDITED}) refuse_changed_event()",
    "background_jobs: wake_workers AFTER INSERT FOR EACH STATEMENT notify_background_jobs()",
    "outbox_messages: wake_relays AFTER INSERT FOR EACH STATEMENT notify_outbox()",
    "scraping_jobs: wake_watchers AFTER DELETE OR UPDATE FOR EACH ROW notify_searches()",
    "scraping_runs: wake_watchers AFTER UPDATE FOR EACH ROW notify_searches()",
    (
        "scraping_jobs: refuse_foreign_campaign BEFORE INSERT OR UPDATE OF campaign_id, user_id FOR EACH ROW"
        " WHEN ((new.campaign_id IS NOT NULL)) refuse_foreign_campaign()"
    ),
    *(
        f"{table}: refuse_illegal_transition BEFORE UPDATE OF status FOR EACH ROW"
        " WHEN (((old.status)::text IS DISTINCT FROM (new.status)::text))"
        f" refuse_illegal_transition({', '.join(map(repr, steps))})"
        for table, steps in STEPS.items()
    ),
    *(
        f"compat.user_profiles: {verb}_user_profile INSTEAD OF {verb.upper()} FOR EACH ROW"
        f" compat.{verb}_user_profile()"
        for verb in ("insert", "update", "delete")
    ),
}


def functions() -> set[str]:
    owned = "INVOKER OF owner FOR"
    custom = "plan_cache_mode=force_custom_plan"
    return {
        *(
            f"{it}: STABLE DEFINER OF door FOR {{app}} WITH {FIXED}; {custom}; {to}"
            for it, to in SEARCH_FUNCTIONS.items()
        ),
        *(f"{it}: STABLE DEFINER OF door FOR {{app}} WITH {FIXED}" for it in KEY_FUNCTIONS),
        f"{CLAIMING}: VOLATILE DEFINER OF door FOR {{app}} WITH {FIXED}",
        f"{BY_HANDLE}: STABLE DEFINER OF door FOR {{app}} WITH {FIXED}",
        *(f"{it}: STABLE DEFINER OF owner FOR {who} WITH {FIXED}" for it, who in DEFINERS.items()),
        *(f"{it}: VOLATILE DEFINER OF owner FOR {{app}} WITH {FIXED}" for it in WRITING_FUNCTIONS),
        *(f"{it}: {kind} {owned} {EVERYBODY} WITH {FIXED}" for it, kind in READERS.items()),
        *(f"{it}: STABLE {owned} {NOBODY} WITH {FIXED_WITH_PUBLIC}" for it in VERIFIERS),
        *(f"{it}: VOLATILE {owned} {NOBODY} WITH {settings}" for it, settings in OF_TRIGGERS.items()),
        *(f"{it}: VOLATILE DEFINER OF owner FOR {NOBODY} WITH {FIXED}" for it in OF_THE_OWNERS_TRIGGERS),
        *(
            f"{it}: {kind} {owned} {{app,compat}} WITH {settings}"
            for it, (kind, settings) in OF_THE_OLD_PROFILES.items()
        ),
    }


def triggers() -> set[str]:
    return {
        *(f"{table}: fill_tenant BEFORE {when}" for table, when in FILLS_TENANT.items()),
        *(f"{table}: touch_updated_at BEFORE UPDATE FOR EACH ROW touch_updated_at()" for table in TOUCHED),
        *(
            f"{table}: refuse_change_by_tenant BEFORE {change} FOR EACH STATEMENT refuse_change_by_tenant()"
            for table, change in GUARDED.items()
        ),
        *(
            f"{table}: refuse_move_by_tenant AFTER UPDATE FOR EACH ROW"
            f" WHEN ((old.{column} IS DISTINCT FROM new.{column})) refuse_change_by_tenant()"
            for table, column in OF_A_TENANT.items()
        ),
        *(
            f"{table}: limit_{column}_on_insert BEFORE INSERT FOR EACH ROW"
            f" WHEN ({too_long}) refuse_overlong('{column}', '{limit}')"
            for (table, column), (too_long, limit) in LIMITED.items()
        ),
        *(
            f"{table}: limit_{column}_on_update BEFORE UPDATE OF {column} FOR EACH ROW"
            f" WHEN (((new.{column} IS DISTINCT FROM old.{column}) AND {too_long}))"
            f" refuse_overlong('{column}', '{limit}')"
            for (table, column), (too_long, limit) in LIMITED.items()
        ),
        *OTHER_TRIGGERS,
    }
