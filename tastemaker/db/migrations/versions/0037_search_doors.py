"""Two doors through row-level security, for questions whose operators would lose their indexes behind it.

ILIKE and the array operators are not leakproof, so under a policy PostgreSQL asks the policy of every row
first and scans the table. These functions run as `tastemaker_door`, check the claim themselves, and are the
application's alone. The role needs no BYPASSRLS: it has a policy of its own, for reading, on the few columns
that it is granted, and without a row's owner in that policy the indexes are used.

The user search has a text of its own. A trigram never spans two words, so the trigrams of `com example` say no
more than that both words stand somewhere; in `users.search_text` what separates words is a letter like any
other, the three fields follow one another, and what the index finds is, with few exceptions, what matches.

Lock: ACCESS EXCLUSIVE on `users`, which is written anew with its search text and indexed: 15 seconds for a
million users. The code before it does not know the doors, names its columns, and goes on without the text.
"""

from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

SEPARATORS = r"""E'\n !"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~'"""
LETTERS = "'" + "".join(chr(0x250 + place) for place in range(34)) + "'"
"""One for each separator, of the phonetic alphabet: nobody's name has them."""

TEXT = r"E'\n\n' || coalesce(full_name, '') || E'\n\n' || coalesce(email, '') || E'\n\n' || coalesce(business_name, '')"
NEEDLE = r"CASE WHEN is_prefix THEN E'\n\n' ELSE '' END || needle"

SEARCH_TEXT = f"""
ALTER TABLE users ADD COLUMN search_text text
    GENERATED ALWAYS AS (translate(lower({TEXT}), {SEPARATORS}, {LETTERS})) STORED;
COMMENT ON COLUMN users.search_text IS 'Name, e-mail and business as the user search reads them: in lower case, with a letter for each separator, two before each of the three. Written by the database.';
CREATE INDEX idx_users_search ON users USING gin (search_text gin_trgm_ops);
DROP INDEX idx_users_full_name_search;
"""

READABLE = {
    "users": "id, user_id, full_name, email, business_name, onboarding_step, is_admin, created_at, search_text",
    "user_subscriptions": "user_id, current_plan, trial_status, subscription_status",
    "scraping_results": "id, job_id, user_id, creators, created_at",
    "scraping_jobs": "id, platform",
}

ADMIN_SEARCH_USERS = rf"""
CREATE FUNCTION admin_search_users(needle text, after_at timestamp, after_id uuid, wanted integer)
RETURNS TABLE (id uuid, user_id text, full_name text, email text, business_name text, onboarding_step varchar,
               is_admin boolean, created_at timestamp, current_plan varchar, trial_status varchar,
               subscription_status varchar)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 50
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET enable_seqscan = off SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    is_prefix boolean := length(needle) < 3;
    pattern text := CASE WHEN is_prefix THEN '' ELSE '%' END || regexp_replace(needle, '([\\%_])', '\\\1', 'g') || '%';
    letters text := translate(lower({NEEDLE}), {SEPARATORS}, {LETTERS});
    held text := '%' || letters || '%';
    start_at timestamp := coalesce(after_at, 'infinity');
    start_id uuid := coalesce(after_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
    asked integer := least(greatest(wanted, 1), 1001);
    blocks bigint := greatest(1, pg_relation_size('public.users') / current_setting('block_size')::bigint);
    share real := least(100, 100 * 100.0 / blocks);
    sampled bigint;
    hits bigint;
    way bigint;
    found uuid[] := '{{}}';
BEGIN
    IF NOT (public.app_is_system() OR EXISTS (
        SELECT FROM public.users u WHERE u.user_id = public.app_tenant() AND u.is_admin)) THEN
        RAISE insufficient_privilege USING MESSAGE = 'only an administrator searches all users';
    END IF;
    IF (CASE WHEN is_prefix THEN needle !~ '[[\:alnum\:]]'
        ELSE letters !~ '[[\:alnum\:]]{{3}}|[[\:alnum\:]]{{2}}[^[\:alnum\:]]+[[\:alnum\:]]{{2}}' END) THEN
        RAISE invalid_parameter_value USING MESSAGE = 'the needle has too few letters or digits in a row';
    END IF;

    -- How common is it? A hundred blocks, always the same ones, say so better than the planner's statistics:
    -- one of those holding the needle by chance makes the planner walk the whole table for a single row.
    SELECT count(*), count(*) FILTER (WHERE u.search_text LIKE held)
    INTO sampled, hits FROM public.users u TABLESAMPLE SYSTEM (share) REPEATABLE (1);

    -- Common: the newest users until enough have matched; given up at four times the expected way. What the
    -- trigrams find is scattered, a block for each: it weighs twice a user that is walked past.
    way := asked * sampled / nullif(hits, 0);
    IF way < 2 * hits * 100 / share THEN
        found := ARRAY(
            SELECT u.id
            FROM (SELECT v.id, v.created_at, v.full_name, v.email, v.business_name, v.search_text
                  FROM public.users v WHERE (v.created_at, v.id) < (start_at, start_id)
                  ORDER BY v.created_at DESC, v.id DESC LIMIT 4 * way) u
            WHERE u.search_text LIKE held
              AND (u.full_name ILIKE pattern OR u.email ILIKE pattern OR u.business_name ILIKE pattern)
            ORDER BY u.created_at DESC, u.id DESC LIMIT asked);
        IF cardinality(found) < asked THEN
            SELECT v.created_at, v.id INTO start_at, start_id FROM public.users v
            WHERE (v.created_at, v.id) < (start_at, start_id)
            ORDER BY v.created_at DESC, v.id DESC OFFSET 4 * way - 1 LIMIT 1;
        END IF;
    END IF;

    -- Rare, or rarer than it seemed: the trigrams, then the newest of what matches.
    IF cardinality(found) < asked AND start_at IS NOT NULL THEN
        found := found || ARRAY(
            WITH matching AS MATERIALIZED (
                SELECT u.id, u.created_at FROM public.users u
                WHERE u.search_text LIKE held
                  AND (u.full_name ILIKE pattern OR u.email ILIKE pattern OR u.business_name ILIKE pattern))
            SELECT m.id FROM matching m WHERE (m.created_at, m.id) < (start_at, start_id)
            ORDER BY m.created_at DESC, m.id DESC LIMIT asked - cardinality(found));
    END IF;

    RETURN QUERY
        SELECT u.id, u.user_id, u.full_name, u.email, u.business_name, u.onboarding_step, u.is_admin, u.created_at,
               s.current_plan, s.trial_status, s.subscription_status
        FROM public.users u LEFT JOIN public.user_subscriptions s ON s.user_id = u.id
        WHERE u.id = ANY(found)
        ORDER BY u.created_at DESC, u.id DESC;
END $$;
COMMENT ON FUNCTION admin_search_users(text, timestamp, uuid, integer) IS 'Door for administrators: users whose name, e-mail or business holds the needle (begins with it below three characters), newest first, after the given place.';
"""

FIND_RESULTS_WITH_CREATOR = """
CREATE FUNCTION find_results_with_creator(
    wanted_platform text, wanted_name text, after_at timestamp, after_id uuid, wanted integer)
RETURNS TABLE (id uuid, job_id uuid, created_at timestamp)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 50
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    tenant text := public.app_tenant();
    on_platform text := lower(wanted_platform);
    named text := lower(ltrim(wanted_name, '@'));
BEGIN
    IF tenant IS NULL THEN
        RAISE insufficient_privilege USING MESSAGE = 'only a tenant looks into its own results';
    END IF;
    RETURN QUERY
        SELECT r.id, r.job_id, r.created_at FROM public.scraping_results r
        WHERE r.user_id = tenant
          AND (r.created_at, r.id)
              < (coalesce(after_at, 'infinity'), coalesce(after_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
          AND public.creator_usernames(r.creators) @> ARRAY[named]
          AND (public.creator_platforms(r.creators) @> ARRAY[on_platform]
               OR public.creator_platforms(r.creators) = '{}')
          AND EXISTS (
              SELECT FROM (SELECT jsonb_array_elements(r.creators)
                           UNION ALL SELECT jsonb_path_query(r.creators, '$[*].results[*].creators[*]')) AS e (c)
              WHERE named IN (
                        lower(ltrim(e.c #>> '{creator,uniqueId}', '@')), lower(ltrim(e.c #>> '{creator,handle}', '@')),
                        lower(ltrim(e.c #>> '{creator,channelId}', '@')), lower(ltrim(e.c ->> 'uniqueId', '@')),
                        lower(ltrim(e.c ->> 'username', '@')), lower(ltrim(e.c ->> 'handle', '@')))
                AND on_platform = lower(coalesce(
                        e.c ->> 'platform', (SELECT j.platform FROM public.scraping_jobs j WHERE j.id = r.job_id))))
        ORDER BY r.created_at DESC, r.id DESC
        LIMIT least(greatest(wanted, 1), 1001);
END $$;
COMMENT ON FUNCTION find_results_with_creator(text, text, timestamp, uuid, integer) IS 'Door for a tenant: its pages of results that hold, as one creator, this name on this platform, newest first, after the given place.';
"""

DOORS = (
    "admin_search_users(text, timestamp, uuid, integer)",
    "find_results_with_creator(text, text, timestamp, uuid, integer)",
)

MAY_USE = """
GRANT USAGE ON SCHEMA public TO tastemaker_door;
GRANT EXECUTE ON FUNCTION app_tenant(), app_is_system(), creator_usernames(jsonb), creator_platforms(jsonb)
    TO tastemaker_door;
"""


def _readable(table: str, columns: str) -> str:
    return f"""
GRANT SELECT ({columns}) ON {table} TO tastemaker_door;
CREATE POLICY door ON {table} FOR SELECT TO tastemaker_door USING (true);
"""


def _handed_over(door: str) -> str:
    return f"""
REVOKE ALL ON FUNCTION {door} FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {door} TO tastemaker_app;
ALTER FUNCTION {door} OWNER TO tastemaker_door;
"""


def upgrade() -> None:
    op.execute(SEARCH_TEXT)
    op.execute(MAY_USE)
    for table, columns in READABLE.items():
        op.execute(_readable(table, columns))
    for sql in (ADMIN_SEARCH_USERS, FIND_RESULTS_WITH_CREATOR):
        op.execute(sql)
    op.execute("GRANT CREATE ON SCHEMA public TO tastemaker_door")
    for door in DOORS:
        op.execute(_handed_over(door))
    op.execute("REVOKE CREATE ON SCHEMA public FROM tastemaker_door")
