"""`updated_at` is kept by the database on every table that has it.

Lock: SHARE ROW EXCLUSIVE on each table for the instant its trigger is made.
The code before it may go on writing the column: a value it sets itself stays. The function speaks UTC,
so it serves `timestamp` and `timestamptz` alike. What a later step of the history fills in is no change of the
row: the migrator says so for its session.
"""

from alembic import op

revision = "0020"
down_revision = "0019"

SQL = """
CREATE OR REPLACE FUNCTION touch_updated_at() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
BEGIN
    IF NEW.updated_at IS NOT DISTINCT FROM OLD.updated_at
       AND coalesce(current_setting('tastemaker.migrating', true), '') <> 'on' THEN
        NEW.updated_at := now();
    END IF;
    RETURN NEW;
END $$;

DO $$
DECLARE t name;
BEGIN
    FOR t IN
        SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
          AND a.attname = 'updated_at' AND c.relname <> 'user_profiles_backup'
    LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER touch_updated_at BEFORE UPDATE ON %I
                        FOR EACH ROW EXECUTE FUNCTION touch_updated_at()', t);
    END LOOP;
END $$;
"""


def upgrade() -> None:
    op.execute(SQL)
