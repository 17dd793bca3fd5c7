"""A fraction is refused where a configuration key counts something.

Until now 1.5 was kept, and read as 1.

Lock: ACCESS EXCLUSIVE on `configuration_keys` (some fifty rows) for the instant of ADD COLUMN. The previous code leaves
the column as it is. Rows that are there already stay; what cannot be read is its default.
"""

from alembic import op

revision = "0059"
down_revision = "0058"
branch_labels = None
depends_on = None

COLUMN = """
ALTER TABLE configuration_keys ADD COLUMN whole boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN configuration_keys.whole IS 'A number without a fraction.';
"""

REFUSING = """
CREATE OR REPLACE FUNCTION refuse_unreadable_configuration() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    known configuration_keys;
    measure numeric;
BEGIN
    IF configuration_is_carried_over() THEN
        RETURN NEW;
    END IF;
    SELECT * INTO known FROM configuration_keys k WHERE k.category = NEW.category AND k.key = NEW.key;
    IF known.value_type <> NEW.value_type THEN
        RAISE check_violation USING MESSAGE =
            format('%s.%s is a %s, not a %s', NEW.category, NEW.key, known.value_type, NEW.value_type);
    END IF;
    measure := configuration_measure(NEW.value, NEW.value_type);
    IF measure IS NULL THEN
        RAISE check_violation USING MESSAGE =
            format('%s.%s: this value cannot be read as a %s', NEW.category, NEW.key, NEW.value_type);
    END IF;
    IF known.whole AND measure <> trunc(measure) THEN
        RAISE check_violation USING MESSAGE = format('%s.%s is a whole number', NEW.category, NEW.key);
    END IF;
    IF measure < configuration_measure(known.least, known.value_type)
        OR measure > configuration_measure(known.most, known.value_type)
        OR NOT NEW.value = ANY (known.choices) THEN
        RAISE check_violation USING MESSAGE = format(
            '%s.%s is out of its bounds (%s to %s)', NEW.category, NEW.key,
            coalesce(known.least, 'any'), coalesce(known.most, 'any'));
    END IF;
    RETURN NEW;
END $$;
"""


def upgrade() -> None:
    op.execute(COLUMN)
    op.execute(REFUSING)
