"""The checks that hosted PostgreSQL runs on a database, over our catalog: none has anything to say.

Each returns what it finds. The names are those of the published lints, so that an operator recognises them.
"""

from typing import Final

import pytest

from tests.db.isolation.planting import Connection

OURS: Final = ("public", "compat", "reports")

LINTS: Final = {
    "rls_disabled_in_public": """
        SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY (%(ours)s) AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity
    """,
    "policy_exists_rls_disabled": """
        SELECT DISTINCT p.polrelid::regclass::text FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
        WHERE NOT c.relrowsecurity
    """,
    "rls_enabled_no_policy": """
        SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY (%(ours)s) AND c.relrowsecurity
          AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid)
    """,
    "auth_rls_initplan": r"""
        SELECT p.polrelid::regclass || ' ' || p.polname FROM pg_policy p,
               concat(pg_get_expr(p.polqual, p.polrelid), ' ',
                      pg_get_expr(p.polwithcheck, p.polrelid)) AS rule
        WHERE regexp_replace(rule, 'SELECT (public\.)?(app_\w+|current_setting)\(', '', 'g')
              ~ '(app_\w+|current_setting|auth\.\w+)\s*\('
    """,
    "multiple_permissive_policies": """
        SELECT p.polrelid::regclass || ' ' || role.name || ' ' || command.word || array_agg(p.polname)::text
        FROM pg_policy p
        CROSS JOIN LATERAL (SELECT unnest(p.polroles)::regrole::text AS name) role
        JOIN (VALUES ('r'), ('a'), ('w'), ('d')) AS command (word) ON p.polcmd IN ('*', command.word::"char")
        WHERE p.polpermissive GROUP BY p.polrelid, role.name, command.word HAVING count(*) > 1
    """,
    "policy_for_everybody": """
        SELECT p.polrelid::regclass || ' ' || p.polname FROM pg_policy p WHERE 0 = ANY (p.polroles)
    """,
    "rls_policy_always_true": """
        SELECT p.polrelid::regclass || ' ' || p.polname FROM pg_policy p
        WHERE p.polcmd <> 'r' AND 'true' IN (pg_get_expr(p.polqual, p.polrelid),
                                             pg_get_expr(p.polwithcheck, p.polrelid))
          AND p.polroles <> ARRAY['tastemaker_compat'::regrole::oid]
    """,
    "security_definer_view": """
        SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY (%(ours)s) AND c.relkind = 'v'
          AND NOT coalesce('security_invoker=true' = ANY (c.reloptions), false)
    """,
    "function_search_path_mutable": """
        SELECT f.oid::regprocedure::text FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace
        WHERE n.nspname = ANY (%(ours)s) AND NOT coalesce(f.proconfig::text ~ 'search_path=', false)
          AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = f.oid AND e.deptype = 'e')
    """,
    "extension_in_public": """
        SELECT extname FROM pg_extension WHERE extnamespace = 'public'::regnamespace
    """,
    "materialized_view_in_api": """
        SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY (%(ours)s) AND c.relkind = 'm'
    """,
    "foreign_table_in_api": """
        SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY (%(ours)s) AND c.relkind = 'f'
    """,
    "no_primary_key": """
        SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY (%(ours)s) AND c.relkind IN ('r', 'p')
          AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)
    """,
    "unindexed_foreign_keys": """
        SELECT k.conrelid::regclass || ' ' || k.conname FROM pg_constraint k
        WHERE k.contype = 'f' AND NOT EXISTS (
            SELECT FROM pg_index i WHERE i.indrelid = k.conrelid
              AND (i.indkey::smallint[])[0:cardinality(k.conkey) - 1] @> k.conkey)
    """,
    "duplicate_index": """
        SELECT string_agg(i.indexrelid::regclass::text, ', ')
        FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
        WHERE c.relnamespace = 'public'::regnamespace
        GROUP BY i.indrelid, i.indkey::text, i.indclass::text, i.indoption::text,
                 pg_get_expr(i.indexprs, i.indrelid), pg_get_expr(i.indpred, i.indrelid)
        HAVING count(*) > 1
    """,
    "table_owner_is_not_ours": """
        SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY (%(ours)s) AND c.relkind IN ('r', 'p', 'v')
          AND c.relowner <> 'tastemaker_owner'::regrole
    """,
    "auth_users_exposed": """
        SELECT v.oid::regclass::text FROM pg_class v JOIN pg_namespace n ON n.oid = v.relnamespace
        JOIN pg_rewrite r ON r.ev_class = v.oid
        JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
        JOIN pg_class used ON used.oid = d.refobjid JOIN pg_namespace un ON un.oid = used.relnamespace
        WHERE n.nspname = ANY (%(ours)s) AND un.nspname = 'auth'
    """,
}

PLANTED: Final = {
    "rls_disabled_in_public": "CREATE TABLE hole (id int PRIMARY KEY)",
    "policy_exists_rls_disabled": "ALTER TABLE posts DISABLE ROW LEVEL SECURITY",
    "rls_enabled_no_policy": "CREATE TABLE hole (id int); ALTER TABLE hole ENABLE ROW LEVEL SECURITY",
    "auth_rls_initplan": "CREATE POLICY hole ON posts TO tastemaker_door USING (app_tenant() = 'x')",
    "multiple_permissive_policies": "CREATE POLICY hole ON posts FOR SELECT TO tastemaker_app USING (false)",
    "policy_for_everybody": "CREATE POLICY hole ON posts FOR SELECT USING (false)",
    "rls_policy_always_true": "CREATE POLICY hole ON posts FOR DELETE TO tastemaker_door USING (true)",
    "security_definer_view": "CREATE VIEW hole AS SELECT 1",
    "function_search_path_mutable": "CREATE FUNCTION hole() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "extension_in_public": "CREATE EXTENSION btree_gin SCHEMA public",
    "materialized_view_in_api": "CREATE MATERIALIZED VIEW hole AS SELECT 1",
    "foreign_table_in_api": "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;"
    " CREATE FOREIGN TABLE hole (id int) SERVER s",
    "no_primary_key": "CREATE TABLE hole (id int)",
    "unindexed_foreign_keys": "CREATE TABLE hole (post bigint REFERENCES posts (id))",
    "duplicate_index": "CREATE INDEX hole ON users (email)",
    "table_owner_is_not_ours": "CREATE TABLE hole (id int)",
    "auth_users_exposed": "CREATE SCHEMA auth; CREATE TABLE auth.users (id int);"
    " CREATE VIEW hole AS SELECT * FROM auth.users",
}


@pytest.mark.parametrize("name", LINTS)
def test_the_schema_has_nothing_that_the_lint_finds(name: str, owner: Connection) -> None:
    assert _found(owner, name) == []


@pytest.mark.parametrize("name", LINTS)
def test_the_lint_finds_what_is_planted(name: str, owner: Connection) -> None:
    with owner.transaction(force_rollback=True):
        owner.execute(PLANTED[name].encode())
        assert _found(owner, name) != []


def _found(owner: Connection, name: str) -> list[tuple[str]]:
    return owner.execute(LINTS[name].encode(), {"ours": list(OURS)}).fetchall()
