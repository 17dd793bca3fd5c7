"""Users, profiles and owners of the original, each once, and the rows that they become.

Five tables win over `user_profiles`, because newer code wrote them; a value that they do not have is filled
from the profile. Of several satellite rows of one user
the one changed last stays; the others, the latest first, fill what it leaves empty.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg import Connection, sql

from tastemaker.adopt.ledger_queries import Counts

WORDS: Final = frozenset(
    {"current_plan", "intended_plan", "subscription_status", "trial_status", "billing_sync_status"}
)

_CUSTOMER: Final = (
    "LEFT JOIN adoption_customers k ON k.customer = left(s.stripe_customer_id, 255) AND k.user_id = b.user_id"
)

LONGEST_ID: Final = 600

PEOPLE: Final = """
CREATE TABLE adoption_people AS
WITH named AS (
    SELECT user_id, id, 1 AS rank, 'users' AS origin, updated_at FROM source_users
    UNION ALL SELECT user_id, id, 2, 'user_profiles', updated_at FROM source_user_profiles
    UNION ALL SELECT DISTINCT user_id, NULL::uuid, 3, 'orphans', NULL::timestamp
    FROM (SELECT user_id FROM source_campaigns UNION SELECT user_id FROM source_scraping_jobs)
        o WHERE {orphans}
), once AS (
    SELECT DISTINCT ON (user_id) * FROM named WHERE user_id <> '' AND length(user_id) <= {longest}
    ORDER BY user_id, rank, updated_at DESC NULLS LAST, id
)
SELECT row_number() OVER (ORDER BY user_id) AS n, user_id, id AS source_id, origin,
       CASE WHEN id IS NOT NULL AND row_number() OVER (PARTITION BY id ORDER BY rank, user_id) = 1
            THEN id ELSE gen_random_uuid() END AS id
FROM once;
ALTER TABLE adoption_people ADD PRIMARY KEY (n);
CREATE UNIQUE INDEX ON adoption_people (user_id);
CREATE INDEX ON adoption_people (id);
ANALYZE adoption_people;
"""

PROFILES: Final = """
CREATE TABLE adoption_profiles AS
WITH fitting AS (
    SELECT DISTINCT ON (user_id) p.*
    FROM source_user_profiles p WHERE user_id <> '' AND length(user_id) <= {longest}
    ORDER BY user_id, updated_at DESC NULLS LAST, id
)
SELECT n.id, p.user_id, p.name, p.company_name, p.industry,
       CASE WHEN length(p.email) <= 320 THEN p.email END AS email,
       p.created_at, p.updated_at, p.signup_timestamp, p.onboarding_step, p.full_name, p.business_name,
       p.brand_description, p.email_schedule_status, p.trial_start_date, p.trial_end_date, p.trial_status,
       left(p.stripe_customer_id, 255) AS stripe_customer_id,
       left(p.stripe_subscription_id, 255) AS stripe_subscription_id, p.subscription_status,
       p.current_plan, p.is_admin, p.payment_method_id,
       left(p.card_last_4, 4)::varchar(4) AS card_last_4, left(p.card_brand, 20)::varchar(20) AS card_brand,
       p.card_exp_month::integer, p.card_exp_year::integer, p.billing_address_city,
       CASE WHEN length(p.billing_address_country) <= 2 THEN p.billing_address_country END::varchar(2)
           AS billing_address_country,
       left(p.billing_address_postal_code, 20)::varchar(20) AS billing_address_postal_code,
       p.plan_campaigns_limit::integer, p.plan_creators_limit::integer, p.plan_features,
       p.usage_campaigns_current::integer, p.usage_creators_current_month::integer, p.usage_reset_date,
       left(p.last_webhook_event, 100)::varchar(100) AS last_webhook_event, p.last_webhook_timestamp,
       p.billing_sync_status, p.trial_conversion_date, p.subscription_cancel_date,
           p.subscription_renewal_date,
       p.intended_plan
FROM fitting p JOIN adoption_people n USING (user_id);
ALTER TABLE adoption_profiles ADD PRIMARY KEY (user_id);
ANALYZE adoption_profiles;
"""

CUSTOMERS: Final = """
CREATE TABLE adoption_customers AS
SELECT DISTINCT ON (customer) customer, n.user_id
FROM (SELECT b.*, left(b.stripe_customer_id, 255) AS customer FROM source_user_billing b) b
JOIN source_users u ON u.id = b.user_id JOIN adoption_people n ON n.user_id = u.user_id
WHERE customer IS NOT NULL
ORDER BY customer, (b.stripe_subscription_id IS NOT NULL) DESC, b.updated_at DESC NULLS LAST, n.user_id;
ALTER TABLE adoption_customers ADD PRIMARY KEY (customer);
INSERT INTO adoption_customers
SELECT stripe_customer_id, user_id FROM (
    SELECT *, row_number() OVER (
               PARTITION BY stripe_customer_id
               ORDER BY (stripe_subscription_id IS NOT NULL) DESC, updated_at DESC NULLS LAST, user_id)
                   AS place
    FROM adoption_profiles) p
WHERE place = 1 AND stripe_customer_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM source_user_billing b JOIN source_users u ON u.id = b.user_id
                  WHERE u.user_id = p.user_id)
ON CONFLICT DO NOTHING;
ANALYZE adoption_customers;
"""

_USERS: Final = """
WITH batch AS MATERIALIZED (SELECT * FROM adoption_people WHERE n > %(after)s AND n <= %(upto)s),
rows AS (
    SELECT b.n, b.id, b.user_id,
           coalesce(CASE WHEN length(u.email) <= 320 THEN u.email END, p.email) AS email,
           coalesce(u.full_name, nullif(p.full_name, ''), p.name) AS full_name,
           coalesce(u.business_name, nullif(p.business_name, ''), p.company_name) AS business_name,
           coalesce(u.brand_description, p.brand_description) AS brand_description,
           coalesce(u.industry, p.industry) AS industry,
           coalesce(u.onboarding_step, p.onboarding_step) AS onboarding_step, u.is_admin,
           coalesce(u.created_at, u.updated_at, %(moment)s) AS created_at, u.updated_at
    FROM batch b JOIN source_users u ON u.id = b.source_id AND u.user_id = b.user_id
    LEFT JOIN adoption_profiles p ON p.user_id = b.user_id WHERE b.origin = 'users'
    UNION ALL
    SELECT b.n, b.id, b.user_id, p.email, CASE WHEN p.full_name <> '' THEN p.full_name
        ELSE coalesce(p.name, p.full_name) END,
           CASE WHEN p.business_name <> '' THEN p.business_name ELSE coalesce(p.company_name,
               p.business_name) END,
           p.brand_description, p.industry, p.onboarding_step, p.is_admin,
           coalesce(p.created_at, p.signup_timestamp, p.updated_at, %(moment)s), p.updated_at
    FROM batch b JOIN adoption_profiles p USING (user_id) WHERE b.origin = 'user_profiles'
    UNION ALL
    SELECT n, id, user_id, NULL, NULL, NULL, NULL, NULL, NULL, false, %(moment)s, NULL
    FROM batch WHERE origin = 'orphans'
), written AS (
    INSERT INTO public.users (id, user_id, email, full_name, business_name, brand_description, industry,
                              onboarding_step, is_admin, created_at, updated_at)
    SELECT DISTINCT ON (s.n) s.id, s.user_id, s.email, s.full_name, s.business_name, s.brand_description,
        s.industry,
           w.mapped, coalesce(s.is_admin, false), s.created_at, coalesce(s.updated_at, s.created_at)
    FROM rows s LEFT JOIN adoption_words w ON w.field = 'onboarding_step'
                                          AND w.digest = md5(coalesce(s.onboarding_step, ''))
    ORDER BY s.n
    RETURNING 1
)
SELECT (SELECT count(*) FROM batch), (SELECT count(*) FROM written),
       (SELECT jsonb_object_agg(origin, rows) FROM (SELECT origin, count(*) AS rows FROM batch GROUP BY 1) o)
"""

_SATELLITE: Final = """
WITH batch AS MATERIALIZED (SELECT * FROM adoption_people WHERE n > %(after)s AND n <= %(upto)s),
found AS MATERIALIZED (
    SELECT b.n, s.*, row_number() OVER (
        PARTITION BY b.n ORDER BY s.updated_at DESC NULLS LAST, s.created_at DESC NULLS LAST, s.id) AS place
    FROM batch b JOIN source_users u ON u.user_id = b.user_id JOIN source_{table} s ON s.user_id = u.id
), merged AS (
    SELECT n, {merged} FROM found GROUP BY n
), chosen AS (
    SELECT m.n, {filled}, m.created_at, m.updated_at
    FROM merged m JOIN batch b USING (n) LEFT JOIN adoption_profiles p USING (user_id)
    UNION ALL
    SELECT b.n, {from_profile}, coalesce(p.created_at, p.signup_timestamp, p.updated_at, %(moment)s),
        p.updated_at
    FROM batch b JOIN adoption_profiles p USING (user_id)
    WHERE {worth} AND NOT EXISTS (SELECT FROM merged m WHERE m.n = b.n)
), completed AS (
    SELECT * FROM chosen
    UNION ALL
    SELECT b.n, {nothing}, %(moment)s, %(moment)s FROM batch b
    WHERE {everybody} AND NOT EXISTS (SELECT FROM chosen c WHERE c.n = b.n)
), written AS (
    INSERT INTO public.{table} (user_id, {columns}, created_at, updated_at)
    SELECT b.id, {values}, coalesce(s.created_at, s.updated_at, %(moment)s),
           coalesce(s.updated_at, s.created_at, %(moment)s)
    FROM completed s JOIN batch b USING (n) {words}
    RETURNING 1
)
SELECT (SELECT count(*) FROM found), (SELECT count(*) FROM written),
       (SELECT count(*) FROM found WHERE place > 1), (SELECT count(*) FROM chosen) - (SELECT count(*)
           FROM merged),
       (SELECT count(*) FROM completed) - (SELECT count(*) FROM chosen)
"""

_STRAY_SATELLITES: Final = """
INSERT INTO adoption_rejected (table_name, row_id, reason)
SELECT '{table}', s.id::text, 'its user is gone' FROM source_{table} s
WHERE NOT EXISTS (SELECT FROM source_users u
    JOIN adoption_people p ON p.user_id = u.user_id WHERE u.id = s.user_id)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Satellite:
    """`optional`: made only where there is something to keep. The others belong to every user."""

    table: str
    columns: Mapping[str, str]
    optional: bool = False
    joins: str = ""


def _as_is(*names: str) -> dict[str, str]:
    return {name: f"s.{name}" for name in names}


_LIMIT: Final = "(CASE WHEN {0} < -1 THEN -1 ELSE {0} END)::integer"

SUBSCRIPTIONS: Final = Satellite(
    table="user_subscriptions",
    columns={
        **_as_is(
            "current_plan", "intended_plan", "subscription_status", "trial_status", "trial_start_date",
            "trial_conversion_date", "subscription_cancel_date", "subscription_renewal_date",
            "billing_sync_status",
        ),
        "trial_end_date": """
            CASE WHEN s.trial_end_date < s.trial_start_date THEN s.trial_start_date
                 ELSE s.trial_end_date END""",
    },
)  # fmt: skip

BILLING: Final = Satellite(
    table="user_billing",
    optional=True,
    joins=_CUSTOMER,
    columns={
        "stripe_customer_id": "k.customer",
        "stripe_subscription_id": "left(s.stripe_subscription_id, 255)",
        "payment_method_id": "s.payment_method_id",
        "card_last_4": "left(s.card_last_4, 4)",
        "card_brand": "left(s.card_brand, 20)",
        "card_exp_month": "CASE WHEN s.card_exp_month BETWEEN 1 AND 12 THEN s.card_exp_month::integer END",
        "card_exp_year": "CASE WHEN s.card_exp_year BETWEEN 1970 AND 2200 THEN s.card_exp_year::integer END",
        "billing_address_city": "s.billing_address_city",
        "billing_address_country": """
            CASE WHEN length(s.billing_address_country) <= 2 THEN s.billing_address_country END""",
        "billing_address_postal_code": "left(s.billing_address_postal_code, 20)",
    },
)

USAGE: Final = Satellite(
    table="user_usage",
    columns={
        "plan_campaigns_limit": _LIMIT.format("s.plan_campaigns_limit"),
        "plan_creators_limit": _LIMIT.format("s.plan_creators_limit"),
        "plan_features": """
            CASE WHEN jsonb_typeof(s.plan_features) = 'object' THEN s.plan_features ELSE '{}' END""",
        "usage_campaigns_current": "greatest(coalesce(s.usage_campaigns_current, 0), 0)::integer",
        "usage_creators_current_month": "greatest(coalesce(s.usage_creators_current_month, 0), 0)::integer",
        "usage_reset_date": "coalesce(s.usage_reset_date, s.created_at, s.updated_at, %(moment)s)",
    },
)

SYSTEM_DATA: Final = Satellite(
    table="user_system_data",
    columns={
        "signup_timestamp": "coalesce(s.signup_timestamp, s.created_at, s.updated_at, %(moment)s)",
        "email_schedule_status": "coalesce(s.email_schedule_status, '{}')",
        "last_webhook_event": "left(s.last_webhook_event, 100)",
        "last_webhook_timestamp": "s.last_webhook_timestamp",
    },
)

SATELLITES: Final = (SUBSCRIPTIONS, BILLING, USAGE, SYSTEM_DATA)


def list_people(connection: Connection[Any], *, with_orphans: bool) -> Counts:
    connection.execute(
        sql.SQL(PEOPLE).format(orphans=sql.Literal(with_orphans), longest=sql.Literal(LONGEST_ID))
    )
    connection.execute(sql.SQL(PROFILES).format(longest=sql.Literal(LONGEST_ID)))
    connection.execute(CUSTOMERS)
    rows = connection.execute("SELECT origin, count(*) FROM adoption_people GROUP BY 1").fetchall()
    return {"people": dict(rows)}


def count_people(connection: Connection[Any]) -> int:
    row = connection.execute("SELECT coalesce(max(n), 0) FROM adoption_people").fetchone()
    return int(row[0]) if row else 0


def copy_users(connection: Connection[Any], *, after: int, upto: int, moment: datetime) -> Counts:
    row = connection.execute(_USERS, {"after": after, "upto": upto, "moment": moment}).fetchone()
    read, written, origins = row or (0, 0, {})
    return {"read": read, "written": written, "from": origins or {}}


def copy_satellite(
    connection: Connection[Any], satellite: Satellite, *, after: int, upto: int, moment: datetime
) -> Counts:
    statement = _satellite_statement(satellite)
    row = connection.execute(statement, {"after": after, "upto": upto, "moment": moment}).fetchone()
    read, written, merged, from_profiles, made = row or (0, 0, 0, 0, 0)
    return {
        "read": read, "written": written, "merged_into_one_of_the_same_user": merged,
        "from_user_profiles": from_profiles, "made_for_users_without": made,
    }  # fmt: skip


def reject_stray_satellites(connection: Connection[Any]) -> Counts:
    stray = {
        table: connection.execute(sql.SQL(_STRAY_SATELLITES).format(table=sql.SQL(table))).rowcount
        for table in (satellite.table for satellite in SATELLITES)
    }
    return {"satellites_without_a_user": {table: rows for table, rows in stray.items() if rows}}


def _satellite_statement(satellite: Satellite) -> sql.Composed:
    columns = tuple(satellite.columns)
    latest = "(array_agg({0} ORDER BY place) FILTER (WHERE {0} IS NOT NULL))[1] AS {0}"
    words = (
        f"LEFT JOIN adoption_words w_{name} ON w_{name}.field = '{name}'"
        f" AND w_{name}.digest = md5(coalesce(s.{name}, ''))"
        for name in columns
        if name in WORDS
    )
    values = (f"w_{name}.mapped" if name in WORDS else value for name, value in satellite.columns.items())
    parts = {
        "table": satellite.table,
        "columns": ", ".join(columns),
        "merged": ", ".join(latest.format(name) for name in (*columns, "created_at", "updated_at")),
        "filled": ", ".join(f"coalesce(m.{name}, p.{name}) AS {name}" for name in columns),
        "from_profile": ", ".join(f"p.{name}" for name in columns),
        "nothing": ", ".join("NULL" for _ in columns),
        "worth": f"num_nonnulls({', '.join(f'p.{name}' for name in columns)}) > 0"
        if satellite.optional
        else "true",
        "everybody": "false" if satellite.optional else "true",
        "values": ", ".join(values),
        "words": " ".join((*words, satellite.joins)),
    }
    return sql.SQL(_SATELLITE).format(**{name: sql.SQL(part) for name, part in parts.items()})
