"""The original product's tables and columns, what stands in a database, and the views that adoption reads.

A column is `name:kind`; a kind is t text, n number, b boolean, d date and time, j JSON, u uuid. A column
marked `!` must be there: without it the table is another product's. The views `source_<table>` have every
column, with one type each and times in UTC; before the tables are moved, the same text stands in a WITH.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from psycopg import Connection, sql

from tastemaker.core.errors import DatabaseUnavailable

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

MAJOR: Final = "SELECT current_setting('server_version_num')::integer / 10000, pg_is_in_recovery()"

_COLUMNS: Final = """
SELECT c.relname, a.attname, CASE WHEN t.typtype = 'e' THEN 'USER-DEFINED' ELSE format_type(t.oid, NULL) END
FROM pg_class c
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_type t ON t.oid = a.atttypid
WHERE c.relnamespace = %(schema)s::regnamespace AND c.relkind IN ('r', 'p')
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
"""

_OTHERS: Final = """
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('v', 'm', 'f', 'S')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                  AND d.deptype IN ('e', 'a', 'i') AND (d.deptype = 'e' OR c.relkind = 'S'))
ORDER BY 1
"""

_NOT_OWNED: Final = """
SELECT c.relname FROM pg_class c
WHERE (c.relnamespace = 'public'::regnamespace OR c.oid = to_regclass('drizzle.__drizzle_migrations'))
  AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT pg_has_role(c.relowner, 'USAGE')
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
UNION ALL
SELECT p.oid::regprocedure::text FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace AND NOT pg_has_role(p.proowner, 'USAGE')
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
ORDER BY 1
"""

_MAKERS: Final = """
SELECT acl.grantee::regrole::text FROM pg_namespace n CROSS JOIN aclexplode(n.nspacl) acl
WHERE n.nspname = 'public' AND acl.privilege_type = 'CREATE' AND acl.grantee NOT IN (0, n.nspowner)
  AND acl.grantee::regrole::text !~ '^tastemaker_' AND acl.grantee <> session_user::regrole
  AND NOT (SELECT rolsuper FROM pg_roles WHERE oid = acl.grantee)
ORDER BY 1
"""
"""Who else may put something into `public`: a function that fits better than PostgreSQL's own, for one."""

_POLICIES: Final = """
SELECT format('%%s on %%s%%s', policyname, tablename,
              CASE WHEN qual = 'true' THEN ', which lets everybody through'
                   WHEN qual LIKE '%%user_profiles%%' THEN ', which names user_profiles' ELSE '' END)
FROM pg_policies WHERE schemaname = 'public' ORDER BY tablename, policyname
"""

_UNIQUE: Final = """
SELECT c.relname, a.attname FROM pg_index x
JOIN pg_class c ON c.oid = x.indrelid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = x.indkey[0]
WHERE c.relnamespace = 'public'::regnamespace AND x.indisunique AND x.indnkeyatts = 1 AND x.indpred IS NULL
"""

_FACTS: Final = """
SELECT current_database(), current_setting('TimeZone'),
       (SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'),
       to_regclass('public.alembic_version') IS NOT NULL
           AND to_regclass('public.schema_migrations_applied') IS NOT NULL,
       to_regclass('drizzle.__drizzle_migrations') IS NOT NULL,
       (SELECT n.nspname FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid
        WHERE n.nspname ~ '^legacy_[0-9]{8}' AND c.relname = 'adoption' ORDER BY n.nspname DESC LIMIT 1)
"""

_TYPES: Final = {"t": "text", "n": "numeric", "b": "boolean", "d": "timestamp", "j": "jsonb", "u": "uuid"}

_SAYABLE: Final = "CASE WHEN {0} BETWEEN '0001-01-01' AND '9999-12-31' THEN {0} END"
"""Infinite times, and those before Christ or after the year 9999, no client of ours can read: unknown."""


class AdoptionRefused(DatabaseUnavailable):
    """The database is not one that adoption understands, or not by this connection. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class SourceColumn:
    name: str
    kind: str
    required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """What stands in `public`: columns and their types by table, and other facts that may matter."""

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


def columns_of(table: str) -> tuple[SourceColumn, ...]:
    words = (word.split(":") for word in TABLES[table].split())
    return tuple(SourceColumn(name, kind.rstrip("!"), kind.endswith("!")) for name, kind in words)


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


def read_server(connection: Connection[Any]) -> tuple[int, bool]:
    """The major version, and whether it is a standby."""
    row = connection.execute(MAJOR).fetchone()
    return (int(row[0]), bool(row[1])) if row else (0, True)


def read_tables(connection: Connection[Any], schema: str) -> dict[str, dict[str, str]]:
    """Columns and their types by table, of the tables that stand in the schema."""
    tables: dict[str, dict[str, str]] = {}
    for table, column, type_name in connection.execute(_COLUMNS, {"schema": schema}):
        columns = tables.setdefault(table, {})
        if column is not None:
            columns[column] = type_name
    return tables


def read_census(connection: Connection[Any]) -> Census:
    row = connection.execute(_FACTS).fetchone()
    if row is None:
        raise TypeError("a SELECT without FROM has one row")
    database, time_zone, sessions, has_our_ledger, has_drizzle, adoption_schema = row
    return Census(
        database=database,
        tables=read_tables(connection, "public"),
        has_our_ledger=has_our_ledger,
        adoption_schema=adoption_schema,
        other_relations=_names(connection, _OTHERS),
        not_owned=_names(connection, _NOT_OWNED),
        makers=_names(connection, _MAKERS),
        policies=_names(connection, _POLICIES),
        foreign_ledgers=("drizzle.__drizzle_migrations",) if has_drizzle else (),
        unique=frozenset((table, column) for table, column in connection.execute(_UNIQUE)),
        time_zone=time_zone,
        sessions=sessions,
    )


def _names(connection: Connection[Any], query: str) -> tuple[str, ...]:
    return tuple(str(row[0]) for row in connection.execute(query, {}))


def select_of(table: str, found: Mapping[str, str] | None, *, schema: str) -> sql.Composed:
    """`found` are the columns that are there with their types; None where the table is not."""
    columns = sql.SQL(", ").join(
        sql.SQL("{} AS {}").format(
            _value(column.name, column.kind, (found or {}).get(column.name)), sql.Identifier(column.name)
        )
        for column in columns_of(table)
    )
    if found is None:
        return sql.SQL("SELECT {} WHERE false").format(columns)
    return sql.SQL("SELECT {} FROM {} s").format(columns, sql.Identifier(schema, table))


def sources_in_public(census: Census) -> sql.Composed:
    """A WITH clause that names every source, for questions before anything has moved."""
    parts = (
        sql.SQL("{} AS NOT MATERIALIZED ({})").format(
            sql.Identifier(f"source_{table}"), select_of(table, census.tables.get(table), schema="public")
        )
        for table in TABLES
    )
    return sql.SQL("WITH {} ").format(sql.SQL(", ").join(parts))


def create_source_views(connection: Connection[Any], census: Census, *, schema: str) -> None:
    for table in TABLES:
        connection.execute(
            sql.SQL("CREATE OR REPLACE VIEW {} AS {}").format(
                sql.Identifier(schema, f"source_{table}"),
                select_of(table, census.tables.get(table), schema=schema),
            )
        )


def _value(name: str, kind: str, type_name: str | None) -> sql.Composable:
    column = sql.SQL("s.{}").format(sql.Identifier(name))
    if type_name is None:
        return sql.SQL("NULL::" + _TYPES[kind])
    if kind == "d":
        at = "timezone('UTC', {})" if type_name == "timestamp with time zone" else "{}::timestamp"
        return sql.SQL(_SAYABLE).format(sql.SQL(at).format(column))
    return sql.SQL("{}::" + _TYPES[kind]).format(column)
