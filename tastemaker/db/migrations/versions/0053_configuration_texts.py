"""A text of the configuration is one line of at most 500 characters.

Every process reads all of them again and again, and some end in the header of a mail.

Lock: none but the function's own; rows that are there already stay. The previous code works on.
"""

from alembic import op

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None

MEASURING = r"""
CREATE OR REPLACE FUNCTION configuration_measure(value text, value_type text) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parts text[];
BEGIN
    CASE value_type
        WHEN 'number' THEN
            IF btrim(value) ~ '^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$' AND length(value) <= 30 THEN
                RETURN btrim(value)::numeric;
            END IF;
        WHEN 'duration' THEN
            parts := regexp_match(btrim(value), '^(\d{1,12})(ms|s|m|h|d)?$');
            IF parts IS NOT NULL THEN
                RETURN parts[1]::numeric * CASE coalesce(parts[2], 'ms')
                    WHEN 'ms' THEN 1 WHEN 's' THEN 1000 WHEN 'm' THEN 60000 WHEN 'h' THEN 3600000 ELSE 86400000 END;
            END IF;
        WHEN 'boolean' THEN
            IF lower(btrim(value)) IN ('true', 'false') THEN
                RETURN 0;
            END IF;
        ELSE
            IF length(value) <= 500 AND value !~ '[\x01-\x1f\x7f]' THEN
                RETURN 0;
            END IF;
    END CASE;
    RETURN NULL;
END $$;
"""


def upgrade() -> None:
    op.execute(MEASURING)
