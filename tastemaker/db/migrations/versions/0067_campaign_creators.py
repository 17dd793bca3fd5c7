"""A row for each creator of a campaign, with the values by which its results are filtered and sorted.

The results of a campaign with 100,000 creators are then one index and one table, where they were three tables and a
comparison of all its searches. The page transaction writes the rows. Here they are made for the searches that there
are. A search also keeps which further posts of a creator it found, and entries of an exclusion list are known by the
batch that added them.

Lock: ACCESS EXCLUSIVE on `search_creators` and `exclusions` for an instant: a constant default and NULL rewrite no
row. Making the rows takes about 20 seconds for a million found creators, while pages wait with adding theirs. The
previous code does not know the table. What it finds until it is replaced is missing in the results of campaigns until
a search finds it again.
"""

from alembic import op

revision = "0067"
down_revision = "0066"
branch_labels = None
depends_on = None

FOLD = r"""
CREATE FUNCTION fold_text(given text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF octet_length(given) = length(given) THEN
        RETURN lower(given);
    END IF;
    RETURN normalize(regexp_replace(
        normalize(translate(replace(lower(normalize(given, NFKC)), U&'\00DF', 'ss'),
                            U&'\0131\00F8\0142\0111\03C2', U&'iold\03C3'), NFD),
        '(?!\u0438\u0306|\u0456\u0308|\u0443\u0306)([a-z\u0370-\u03ff\u0430-\u04ff])[\u0300-\u036f]+', '\1', 'g'), NFC);
END $$;
COMMENT ON FUNCTION fold_text(given text) IS 'The text in lower case and one width, without the accents of Latin, Greek and Cyrillic letters. Texts are searched in this form.';
REVOKE EXECUTE ON FUNCTION fold_text(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fold_text(text) TO tastemaker_app, tastemaker_compat, tastemaker_readonly, tastemaker_backup, tastemaker_door;
"""

TABLE = """
CREATE TABLE campaign_creators (
    tenant_id text NOT NULL,
    campaign_id uuid NOT NULL REFERENCES campaigns (id) ON DELETE CASCADE,
    creator_id bigint NOT NULL REFERENCES creators (id) ON DELETE CASCADE,
    job_id uuid NOT NULL REFERENCES scraping_jobs (id) ON DELETE CASCADE,
    position integer NOT NULL,
    searches integer NOT NULL,
    found_at timestamptz NOT NULL,
    last_post_at timestamptz,
    followers bigint,
    by_followers bigint NOT NULL GENERATED ALWAYS AS (coalesce(-followers, 1)) STORED,
    views bigint,
    likes bigint,
    verified boolean,
    has_email boolean NOT NULL,
    platform varchar(50) NOT NULL,
    language text,
    country text,
    keywords text[] NOT NULL,
    matched_in text[] NOT NULL,
    name text,
    text text NOT NULL,
    PRIMARY KEY (campaign_id, creator_id)
);
CREATE TRIGGER fill_tenant BEFORE INSERT OR UPDATE OF job_id, tenant_id ON campaign_creators
    FOR EACH ROW EXECUTE FUNCTION fill_tenant_from_search();
COMMENT ON TABLE campaign_creators IS 'A creator in a campaign, once however many of its searches found it, with the values by which results are filtered and sorted.';
COMMENT ON COLUMN campaign_creators.tenant_id IS 'The campaign''s owner (external id).';
COMMENT ON COLUMN campaign_creators.campaign_id IS 'The campaign.';
COMMENT ON COLUMN campaign_creators.creator_id IS 'The account in the catalog.';
COMMENT ON COLUMN campaign_creators.job_id IS 'The search that found it first.';
COMMENT ON COLUMN campaign_creators.position IS 'Its order of arrival in that search.';
COMMENT ON COLUMN campaign_creators.searches IS 'How many searches of the campaign found it.';
COMMENT ON COLUMN campaign_creators.found_at IS 'When the first one did.';
COMMENT ON COLUMN campaign_creators.last_post_at IS 'Publication of the newest post in the catalog. This and the values below are those of the last page that showed the creator to the campaign.';
COMMENT ON COLUMN campaign_creators.followers IS 'Followers or subscribers; NULL when unknown or hidden.';
COMMENT ON COLUMN campaign_creators.by_followers IS 'Sorts by followers, the largest first and the unknown last.';
COMMENT ON COLUMN campaign_creators.views IS 'Views of the post that is shown.';
COMMENT ON COLUMN campaign_creators.likes IS 'Likes of the post that is shown.';
COMMENT ON COLUMN campaign_creators.verified IS 'The platform''s badge; NULL when the source does not say.';
COMMENT ON COLUMN campaign_creators.has_email IS 'Whether an e-mail address is known.';
COMMENT ON COLUMN campaign_creators.platform IS 'TikTok, Instagram or YouTube.';
COMMENT ON COLUMN campaign_creators.language IS 'BCP 47 tag, as declared at the source.';
COMMENT ON COLUMN campaign_creators.country IS 'ISO 3166-1 alpha-2, as declared at the source.';
COMMENT ON COLUMN campaign_creators.keywords IS 'The keywords that found it, in all searches of the campaign.';
COMMENT ON COLUMN campaign_creators.matched_in IS 'search_creators.matched_in of the first search.';
COMMENT ON COLUMN campaign_creators.name IS 'The first 60 characters of the folded name, else the handle: sorts by name. NULL when neither is known.';
COMMENT ON COLUMN campaign_creators.text IS 'Name, handle, bio and the post that is shown, folded; at most 4,000 characters.';

ALTER TABLE search_creators ADD COLUMN other_post_ids bigint[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN search_creators.other_post_ids IS 'Further posts of the creator on the pages of the search.';
ALTER TABLE exclusions ADD COLUMN batch_id uuid;
CREATE INDEX idx_exclusions_batch ON exclusions (batch_id) WHERE batch_id IS NOT NULL;
COMMENT ON COLUMN exclusions.batch_id IS 'Entries that were added together, to undo it. NULL for those that were added one by one.';
"""

SYSTEM = "(SELECT app_is_system())"
OWN = f"tenant_id = (SELECT app_tenant()) OR {SYSTEM}"

RIGHTS = f"""
ALTER TABLE campaign_creators ENABLE ROW LEVEL SECURITY;
ALTER TABLE campaign_creators FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON campaign_creators TO tastemaker_owner USING ({SYSTEM}) WITH CHECK ({SYSTEM});
CREATE POLICY tenant ON campaign_creators TO tastemaker_app USING ({OWN}) WITH CHECK ({OWN});
CREATE TRIGGER refuse_move_by_tenant AFTER UPDATE ON campaign_creators FOR EACH ROW
    WHEN (OLD.tenant_id IS DISTINCT FROM NEW.tenant_id) EXECUTE FUNCTION refuse_change_by_tenant();
CREATE POLICY backup ON campaign_creators FOR SELECT TO tastemaker_backup USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON campaign_creators TO tastemaker_app;
GRANT SELECT ON campaign_creators TO tastemaker_backup;
"""

ROWS = r"""
SELECT set_config('request.jwt.claims', '{"role": "tastemaker_system"}', true);
WITH found AS (
    SELECT j.campaign_id, s.creator_id, count(DISTINCT s.job_id) AS searches,
           (array_agg(s.job_id ORDER BY s.created_at, s.position, s.job_id))[1] AS job_id,
           (array_agg(s.position ORDER BY s.created_at, s.position, s.job_id))[1] AS position,
           array_agg(DISTINCT r.keyword) AS keywords
    FROM search_creators s
    JOIN scraping_jobs j ON j.id = s.job_id
    JOIN scraping_runs r ON r.job_id = s.job_id AND (r.id = s.run_id OR r.position = ANY(s.also_found_by))
    WHERE j.campaign_id IS NOT NULL
    GROUP BY j.campaign_id, s.creator_id
)
INSERT INTO campaign_creators (
    tenant_id, campaign_id, creator_id, job_id, position, searches, found_at, last_post_at, followers, views,
    likes, verified, has_email, platform, language, country, keywords, matched_in, name, text)
SELECT shown.tenant_id, f.campaign_id, f.creator_id, f.job_id, f.position, f.searches, shown.created_at,
       (SELECT max(own.published_at) FROM posts own WHERE own.creator_id = c.id),
       c.followers, p.views, p.likes, c.verified, c.emails <> '{}', c.platform, c.language, c.country,
       f.keywords, shown.matched_in,
       left(fold_text(coalesce(nullif(btrim(c.name), ''), c.handle)), 60),
       left(fold_text(concat_ws(E'\n', c.name, c.handle, c.bio, p.text)), 4000)
FROM found f
JOIN search_creators shown ON shown.job_id = f.job_id AND shown.position = f.position
JOIN creators c ON c.id = f.creator_id
LEFT JOIN posts p ON p.id = shown.post_id
ORDER BY f.campaign_id, shown.created_at, f.position;
SELECT set_config('request.jwt.claims', '', true);
"""

INDEXES = """
CREATE INDEX idx_campaign_creators_creator ON campaign_creators (creator_id, tenant_id);
CREATE INDEX idx_campaign_creators_job ON campaign_creators (job_id);
CREATE INDEX idx_campaign_creators_found ON campaign_creators (campaign_id, found_at, position, creator_id);
CREATE INDEX idx_campaign_creators_followers ON campaign_creators (campaign_id, by_followers, position, creator_id);
"""


def upgrade() -> None:
    op.execute(FOLD)
    op.execute(TABLE)
    op.execute(RIGHTS)
    op.execute(ROWS)
    op.execute(INDEXES)
