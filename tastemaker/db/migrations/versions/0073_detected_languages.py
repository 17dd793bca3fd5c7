"""The language that a creator is heard to write in, beside the declared one, and when the profile was asked for.

Lock: ACCESS EXCLUSIVE on `creators` for an instant; no row is rewritten. The previous code names no new column.
"""

from alembic import op

revision = "0073"
down_revision = "0072"
branch_labels = None
depends_on = None

SQL = """
ALTER TABLE creators
    ADD COLUMN detected_language text,
    ADD COLUMN language_share real CHECK (language_share BETWEEN 0 AND 1),
    ADD COLUMN language_texts integer CHECK (language_texts > 0),
    ADD COLUMN profile_fetched_at timestamptz;
COMMENT ON COLUMN creators.detected_language IS
    'ISO 639 code, detected from bio and captions; mul for several languages, NULL where none can be told.';
COMMENT ON COLUMN creators.language_share IS 'Share of the detected language, or of the largest of several.';
COMMENT ON COLUMN creators.language_texts IS 'How many texts the language was detected from.';
COMMENT ON COLUMN creators.profile_fetched_at IS
    'When the profile itself was last fetched; a keyword search alone may tell neither bio nor e-mail.';
COMMENT ON COLUMN campaign_creators.language IS 'BCP 47 tag: the declared language, else the detected one.';
"""


def upgrade() -> None:
    op.execute(SQL)
