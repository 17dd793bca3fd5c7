"""A function sets a tenant's claim, and refuses a user who does not exist.

An unknown user had no rows of a tenant, but read the catalog, the configuration and the schedules.

Lock: none. The code before it sets its claim itself.
"""

from alembic import op

revision = "0066"
down_revision = "0065"
branch_labels = None
depends_on = None

FUNCTION = """
CREATE FUNCTION claim_tenant(claims text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.users WHERE user_id = claims::jsonb ->> 'sub') THEN
        RAISE invalid_authorization_specification USING MESSAGE = 'the claim names no user who exists';
    END IF;
    PERFORM set_config('request.jwt.claims', claims, true);
END $$;
COMMENT ON FUNCTION claim_tenant(text) IS 'Sets the claim of the transaction. Refuses with 28000 where its sub names no user.';
REVOKE ALL ON FUNCTION claim_tenant(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION claim_tenant(text) TO tastemaker_app;
GRANT CREATE ON SCHEMA public TO tastemaker_door;
ALTER FUNCTION claim_tenant(text) OWNER TO tastemaker_door;
REVOKE CREATE ON SCHEMA public FROM tastemaker_door;
"""


def upgrade() -> None:
    op.execute(FUNCTION)
