"""What a plan is may be edited, what was used is history, and what Stripe says has a place of its own.

Values that no plan, user or card can have are corrected once and refused from then on. `charge_creators` charges
no more than the plan allows, whoever calls it; `take_enrichments` counts enrichments likewise.

Lock: ACCESS EXCLUSIVE on four tables of users and plans, while their rows are checked: a row for each user.
The code before it goes on: it writes none of the refused values, and charges within the limit.
"""

from alembic import op

revision = "0074"
down_revision = "0073"
branch_labels = None
depends_on = None

CORRECTED = """
SELECT set_config('request.jwt.claims', '{"role": "tastemaker_system"}', true);
UPDATE subscription_plans SET campaigns_limit = greatest(campaigns_limit, -1),
    creators_limit = greatest(creators_limit, -1), monthly_price = greatest(monthly_price, 0),
    yearly_price = greatest(yearly_price, 0)
WHERE campaigns_limit < -1 OR creators_limit < -1 OR monthly_price < 0 OR yearly_price < 0;
UPDATE subscription_plans SET features = '{}' WHERE features IS NULL OR jsonb_typeof(features) <> 'object';
UPDATE user_usage SET plan_campaigns_limit = greatest(plan_campaigns_limit, -1),
    plan_creators_limit = greatest(plan_creators_limit, -1)
WHERE plan_campaigns_limit < -1 OR plan_creators_limit < -1;
UPDATE user_usage SET plan_features = '{}' WHERE jsonb_typeof(plan_features) <> 'object';
UPDATE user_billing SET card_exp_month = NULL WHERE card_exp_month NOT BETWEEN 1 AND 12;
UPDATE user_billing SET card_exp_year = NULL WHERE card_exp_year NOT BETWEEN 1970 AND 2200;
UPDATE user_subscriptions SET trial_end_date = trial_start_date WHERE trial_end_date < trial_start_date;
SELECT set_config('request.jwt.claims', '', true);
"""

CHECKS = {
    ("subscription_plans", "limits"): "campaigns_limit >= -1 AND creators_limit >= -1",
    ("subscription_plans", "prices"): "monthly_price >= 0 AND yearly_price >= 0",
    ("subscription_plans", "features"): "jsonb_typeof(features) = 'object'",
    ("user_usage", "limits"): "plan_campaigns_limit >= -1 AND plan_creators_limit >= -1",
    ("user_usage", "plan_features"): "jsonb_typeof(plan_features) = 'object'",
    ("user_billing", "card"): "card_exp_month BETWEEN 1 AND 12 AND card_exp_year BETWEEN 1970 AND 2200",
    ("user_subscriptions", "trial"): "trial_end_date >= trial_start_date",
}

SYSTEM = "(SELECT app_is_system())"
OWN = f"tenant_id = (SELECT app_tenant()) OR {SYSTEM}"

PERIODS = """
CREATE TABLE usage_periods (
    tenant_id text NOT NULL REFERENCES users (user_id) ON DELETE CASCADE,
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    plan varchar(50) NOT NULL,
    campaigns integer NOT NULL,
    creators integer NOT NULL,
    creators_limit integer NOT NULL,
    PRIMARY KEY (tenant_id, period_start)
);
COMMENT ON TABLE usage_periods IS 'A period of usage that is over, as it was at its end.';
COMMENT ON COLUMN usage_periods.tenant_id IS 'Whose it is (external id).';
COMMENT ON COLUMN usage_periods.period_start IS 'When it began.';
COMMENT ON COLUMN usage_periods.period_end IS 'When the next one began.';
COMMENT ON COLUMN usage_periods.plan IS 'The plan in force at the end: subscription_plans.plan_key at that time.';
COMMENT ON COLUMN usage_periods.campaigns IS 'Campaigns that counted at the end.';
COMMENT ON COLUMN usage_periods.creators IS 'Creators charged in the period.';
COMMENT ON COLUMN usage_periods.creators_limit IS 'Creators that were allowed: -1 unlimited, 0 none.';

CREATE TABLE usage_enrichments (
    tenant_id text NOT NULL REFERENCES users (user_id) ON DELETE CASCADE,
    period_start timestamptz NOT NULL,
    used integer NOT NULL CONSTRAINT ck_usage_enrichments_used CHECK (used >= 0),
    PRIMARY KEY (tenant_id, period_start)
);
COMMENT ON TABLE usage_enrichments IS 'How many profiles were enriched in a period; the plan''s features say how many may be.';
COMMENT ON COLUMN usage_enrichments.tenant_id IS 'Whose they are (external id).';
COMMENT ON COLUMN usage_enrichments.period_start IS 'The period: user_usage.usage_reset_date at that time.';
COMMENT ON COLUMN usage_enrichments.used IS 'Enrichments so far.';
"""

GRANTS = """
CREATE TABLE plan_grants (
    tenant_id text PRIMARY KEY REFERENCES users (user_id) ON DELETE CASCADE,
    plan_key varchar(50) NOT NULL REFERENCES subscription_plans (plan_key) ON DELETE RESTRICT,
    granted_by text NOT NULL,
    reason text,
    granted_at timestamptz NOT NULL
);
CREATE INDEX idx_plan_grants_plan ON plan_grants (plan_key);
COMMENT ON TABLE plan_grants IS 'A plan that an administrator gave; it stands above what Stripe says, until it is taken back.';
COMMENT ON COLUMN plan_grants.tenant_id IS 'Who has it (external id).';
COMMENT ON COLUMN plan_grants.plan_key IS 'The plan.';
COMMENT ON COLUMN plan_grants.granted_by IS 'The administrator.';
COMMENT ON COLUMN plan_grants.reason IS 'Why, in the administrator''s words.';
COMMENT ON COLUMN plan_grants.granted_at IS 'When.';

CREATE TABLE trial_claims (
    kind text NOT NULL CONSTRAINT ck_trial_claims_kind CHECK (kind IN ('email', 'card')),
    digest bytea NOT NULL,
    claimed_at timestamptz NOT NULL,
    PRIMARY KEY (kind, digest)
);
COMMENT ON TABLE trial_claims IS 'Who had a trial, by digest alone, so that a person has one even after their account was deleted.';
COMMENT ON COLUMN trial_claims.kind IS 'email, or card.';
COMMENT ON COLUMN trial_claims.digest IS 'scrypt of the normalised address, or of the fingerprint that Stripe gives a card.';
COMMENT ON COLUMN trial_claims.claimed_at IS 'When the trial began.';
"""

STRIPE = """
CREATE TABLE stripe_subscriptions (
    id text PRIMARY KEY,
    customer_id text NOT NULL,
    tenant_id text REFERENCES users (user_id) ON DELETE CASCADE,
    status text NOT NULL,
    price_id text,
    plan_key varchar(50),
    created timestamptz NOT NULL,
    period_start timestamptz,
    period_end timestamptz,
    trial_start timestamptz,
    trial_end timestamptz,
    cancel_at timestamptz,
    ended_at timestamptz,
    was_active boolean NOT NULL,
    version bigint NOT NULL,
    last_event text
);
CREATE INDEX idx_stripe_subscriptions_customer ON stripe_subscriptions (customer_id);
CREATE INDEX idx_stripe_subscriptions_tenant ON stripe_subscriptions (tenant_id);
COMMENT ON TABLE stripe_subscriptions IS 'Subscriptions as Stripe last described them; what a user has follows from these rows.';
COMMENT ON COLUMN stripe_subscriptions.id IS 'Stripe''s id of the subscription.';
COMMENT ON COLUMN stripe_subscriptions.customer_id IS 'Stripe''s id of the customer.';
COMMENT ON COLUMN stripe_subscriptions.tenant_id IS 'Whose it is (external id); NULL as long as nobody is known to be that customer.';
COMMENT ON COLUMN stripe_subscriptions.status IS 'In Stripe''s words.';
COMMENT ON COLUMN stripe_subscriptions.price_id IS 'Stripe''s id of the price.';
COMMENT ON COLUMN stripe_subscriptions.plan_key IS 'The plan that the checkout named, for a price that no plan has any more.';
COMMENT ON COLUMN stripe_subscriptions.created IS 'When it was made at Stripe.';
COMMENT ON COLUMN stripe_subscriptions.period_start IS 'When the paid period began.';
COMMENT ON COLUMN stripe_subscriptions.period_end IS 'When it ends.';
COMMENT ON COLUMN stripe_subscriptions.trial_start IS 'When its trial began.';
COMMENT ON COLUMN stripe_subscriptions.trial_end IS 'When its trial ends or ended.';
COMMENT ON COLUMN stripe_subscriptions.cancel_at IS 'When it will be cancelled.';
COMMENT ON COLUMN stripe_subscriptions.ended_at IS 'When it ended.';
COMMENT ON COLUMN stripe_subscriptions.was_active IS 'Whether any event, however late, showed it active: a trial that converted.';
COMMENT ON COLUMN stripe_subscriptions.version IS 'created of the newest event that described it, in seconds; an older event changes nothing.';
COMMENT ON COLUMN stripe_subscriptions.last_event IS 'That event.';
"""

GUARDED = ("usage_periods", "usage_enrichments", "plan_grants", "stripe_subscriptions")
METERED = ("usage_enrichments",)


def _guard(table: str) -> str:
    owners = OWN if table in METERED else SYSTEM
    return f"""
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON {table} TO tastemaker_owner USING ({owners}) WITH CHECK ({owners});
CREATE POLICY tenant ON {table} TO tastemaker_app USING ({OWN}) WITH CHECK ({OWN});
CREATE POLICY backup ON {table} FOR SELECT TO tastemaker_backup USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO tastemaker_app;
GRANT SELECT ON {table} TO tastemaker_backup;
CREATE TRIGGER refuse_change_by_tenant BEFORE INSERT OR DELETE OR UPDATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_by_tenant();
CREATE TRIGGER refuse_move_by_tenant AFTER UPDATE ON {table} FOR EACH ROW
    WHEN (OLD.tenant_id IS DISTINCT FROM NEW.tenant_id) EXECUTE FUNCTION refuse_change_by_tenant();
"""


TRIALS_GUARD = f"""
ALTER TABLE trial_claims ENABLE ROW LEVEL SECURITY;
ALTER TABLE trial_claims FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON trial_claims TO tastemaker_app, tastemaker_owner USING ({SYSTEM}) WITH CHECK ({SYSTEM});
CREATE POLICY backup ON trial_claims FOR SELECT TO tastemaker_backup USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON trial_claims TO tastemaker_app;
GRANT SELECT ON trial_claims TO tastemaker_backup;
"""

FUNCTIONS = """
CREATE OR REPLACE FUNCTION charge_creators(tenant text, on_platform text, creators text[], search uuid) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    period timestamp;
    allowed integer;
    used integer;
    charged bigint;
BEGIN
    SELECT usage.usage_reset_date, usage.usage_creators_current_month,
           coalesce(usage.plan_creators_limit, plan.creators_limit, 0)
    INTO period, used, allowed
    FROM public.user_usage usage
    LEFT JOIN public.user_subscriptions subscription ON subscription.user_id = usage.user_id
    LEFT JOIN public.subscription_plans plan ON plan.plan_key = subscription.current_plan
    WHERE usage.tenant_id = tenant FOR NO KEY UPDATE OF usage;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    INSERT INTO public.usage_charges (tenant_id, period_start, platform, stable_id, job_id, charged_at)
    SELECT tenant, period, on_platform, wanted.creator, search, public.app_now()
    FROM unnest(creators) WITH ORDINALITY AS wanted (creator, place)
    WHERE allowed = -1 OR NOT EXISTS (
        SELECT FROM public.usage_charges charge
        WHERE charge.tenant_id = tenant AND charge.period_start = period AND charge.platform = on_platform
          AND charge.stable_id = wanted.creator)
    ORDER BY wanted.place LIMIT CASE WHEN allowed = -1 THEN NULL ELSE greatest(0, allowed - used) END
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS charged = ROW_COUNT;
    UPDATE public.user_usage SET usage_creators_current_month = usage_creators_current_month + charged
    WHERE tenant_id = tenant AND charged > 0;
    RETURN charged;
END $$;
COMMENT ON FUNCTION charge_creators(text, text, text[], uuid) IS 'Charges each creator once in the period, in order, until the plan''s limit, and returns how many were new. The usage stays locked until the transaction ends. Under a tenant''s claim only its own.';

CREATE FUNCTION take_enrichments(tenant text, wanted integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    period timestamptz;
    allowed integer;
    taken integer;
BEGIN
    SELECT timezone('UTC', usage.usage_reset_date),
           coalesce(((plan.features || usage.plan_features) ->> 'enrichmentsPerMonth')::integer, 0)
    INTO period, allowed
    FROM public.user_usage usage
    JOIN public.user_subscriptions subscription ON subscription.user_id = usage.user_id
    JOIN public.subscription_plans plan ON plan.plan_key = subscription.current_plan
    WHERE usage.tenant_id = tenant FOR NO KEY UPDATE OF usage;
    IF NOT FOUND OR wanted <= 0 THEN
        RETURN 0;
    END IF;
    taken := wanted;
    IF allowed <> -1 THEN
        taken := least(wanted, greatest(0, allowed - coalesce((
            SELECT used FROM public.usage_enrichments WHERE tenant_id = tenant AND period_start = period), 0)));
    END IF;
    INSERT INTO public.usage_enrichments (tenant_id, period_start, used) VALUES (tenant, period, taken)
    ON CONFLICT (tenant_id, period_start) DO UPDATE SET used = usage_enrichments.used + excluded.used;
    RETURN taken;
END $$;
COMMENT ON FUNCTION take_enrichments(text, integer) IS 'Counts up to so many enrichments against the plan of the user, and returns how many it allows. Under a tenant''s claim only its own.';
REVOKE EXECUTE ON FUNCTION take_enrichments(text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION take_enrichments(text, integer) TO tastemaker_app;
"""


def upgrade() -> None:
    op.execute(CORRECTED)
    for (table, name), check in CHECKS.items():
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_{name} CHECK ({check})")
    for tables in (PERIODS, GRANTS, STRIPE):
        op.execute(tables)
    for table in GUARDED:
        op.execute(_guard(table))
    op.execute(TRIALS_GUARD)
    op.execute(FUNCTIONS)
