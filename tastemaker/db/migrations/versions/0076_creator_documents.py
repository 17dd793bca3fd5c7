"""One document for each creator: the words of profile and posts, by which the catalog is searched.

Policies that call a function keep PostgreSQL from using an index for `@@`, so every row may be read. It has no
tenant's data: the catalog belongs to the installation. New entries of the indexes wait in a list, and a job moves
them; otherwise the transaction of a page would do it.

Lock: none on existing tables but the instant in which the foreign key is added. The previous code does not know the
table; a job writes the documents of the creators that there are.
"""

from alembic import op

revision = "0076"
down_revision = "0075"
branch_labels = None
depends_on = None

SYSTEM = "(SELECT app_is_system())"
ANYBODY = f"((SELECT app_tenant()) IS NOT NULL OR {SYSTEM})"

TABLE = """
CREATE TABLE creator_documents (
    creator_id bigint PRIMARY KEY REFERENCES creators (id) ON DELETE CASCADE,
    rank real NOT NULL,
    bucket integer NOT NULL,
    facets text NOT NULL,
    made_up boolean NOT NULL,
    followers bigint,
    last_post_at timestamptz,
    seen_at timestamptz NOT NULL,
    names text NOT NULL,
    terms tsvector NOT NULL,
    version integer NOT NULL
);
ALTER TABLE creator_documents ALTER terms SET STATISTICS 1000;
CREATE INDEX idx_creator_documents_terms ON creator_documents
    USING gin (terms) WITH (fastupdate = on, gin_pending_list_limit = 65536);
CREATE INDEX idx_creator_documents_sample ON creator_documents
    USING gin (terms) WITH (fastupdate = on, gin_pending_list_limit = 65536) WHERE bucket = 7;
CREATE INDEX idx_creator_documents_names ON creator_documents
    USING gin (names gin_trgm_ops) WITH (fastupdate = on, gin_pending_list_limit = 65536);
CREATE INDEX idx_creator_documents_rank ON creator_documents (rank DESC, creator_id DESC);
CREATE INDEX idx_creator_documents_followers ON creator_documents (coalesce(followers, -1) DESC, creator_id DESC);
CREATE INDEX idx_creator_documents_last_post ON creator_documents
    (coalesce(last_post_at, '-infinity') DESC, creator_id DESC);
COMMENT ON TABLE creator_documents IS 'What the catalog is searched by: a row for each creator with a name or a handle, written with the values it is made from.';
COMMENT ON COLUMN creator_documents.creator_id IS 'The creator.';
COMMENT ON COLUMN creator_documents.rank IS 'Orders creators that match alike: followers, and how new the last post is.';
COMMENT ON COLUMN creator_documents.bucket IS 'One of 32 samples of the catalog, 0 to 31. Number 7 estimates how many creators match.';
COMMENT ON COLUMN creator_documents.facets IS 'Platform, language, country, e-mail, verified and range of followers, between bars: what creators are counted by.';
COMMENT ON COLUMN creator_documents.made_up IS 'Whether the creator is the sandbox''s.';
COMMENT ON COLUMN creator_documents.followers IS 'Followers or subscribers; NULL when unknown or hidden.';
COMMENT ON COLUMN creator_documents.last_post_at IS 'Publication of the newest post in the catalog.';
COMMENT ON COLUMN creator_documents.seen_at IS 'When a provider last showed the creator.';
COMMENT ON COLUMN creator_documents.names IS 'Name and handle, folded: found also where they are misspelt.';
COMMENT ON COLUMN creator_documents.terms IS 'Words with their places: A name and handle, B bio, C tags, D posts. Terms with a colon are values of filters.';
COMMENT ON COLUMN creator_documents.version IS 'Of the program that split the texts into words; a job writes older rows again.';
"""

RIGHTS = f"""
ALTER TABLE creator_documents ENABLE ROW LEVEL SECURITY;
ALTER TABLE creator_documents FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON creator_documents TO tastemaker_owner USING ({SYSTEM}) WITH CHECK ({SYSTEM});
CREATE POLICY reading ON creator_documents FOR SELECT TO tastemaker_app USING (true);
CREATE POLICY adding ON creator_documents FOR INSERT TO tastemaker_app WITH CHECK ({ANYBODY});
CREATE POLICY changing ON creator_documents FOR UPDATE TO tastemaker_app USING ({ANYBODY}) WITH CHECK ({ANYBODY});
CREATE POLICY deleting ON creator_documents FOR DELETE TO tastemaker_app USING ({SYSTEM});
CREATE POLICY backup ON creator_documents FOR SELECT TO tastemaker_backup USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON creator_documents TO tastemaker_app;
GRANT SELECT ON creator_documents TO tastemaker_backup;
"""

CLEAN = """
CREATE FUNCTION clean_creator_indexes() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT gin_clean_pending_list('public.idx_creator_documents_terms')
         + gin_clean_pending_list('public.idx_creator_documents_sample')
         + gin_clean_pending_list('public.idx_creator_documents_names');
$$;
COMMENT ON FUNCTION clean_creator_indexes() IS 'Moves new entries of the catalog''s text indexes to their places, which only the owner may; the pages moved.';
REVOKE EXECUTE ON FUNCTION clean_creator_indexes() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION clean_creator_indexes() TO tastemaker_app;
"""


def upgrade() -> None:
    op.execute(TABLE)
    op.execute(RIGHTS)
    op.execute(CLEAN)
