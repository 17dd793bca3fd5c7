"""Limits the length of texts that people and providers write.

A trigger looks at a new row, and at a changed value of the column. So a row that is older and longer can be
changed elsewhere. The owner, who moves an older database in, is not limited.

Lock: SHARE ROW EXCLUSIVE for an instant per table. The code before it goes on: it refuses longer names,
descriptions and keywords itself; a longer bio or caption of a provider fails its page.
"""

from alembic import op

revision = "0064"
down_revision = "0063"
branch_labels = None
depends_on = None

CHARACTERS = {
    ("campaigns", "name"): 200,
    ("campaigns", "description"): 2_000,
    ("scraping_runs", "keyword"): 200,
    ("exclusions", "note"): 5_000,
    ("creators", "bio"): 20_000,
    ("posts", "text"): 50_000,
    ("posts", "description"): 50_000,
}

FUNCTION = """
CREATE FUNCTION refuse_overlong() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_user <> 'tastemaker_owner' THEN
        RAISE string_data_right_truncation USING
            MESSAGE = format('%s.%s is longer than %s', TG_TABLE_NAME, TG_ARGV[0], TG_ARGV[1]),
            COLUMN = TG_ARGV[0], TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION refuse_overlong() IS 'Refuses a text that its trigger found too long with 22001. Its arguments name the column and the limit.';
REVOKE EXECUTE ON FUNCTION refuse_overlong() FROM PUBLIC;
"""


def _limit(table: str, column: str, too_long: str, limit: str) -> None:
    for change, when in (
        ("INSERT", too_long),
        (f"UPDATE OF {column}", f"NEW.{column} IS DISTINCT FROM OLD.{column} AND {too_long}"),
    ):
        op.execute(
            f"CREATE TRIGGER limit_{column}_on_{change[:6].lower()} BEFORE {change} ON {table} FOR EACH ROW"
            f" WHEN ({when}) EXECUTE FUNCTION refuse_overlong('{column}', '{limit}')"
        )


def upgrade() -> None:
    op.execute(FUNCTION)
    for (table, column), most in CHARACTERS.items():
        _limit(table, column, f"length(NEW.{column}) > {most}", f"{most} characters")
    _limit(
        "scraping_jobs",
        "keywords",
        """NEW.keywords @? '$[*] ? (@ like_regex "^.{201}" flag "s")'""",
        "200 characters each",
    )
    _limit("scraping_jobs", "search_params", "octet_length(NEW.search_params::text) > 65536", "64 kB")
