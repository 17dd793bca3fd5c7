"""What stands in the database, read from its catalog. Nothing is changed, nothing is locked."""

from typing import Any, Final

from psycopg import Connection

from tastemaker.adopt.original import Census

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
