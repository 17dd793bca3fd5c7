"""The rights in the migrated database are the declared ones: a + is unexpected, a - is missing."""

import psycopg
import pytest

from tastemaker.db.migrations.roles import ROLES
from tests.migrations import catalog_rights, declared_functions, declared_rights
from tests.migrations.catalog_rights import lines_of

QUESTIONS = {
    "row security": (catalog_rights.ROW_SECURITY, declared_rights.row_security),
    "policies": (catalog_rights.POLICIES, declared_rights.policies),
    "grants": (catalog_rights.GRANTS, declared_rights.grants),
    "owners": (catalog_rights.OWNERS, declared_rights.owners),
    "functions": (catalog_rights.FUNCTIONS, declared_functions.functions),
    "triggers": (catalog_rights.TRIGGERS, declared_functions.triggers),
    "default grants": (catalog_rights.DEFAULT_GRANTS, lambda: {"f of owner: {owner=X/owner}"}),
    "unchecked constraints": (
        catalog_rights.UNCHECKED,
        lambda: {"scraping_results.ck_scraping_results_creators"},
    ),
}

PLANTED = {
    "GRANT SELECT ON users TO tastemaker_tenant": "+ users to tenant: SELECT",
    "GRANT UPDATE (is_admin) ON users TO tastemaker_tenant": "+ users to tenant: UPDATE (is_admin)",
    "GRANT SELECT ON clock_offset TO PUBLIC": "+ clock_offset to PUBLIC: SELECT",
    "GRANT CREATE ON SCHEMA public TO tastemaker_app": "+ schema public to app: CREATE, USAGE",
    "REVOKE SELECT ON users FROM tastemaker_backup": "- users to backup: SELECT",
    "ALTER TABLE users NO FORCE ROW LEVEL SECURITY": "+ users: enabled",
    "ALTER TABLE users DISABLE ROW LEVEL SECURITY": "- users: forced",
    "CREATE TABLE hole ()": "+ hole: off",
    "CREATE POLICY hole ON users USING (true)": "+ users: hole ALL TO {PUBLIC} USING true CHECK -",
    "ALTER POLICY tenant ON users TO PUBLIC": "+ users: tenant ALL TO {PUBLIC} USING ((user_id",
    "ALTER POLICY tenant ON users USING (true)": "+ users: tenant ALL TO {app} USING true CHECK ((user_id",
    "DROP POLICY reports ON users": "- users: reports SELECT TO {readonly}",
    "ALTER FUNCTION app_tenant() SECURITY DEFINER": "+ app_tenant(): STABLE DEFINER OF owner",
    "ALTER FUNCTION app_now() RESET search_path": "door,readonly} WITH no settings",
    "ALTER FUNCTION app_now() OWNER TO tastemaker_backup": "+ app_now(): STABLE DEFINER OF backup",
    "GRANT EXECUTE ON FUNCTION app_now() TO PUBLIC": "DEFINER OF owner FOR {PUBLIC,app",
    "ALTER TABLE events DISABLE TRIGGER fill_tenant": "(not always on)",
    "DROP TRIGGER wake_workers ON background_jobs": "- background_jobs: wake_workers",
    "ALTER VIEW user_profiles RESET (security_invoker)": "+ user_profiles: owner, definer",
    "ALTER TABLE users ADD CONSTRAINT hole CHECK (true) NOT VALID": "+ users.hole",
    "ALTER DEFAULT PRIVILEGES FOR ROLE tastemaker_owner GRANT SELECT ON TABLES TO PUBLIC": "+ r of owner: {",
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_rights_are_the_declared_ones(question: str, at_head: psycopg.Connection) -> None:
    assert _differences(at_head, question) == []


def test_no_role_of_ours_is_in_another_but_the_owner_in_the_doors(at_head: psycopg.Connection) -> None:
    names = [role.name for role in ROLES]
    assert lines_of(at_head, catalog_rights.MEMBERSHIPS, roles=names) == {"owner in door"}


@pytest.mark.parametrize("sql", PLANTED)
def test_a_planted_right_is_seen(sql: str, at_head: psycopg.Connection) -> None:
    at_head.execute(sql.encode())
    seen = [line for question in QUESTIONS for line in _differences(at_head, question)]
    assert any(PLANTED[sql] in line for line in seen), seen


def _differences(connection: psycopg.Connection, question: str) -> list[str]:
    asked, declare = QUESTIONS[question]
    found, declared = lines_of(connection, asked), declare()
    return sorted(f"+ {line}" for line in found - declared) + sorted(f"- {line}" for line in declared - found)
