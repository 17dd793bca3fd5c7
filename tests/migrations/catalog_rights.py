"""Who may do what in a database, as lines read from the system catalog: equal lines, equal rights.

Every schema but the server's own and what extensions brought. A role's right to what it owns is left out.
"""

import re
from typing import Final

from psycopg import Connection

OURS: Final = """
ours AS (
    SELECT n.oid, n.nspname FROM pg_namespace n
    WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'extensions')
),
relations AS (
    SELECT c.*, CASE o.nspname WHEN 'public' THEN '' ELSE o.nspname || '.' END || c.relname AS name
    FROM pg_class c JOIN ours o ON o.oid = c.relnamespace
    WHERE NOT EXISTS (SELECT FROM pg_depend d
                      WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
),
functions AS (
    SELECT p.*, CASE o.nspname WHEN 'public' THEN '' ELSE o.nspname || '.' END
                || format('%%s(%%s)', p.proname, pg_get_function_identity_arguments(p.oid)) AS name
    FROM pg_proc p JOIN ours o ON o.oid = p.pronamespace
    WHERE NOT EXISTS (SELECT FROM pg_depend d
                      WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
)
"""

ROW_SECURITY: Final = """
SELECT format('%%s: %%s', name, CASE WHEN NOT relrowsecurity THEN 'off' WHEN relforcerowsecurity THEN 'forced'
                                ELSE 'enabled' END)
FROM relations WHERE relkind IN ('r', 'p')
"""

POLICIES: Final = """
SELECT format('%%s: %%s %%s%%s TO %%s USING %%s CHECK %%s', r.name, p.polname,
              CASE p.polcmd::text WHEN '*' THEN 'ALL' WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT'
                                  WHEN 'w' THEN 'UPDATE' ELSE 'DELETE' END,
              CASE WHEN p.polpermissive THEN '' ELSE ' RESTRICTIVE' END,
              ARRAY(SELECT CASE role WHEN 0 THEN 'PUBLIC' ELSE role::regrole::text END
                    FROM unnest(p.polroles) role ORDER BY 1),
              coalesce(pg_get_expr(p.polqual, p.polrelid), '-'),
              coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '-'))
FROM pg_policy p JOIN relations r ON r.oid = p.polrelid
"""

GRANTS: Final = """
, acls AS (
    SELECT 'schema ' || nspname AS name, NULL AS "column", nspowner AS owner,
           coalesce(nspacl, acldefault('n', nspowner)) AS acl
    FROM pg_namespace JOIN ours USING (oid, nspname)
    UNION ALL
    SELECT CASE relkind WHEN 'S' THEN 'sequence ' ELSE '' END || name, NULL, relowner,
           coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END, relowner))
    FROM relations WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    UNION ALL
    SELECT r.name, a.attname, r.relowner, a.attacl
    FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid WHERE a.attacl IS NOT NULL
), granted AS (
    SELECT a.name, g.grantee, g.privilege_type || CASE WHEN g.is_grantable THEN '*' ELSE '' END AS privilege,
           string_agg(a."column", ', ' ORDER BY a."column") AS columns
    FROM acls a, aclexplode(a.acl) g WHERE g.grantee <> a.owner
    GROUP BY a.name, g.grantee, 3, a."column" IS NULL
)
SELECT format('%%s to %%s: %%s', name, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END,
              string_agg(privilege || coalesce(' (' || columns || ')', ''), ', '
                         ORDER BY privilege, columns NULLS FIRST))
FROM granted GROUP BY name, grantee
"""

DEFAULT_GRANTS: Final = """
SELECT format('%%s of %%s: %%s', d.defaclobjtype, d.defaclrole::regrole, d.defaclacl) FROM pg_default_acl d
"""

TRIGGERS: Final = """
SELECT format('%%s: %%s', r.name,
              regexp_replace(pg_get_triggerdef(t.oid),
                             '^CREATE TRIGGER | ON \\S+|EXECUTE FUNCTION ', '', 'g'))
       || CASE t.tgenabled WHEN 'O' THEN '' ELSE ' (not always on)' END
FROM pg_trigger t JOIN relations r ON r.oid = t.tgrelid WHERE NOT t.tgisinternal
"""

FUNCTIONS: Final = """
SELECT format('%%s: %%s %%s OF %%s FOR %%s WITH %%s', name,
              CASE provolatile WHEN 'i' THEN 'IMMUTABLE' WHEN 's' THEN 'STABLE' ELSE 'VOLATILE' END,
              CASE WHEN prosecdef THEN 'DEFINER' ELSE 'INVOKER' END, proowner::regrole,
              ARRAY(SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END
                    FROM aclexplode(coalesce(proacl, acldefault('f', proowner)))
                    WHERE grantee <> proowner ORDER BY 1),
              coalesce(array_to_string(proconfig, '; '), 'no settings'))
FROM functions
"""

OWNERS: Final = """
SELECT format('%%s: %%s%%s', name, relowner::regrole,
              CASE WHEN relkind = 'v' THEN ', ' || coalesce(array_to_string(reloptions, ', '), 'definer') END)
FROM relations WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
"""

MEMBERSHIPS: Final = """
SELECT format('%%s in %%s', member::regrole, roleid::regrole) FROM pg_auth_members
WHERE roleid::regrole::text LIKE 'tastemaker%%' AND member::regrole::text = ANY (%(roles)s)
"""

UNCHECKED: Final = """
SELECT format('%%s.%%s', r.name, k.conname) FROM pg_constraint k JOIN relations r ON r.oid = k.conrelid
WHERE NOT k.convalidated
"""


def lines_of(connection: Connection, question: str, **values: object) -> set[str]:
    """The answer to one of the questions above; roles lack their prefix, subqueries their names."""
    rows = connection.execute(f"WITH {OURS} {question}".encode(), values)
    return {_shortened(line) for (line,) in rows}


def _shortened(line: str) -> str:
    line = re.sub(r"\( SELECT (\w+)\(\) AS \1\)", r"(SELECT \1())", line)
    return re.sub(r"\s+", " ", line.replace("tastemaker_", ""))
