"""A deleted user's row of `user_profiles_backup` goes with the user.

The application may not read that table. A trigger of the owner's deletes the row, by the system's claim, which
alone deletes users.

Lock: SHARE ROW EXCLUSIVE on `users` for the instant of CREATE TRIGGER. The previous code is served, too.
"""

from alembic import op

revision = "0056"
down_revision = "0055"
branch_labels = None
depends_on = None

TRIGGER = """
CREATE FUNCTION erase_profile_backup() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM public.user_profiles_backup WHERE user_id = OLD.user_id;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION erase_profile_backup() IS 'Deletes what the backup of the former profiles holds of a user who is deleted.';
REVOKE EXECUTE ON FUNCTION erase_profile_backup() FROM PUBLIC;
CREATE TRIGGER erase_backup AFTER DELETE ON users
    FOR EACH ROW EXECUTE FUNCTION erase_profile_backup();
"""


def upgrade() -> None:
    op.execute(TRIGGER)
