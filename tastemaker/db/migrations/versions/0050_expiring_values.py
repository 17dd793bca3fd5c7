"""When the documents of a page and a follower count have to go, where a provider's policy limits that.

The catalog's creators and posts know already. NULL is for ever.

Lock: ACCESS EXCLUSIVE for the instant of ADD COLUMN, then SHARE while two partial indexes are made, over rows of
limited sources only. The previous code leaves the columns NULL: what it writes goes with its creator.
"""

from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None

COLUMNS = """
ALTER TABLE scraping_results ADD COLUMN expires_at timestamptz;
ALTER TABLE follower_snapshots ADD COLUMN expires_at timestamptz;
COMMENT ON COLUMN scraping_results.expires_at IS 'When the values in the documents must be gone, by the provider''s policy; NULL where none limits them, and when they are.';
COMMENT ON COLUMN follower_snapshots.expires_at IS 'When the row must be gone, by the provider''s policy; NULL where none limits it.';
"""

FILL = """
SELECT set_config('request.jwt.claims', '{"role": "tastemaker_system"}', true);
UPDATE scraping_results r SET expires_at = (r.created_at AT TIME ZONE 'UTC') + interval '30 days'
WHERE EXISTS (SELECT FROM search_creators s JOIN creators c ON c.id = s.creator_id
              WHERE s.result_id = r.id AND c.policy = 'youtube_api');
UPDATE follower_snapshots SET expires_at = (observed_on::timestamp AT TIME ZONE 'UTC') + interval '30 days'
WHERE source = 'youtube';
SELECT set_config('request.jwt.claims', '', true);
"""

INDEXES = """
CREATE INDEX idx_scraping_results_expires_at ON scraping_results (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX idx_follower_snapshots_expires_at ON follower_snapshots (expires_at) WHERE expires_at IS NOT NULL;
"""


def upgrade() -> None:
    op.execute(COLUMNS)
    op.execute(FILL)
    op.execute(INDEXES)
