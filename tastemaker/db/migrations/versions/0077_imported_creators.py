"""Imported creators are results of a campaign, like those that searches found.

They have no search: `job_id` is NULL, and `imported_id` names the row of the file. A creator that a search finds
later has both. The tenant of a row comes from its campaign, which every row has.

Lock: ACCESS EXCLUSIVE on `campaign_creators` for an instant: the new column is NULL everywhere, so neither the key
nor the index has rows to read. The code before it writes no such rows and goes on.
"""

from alembic import op

revision = "0077"
down_revision = "0076"
branch_labels = None
depends_on = None

COLUMN = """
ALTER TABLE campaign_creators ALTER COLUMN job_id DROP NOT NULL;
ALTER TABLE campaign_creators ADD COLUMN imported_id uuid
    CONSTRAINT campaign_creators_imported_id_fkey REFERENCES search_results (id) ON DELETE SET NULL;
CREATE INDEX idx_campaign_creators_imported ON campaign_creators (imported_id) WHERE imported_id IS NOT NULL;
COMMENT ON COLUMN campaign_creators.job_id IS 'The search that found it first; NULL for a creator that was imported and that no search has found.';
COMMENT ON COLUMN campaign_creators.position IS 'Its order of arrival in that search, or its row in the imported file.';
COMMENT ON COLUMN campaign_creators.imported_id IS 'The row of the imported file, whose values fill in what the catalog does not know. NULL for a creator that was not imported.';
DROP TRIGGER fill_tenant ON campaign_creators;
CREATE TRIGGER fill_tenant BEFORE INSERT OR UPDATE OF campaign_id, tenant_id ON campaign_creators
    FOR EACH ROW EXECUTE FUNCTION fill_tenant_from_campaign();
"""

BY_HANDLE = """
GRANT SELECT (platform, stable_id, handle) ON creators TO tastemaker_door;
CREATE POLICY door ON creators FOR SELECT TO tastemaker_door USING (true);
CREATE FUNCTION find_creators_by_handle(platforms text[], handles text[])
RETURNS TABLE (platform text, handle text, stable_id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT given.platform, given.handle, min(c.stable_id)
    FROM unnest(platforms, handles) AS given (platform, handle)
    JOIN public.creators c ON c.platform = given.platform AND lower(c.handle) = given.handle
         AND c.stable_id NOT LIKE 'handle:%'
    WHERE public.app_tenant() IS NOT NULL OR public.app_is_system()
    GROUP BY given.platform, given.handle HAVING count(*) = 1
$$;
COMMENT ON FUNCTION find_creators_by_handle(text[], text[]) IS 'The one account of the catalog that bears each handle, which is given in lower case. Under row-level policies lower() would keep the index from being used.';
REVOKE ALL ON FUNCTION find_creators_by_handle(text[], text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_creators_by_handle(text[], text[]) TO tastemaker_app;
GRANT CREATE ON SCHEMA public TO tastemaker_door;
ALTER FUNCTION find_creators_by_handle(text[], text[]) OWNER TO tastemaker_door;
REVOKE CREATE ON SCHEMA public FROM tastemaker_door;
"""


def upgrade() -> None:
    op.execute(COLUMN)
    op.execute(BY_HANDLE)
