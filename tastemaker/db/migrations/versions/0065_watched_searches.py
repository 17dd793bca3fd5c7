"""Announces each change of a search and of its keywords, so that a web process reads the search at once.

The notification names the search. PostgreSQL sends it with the commit, once per transaction and search.

Lock: SHARE ROW EXCLUSIVE on `scraping_jobs` and `scraping_runs` for an instant. The code before it listens to no
such channel, and its changes are announced too.
"""

from alembic import op

revision = "0065"
down_revision = "0064"
branch_labels = None
depends_on = None

SQL = """
CREATE FUNCTION notify_searches() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_TABLE_NAME = 'scraping_runs' THEN
        PERFORM pg_notify('searches', OLD.job_id::text);
    ELSE
        PERFORM pg_notify('searches', OLD.id::text);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION notify_searches() IS 'Names a search that was changed or deleted to the processes that watch searches; they read it themselves.';
REVOKE EXECUTE ON FUNCTION notify_searches() FROM PUBLIC;
CREATE TRIGGER wake_watchers AFTER UPDATE OR DELETE ON scraping_jobs
    FOR EACH ROW EXECUTE FUNCTION notify_searches();
CREATE TRIGGER wake_watchers AFTER UPDATE ON scraping_runs
    FOR EACH ROW EXECUTE FUNCTION notify_searches();
"""


def upgrade() -> None:
    op.execute(SQL)
