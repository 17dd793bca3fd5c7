"""The database's own clock, and who is asking.

Lock: none on existing tables. The previous code does not know these functions.
"""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

CLOCK = """
CREATE TABLE clock_offset (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    shift interval NOT NULL DEFAULT interval '0'
);
INSERT INTO clock_offset DEFAULT VALUES;
REVOKE ALL ON clock_offset FROM PUBLIC;
COMMENT ON TABLE clock_offset IS 'How far app_now() is moved from the real time; only tests and the owner move it.';
COMMENT ON COLUMN clock_offset.singleton IS 'Always true: there is exactly one row.';
COMMENT ON COLUMN clock_offset.shift IS 'Added to now() by app_now(); zero in production.';

CREATE FUNCTION app_now() RETURNS timestamptz
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT pg_catalog.now() + (SELECT shift FROM public.clock_offset) $$;
COMMENT ON FUNCTION app_now() IS 'Business time: the start of the transaction on the database''s clock, movable in tests.';
"""

CLAIMS = """
CREATE FUNCTION app_tenant() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$ SELECT nullif(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub', '') $$;
COMMENT ON FUNCTION app_tenant() IS 'The external user id in the transaction''s claim, or NULL: then no tenant row is visible.';

CREATE FUNCTION app_is_system() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role' = 'tastemaker_system', false)
$$;
COMMENT ON FUNCTION app_is_system() IS 'True inside the product''s own background work, which sees every tenant.';
"""


def upgrade() -> None:
    op.execute(CLOCK)
    op.execute(CLAIMS)
