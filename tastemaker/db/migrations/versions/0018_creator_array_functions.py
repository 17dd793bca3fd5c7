"""What the JSONB indexes are built on: the accounts and the platforms that a page of creators names.

Lock: none.
The code before it does not call the functions. They read every shape that `creators` has had: the
specified one, flat rows of similar searches, and pages wrapped in `results`. Names are compared without
case and without a leading @; whether account and platform belong to one creator is for the query to recheck.
"""

from alembic import op

revision = "0018"
down_revision = "0017"

SQL = """
CREATE OR REPLACE FUNCTION creator_usernames(creators jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(DISTINCT lower(ltrim(name #>> '{}', '@'))), '{}')
    FROM unnest(ARRAY['$[*].creator.uniqueId', '$[*].creator.handle', '$[*].creator.channelId',
                      '$[*].uniqueId', '$[*].username', '$[*].handle',
                      '$[*].results[*].creators[*].creator.uniqueId', '$[*].results[*].creators[*].creator.handle',
                      '$[*].results[*].creators[*].creator.channelId']::jsonpath[]) AS place,
         jsonb_path_query(creators, place) AS name
    WHERE jsonb_typeof(name) = 'string' AND name <> '""'
$$;

CREATE OR REPLACE FUNCTION creator_platforms(creators jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(DISTINCT lower(platform #>> '{}')), '{}')
    FROM unnest(ARRAY['$[*].platform', '$[*].results[*].creators[*].platform']::jsonpath[]) AS place,
         jsonb_path_query(creators, place) AS platform
    WHERE jsonb_typeof(platform) = 'string'
$$;
"""


def upgrade() -> None:
    op.execute(SQL)
