"""What all workers share when they call a provider: pace, pauses, trouble, quotas, and what a month has cost.

A gate is one account at one provider. What a month has cost is kept by a trigger on the ledger, so the two
cannot differ; a call counts by its estimate until it is settled, and by its estimate for good where the
process died between call and commit, because it may have been paid for.

Lock: ACCESS EXCLUSIVE on `provider_calls` for the instant of ADD COLUMN, then SHARE ROW EXCLUSIVE while one
partial index over the open calls (a handful) and the trigger are made. The previous code does not name a
gate: its calls are then counted at none.
"""

from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

GATES = """
CREATE TABLE provider_gates (
    name text PRIMARY KEY,
    free_at timestamptz NOT NULL,
    held_until timestamptz,
    held_reason text,
    failures integer NOT NULL DEFAULT 0,
    trips integer NOT NULL DEFAULT 0,
    open_until timestamptz,
    probe_until timestamptz,
    CONSTRAINT ck_provider_gates_counters CHECK (failures >= 0 AND trips >= 0)
);
COMMENT ON TABLE provider_gates IS 'One account at one provider, as all workers see it: who may call next, and whether anybody may.';
COMMENT ON COLUMN provider_gates.name IS 'The provider''s account: its name, and a digest where several keys are in use; never a key.';
COMMENT ON COLUMN provider_gates.free_at IS 'When the bucket of calls is full again; in the future while calls are ahead of the pace.';
COMMENT ON COLUMN provider_gates.held_until IS 'Nobody calls before: the provider asked for a pause, or its quota is used up.';
COMMENT ON COLUMN provider_gates.held_reason IS 'Why, for the person who waits.';
COMMENT ON COLUMN provider_gates.failures IS 'Failures of the provider in a row, over all workers.';
COMMENT ON COLUMN provider_gates.trips IS 'How often the breaker opened in a row; each time it stays open twice as long.';
COMMENT ON COLUMN provider_gates.open_until IS 'The breaker is open until then; afterwards one call tries whether the provider is back.';
COMMENT ON COLUMN provider_gates.probe_until IS 'Such a call is under way, at the longest until then.';

CREATE TABLE provider_quotas (
    gate text NOT NULL,
    quota varchar(50) NOT NULL,
    window_start timestamptz NOT NULL,
    used integer NOT NULL,
    CONSTRAINT provider_quotas_pkey PRIMARY KEY (gate, quota, window_start),
    CONSTRAINT ck_provider_quotas_used CHECK (used >= 0)
);
COMMENT ON TABLE provider_quotas IS 'What was taken of a provider''s allowance (YouTube: searches and units of a day), by window.';
COMMENT ON COLUMN provider_quotas.gate IS 'The account.';
COMMENT ON COLUMN provider_quotas.quota IS 'Which allowance.';
COMMENT ON COLUMN provider_quotas.window_start IS 'When the window began that the provider counts in.';
COMMENT ON COLUMN provider_quotas.used IS 'Taken so far, reserved before the call.';
"""

SPENDING = """
CREATE TABLE provider_spending (
    tenant_id text NOT NULL,
    month date NOT NULL,
    provider varchar(50) NOT NULL,
    micros_usd bigint NOT NULL,
    CONSTRAINT provider_spending_pkey PRIMARY KEY (tenant_id, month, provider)
);
CREATE INDEX idx_provider_spending_month ON provider_spending (month);
COMMENT ON TABLE provider_spending IS 'What a user''s calls cost in a calendar month (UTC): the sum of the ledger, kept by its trigger.';
COMMENT ON COLUMN provider_spending.tenant_id IS 'For whom (external id).';
COMMENT ON COLUMN provider_spending.month IS 'The first day of the month in which the calls began (UTC).';
COMMENT ON COLUMN provider_spending.provider IS 'The adapter.';
COMMENT ON COLUMN provider_spending.micros_usd IS 'Money in millionths of a US dollar; open and abandoned calls by their estimate.';

INSERT INTO provider_spending (tenant_id, month, provider, micros_usd)
SELECT tenant_id, date_trunc('month', started_at AT TIME ZONE 'UTC')::date, provider,
       sum(CASE WHEN status IN ('estimated', 'abandoned') THEN estimated_micros_usd ELSE coalesce(micros_usd, 0) END)
FROM provider_calls GROUP BY 1, 2, 3;
"""

LEDGER = """
ALTER TABLE provider_calls ADD COLUMN gate text;
CREATE INDEX idx_provider_calls_gate ON provider_calls (gate) WHERE status = 'estimated';
COMMENT ON COLUMN provider_calls.gate IS 'The account at the provider whose limits the call took of; NULL where there are none (sandbox).';

CREATE FUNCTION count_provider_spending() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    before bigint := 0;
    after bigint := CASE WHEN NEW.status IN ('estimated', 'abandoned') THEN NEW.estimated_micros_usd
                         ELSE coalesce(NEW.micros_usd, 0) END;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        before := CASE WHEN OLD.status IN ('estimated', 'abandoned') THEN OLD.estimated_micros_usd
                       ELSE coalesce(OLD.micros_usd, 0) END;
    END IF;
    IF after <> before THEN
        INSERT INTO provider_spending AS spent (tenant_id, month, provider, micros_usd)
        VALUES (NEW.tenant_id, date_trunc('month', NEW.started_at AT TIME ZONE 'UTC')::date, NEW.provider, after - before)
        ON CONFLICT (tenant_id, month, provider) DO UPDATE SET micros_usd = spent.micros_usd + excluded.micros_usd;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION count_provider_spending() IS 'Keeps provider_spending equal to the sum of the ledger, whichever statement writes it.';
REVOKE EXECUTE ON FUNCTION count_provider_spending() FROM PUBLIC;
CREATE TRIGGER count_spending AFTER INSERT OR UPDATE OF status, micros_usd ON provider_calls
    FOR EACH ROW EXECUTE FUNCTION count_provider_spending();
"""

SYSTEM = "(SELECT app_is_system())"
ANYBODY = f"((SELECT app_tenant()) IS NOT NULL OR {SYSTEM})"
OWN = f"tenant_id = (SELECT app_tenant()) OR {SYSTEM}"


def _guarded(table: str) -> str:
    return f"""
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON {table} TO tastemaker_owner USING ({SYSTEM}) WITH CHECK ({SYSTEM});
CREATE POLICY backup ON {table} FOR SELECT TO tastemaker_backup USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO tastemaker_app;
GRANT SELECT ON {table} TO tastemaker_backup;
"""


def _shared(table: str) -> str:
    return f"""
CREATE POLICY reading ON {table} FOR SELECT TO tastemaker_app USING ({ANYBODY});
CREATE POLICY adding ON {table} FOR INSERT TO tastemaker_app WITH CHECK ({SYSTEM});
CREATE POLICY changing ON {table} FOR UPDATE TO tastemaker_app USING ({SYSTEM}) WITH CHECK ({SYSTEM});
CREATE POLICY deleting ON {table} FOR DELETE TO tastemaker_app USING ({SYSTEM});
"""


def upgrade() -> None:
    op.execute(GATES)
    op.execute(SPENDING)
    op.execute(LEDGER)
    for table in ("provider_gates", "provider_quotas", "provider_spending"):
        op.execute(_guarded(table))
    for table in ("provider_gates", "provider_quotas"):
        op.execute(_shared(table))
    op.execute(
        f"CREATE POLICY tenant ON provider_spending TO tastemaker_app USING ({OWN}) WITH CHECK ({OWN})"
    )
