"""Forced row-level security on every table that holds a tenant's rows, and the application's grants.

A tenant is `request.jwt.claims ->> 'sub'`, set for the transaction. The product's own background work
claims `role = tastemaker_system`. Without a claim nothing is visible. The original's two policies, one of
which let everything through, go. One policy for each role and command: PostgreSQL joins several with OR, so
two would say the same and cost more. Lock: ACCESS EXCLUSIVE for an instant per table. The code before it
names no tenant, and sees nothing from then on: no version that was given out is older.
"""

from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

TENANT_COLUMN = {
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
    "search_jobs": "tenant_id",
    "search_results": "tenant_id",
    "usage_charges": "tenant_id",
    "provider_calls": "tenant_id",
    "events": "tenant_id",
    "event_keys": "tenant_id",
    "background_jobs": "tenant_id",
}

REFERENCE = ("creators", "creator_handles", "posts", "follower_snapshots")
"""Installation-wide: anybody with a claim reads, a search of anybody's writes what it learnt, nobody's deletes."""

CONFIGURATION = ("subscription_plans", "system_configurations")
"""Anybody with a claim reads; only the product's own work writes."""

DROP_OLD_POLICIES = """
DO $$
DECLARE p record;
BEGIN
    FOR p IN SELECT policyname, tablename FROM pg_policies WHERE schemaname = 'public' LOOP
        EXECUTE format('DROP POLICY %I ON public.%I', p.policyname, p.tablename);
    END LOOP;
END $$;
"""

SYSTEM = "(SELECT app_is_system())"
ANYBODY = f"((SELECT app_tenant()) IS NOT NULL OR {SYSTEM})"


def _force(table: str) -> str:
    return f"""
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON {table} TO tastemaker_owner USING ({SYSTEM}) WITH CHECK ({SYSTEM});
"""


def _tenant(table: str, column: str) -> str:
    own = f"{column} = (SELECT app_tenant()) OR {SYSTEM}"
    return f"CREATE POLICY tenant ON {table} TO tastemaker_app USING ({own}) WITH CHECK ({own});"


def _shared(table: str, *, read: str, write: str, delete: str) -> str:
    return f"""
CREATE POLICY reading ON {table} FOR SELECT TO tastemaker_app USING ({read});
CREATE POLICY adding ON {table} FOR INSERT TO tastemaker_app WITH CHECK ({write});
CREATE POLICY changing ON {table} FOR UPDATE TO tastemaker_app USING ({write}) WITH CHECK ({write});
CREATE POLICY deleting ON {table} FOR DELETE TO tastemaker_app USING ({delete});
"""


GRANTS = """
GRANT USAGE ON SCHEMA public TO tastemaker_app, tastemaker_backup;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO tastemaker_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO tastemaker_app;
GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO tastemaker_backup;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO tastemaker_backup;
REVOKE ALL ON clock_offset FROM tastemaker_app;
REVOKE UPDATE, DELETE ON events, event_keys FROM tastemaker_app;
GRANT UPDATE (processed_at, processing_status, retry_count, error) ON events TO tastemaker_app;
DO $$
DECLARE t name;
BEGIN
    FOREACH t IN ARRAY ARRAY['alembic_version', 'schema_migrations_applied', 'user_profiles_backup'] LOOP
        IF to_regclass('public.' || t) IS NOT NULL THEN
            EXECUTE format('REVOKE ALL ON public.%I FROM tastemaker_app', t);
        END IF;
    END LOOP;
    IF to_regclass('public.alembic_version') IS NOT NULL THEN
        GRANT SELECT ON alembic_version TO tastemaker_app;
    END IF;
END $$;
"""


def upgrade() -> None:
    op.execute(DROP_OLD_POLICIES)
    for table in (*TENANT_COLUMN, *REFERENCE, *CONFIGURATION):
        op.execute(_force(table))
    for table, column in TENANT_COLUMN.items():
        op.execute(_tenant(table, column))
    for table in REFERENCE:
        op.execute(_shared(table, read=ANYBODY, write=ANYBODY, delete=SYSTEM))
    for table in CONFIGURATION:
        op.execute(_shared(table, read=ANYBODY, write=SYSTEM, delete=SYSTEM))
    op.execute(GRANTS)
