"""A tenant's claim changes no plan, trial, limit or usage, appoints no administrator and gives no row away.

Row-level security shows a tenant its own rows; it does not say which columns it may write. Triggers refuse
with 42501 while a tenant's claim is set. Usage changes only inside three functions of the owner: one takes a
campaign of the plan, one gives it back, one charges creators.

Lock: SHARE ROW EXCLUSIVE for an instant per table. The code before it registers a user and charges under the
user's claim: both are refused until it is replaced.
"""

from alembic import op

revision = "0062"
down_revision = "0061"
branch_labels = None
depends_on = None

TENANT_COLUMN = {
    "users": "user_id",
    "user_subscriptions": "tenant_id",
    "user_billing": "tenant_id",
    "user_usage": "tenant_id",
    "user_system_data": "tenant_id",
    "campaigns": "user_id",
    "scraping_jobs": "user_id",
    "scraping_results": "user_id",
    "scraping_runs": "tenant_id",
    "search_creators": "tenant_id",
    "search_jobs": "tenant_id",
    "search_results": "tenant_id",
    "exclusions": "tenant_id",
    "usage_charges": "tenant_id",
    "provider_calls": "tenant_id",
    "events": "tenant_id",
    "event_keys": "tenant_id",
    "event_deliveries": "tenant_id",
    "background_jobs": "tenant_id",
    "outbox_messages": "tenant_id",
    "inbox_messages": "tenant_id",
    "provider_spending": "tenant_id",
    "provider_budgets": "tenant_id",
    "api_keys": "tenant_id",
    "idempotent_answers": "tenant_id",
    "email_unsubscriptions": "tenant_id",
}

GUARDED = {
    "users": "INSERT OR DELETE OR UPDATE OF is_admin",
    "user_subscriptions": "INSERT OR DELETE OR UPDATE",
    "user_billing": "INSERT OR DELETE OR UPDATE",
    "user_usage": "INSERT OR DELETE OR UPDATE",
    "usage_charges": "INSERT OR DELETE OR UPDATE",
    "provider_budgets": "INSERT OR DELETE OR UPDATE",
    "user_system_data": "INSERT OR DELETE OR UPDATE OF signup_timestamp",
}
"""What no tenant's claim does; a period of usage begins at the time of sign-up."""

GUARD = """
CREATE FUNCTION refuse_change_by_tenant() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF current_user <> 'tastemaker_owner' AND app_tenant() IS NOT NULL THEN
        RAISE insufficient_privilege USING MESSAGE =
            format('a tenant may not make this change to %s (trigger %s)', TG_TABLE_NAME, TG_NAME);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION refuse_change_by_tenant() IS 'Refuses with 42501 while a tenant''s claim is set, but for the owner''s functions, which take, give back and charge.';
REVOKE EXECUTE ON FUNCTION refuse_change_by_tenant() FROM PUBLIC;
"""

SYSTEM = "(SELECT app_is_system())"
OWN = f"tenant_id = (SELECT app_tenant()) OR {SYSTEM}"
METERING = f"""
ALTER POLICY system ON user_usage USING ({OWN}) WITH CHECK ({OWN});
ALTER POLICY system ON usage_charges USING ({OWN}) WITH CHECK ({OWN});
ALTER POLICY system ON user_subscriptions USING ({OWN});
ALTER POLICY system ON subscription_plans USING ((SELECT app_tenant()) IS NOT NULL OR {SYSTEM});
"""
"""For the owner: its functions find and count what is the claiming tenant's. Nobody logs in as the owner."""

FUNCTIONS = """
CREATE FUNCTION take_campaign(tenant text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE public.user_usage usage SET usage_campaigns_current = usage.usage_campaigns_current + 1
    FROM public.user_subscriptions subscription
    JOIN public.subscription_plans plan ON plan.plan_key = subscription.current_plan
    WHERE usage.tenant_id = tenant AND subscription.user_id = usage.user_id
      AND (coalesce(usage.plan_campaigns_limit, plan.campaigns_limit) = -1
           OR usage.usage_campaigns_current < coalesce(usage.plan_campaigns_limit, plan.campaigns_limit));
    RETURN FOUND;
END $$;
COMMENT ON FUNCTION take_campaign(text) IS 'Counts one campaign more against the plan of the user; false where the plan has none left. Under a tenant''s claim only its own.';

CREATE FUNCTION give_campaign_back(tenant text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE public.user_usage SET usage_campaigns_current = greatest(0, usage_campaigns_current - 1)
    WHERE tenant_id = tenant;
    RETURN FOUND;
END $$;
COMMENT ON FUNCTION give_campaign_back(text) IS 'Counts one campaign less. Under a tenant''s claim only its own.';

CREATE FUNCTION charge_creators(tenant text, on_platform text, creators text[], search uuid) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    period timestamp;
    charged bigint;
BEGIN
    SELECT usage_reset_date INTO period FROM public.user_usage WHERE tenant_id = tenant FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    INSERT INTO public.usage_charges (tenant_id, period_start, platform, stable_id, job_id, charged_at)
    SELECT tenant, period, on_platform, creator, search, public.app_now() FROM unnest(creators) AS creator
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS charged = ROW_COUNT;
    UPDATE public.user_usage SET usage_creators_current_month = usage_creators_current_month + charged
    WHERE tenant_id = tenant AND charged > 0;
    RETURN charged;
END $$;
COMMENT ON FUNCTION charge_creators(text, text, text[], uuid) IS 'Charges each creator once in the period, and returns how many were new. The usage stays locked until the transaction ends. Under a tenant''s claim only its own.';
"""

CALLED_BY_THE_APPLICATION = """
REVOKE EXECUTE ON FUNCTION take_campaign(text), give_campaign_back(text),
    charge_creators(text, text, text[], uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION take_campaign(text), give_campaign_back(text),
    charge_creators(text, text, text[], uuid) TO tastemaker_app;
"""


def upgrade() -> None:
    op.execute(GUARD)
    op.execute(METERING)
    op.execute(FUNCTIONS)
    op.execute(CALLED_BY_THE_APPLICATION)
    for table, change in GUARDED.items():
        op.execute(
            f"CREATE TRIGGER refuse_change_by_tenant BEFORE {change} ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_by_tenant()"
        )
    for table, column in TENANT_COLUMN.items():
        op.execute(
            f"CREATE TRIGGER refuse_move_by_tenant AFTER UPDATE ON {table} FOR EACH ROW"
            f" WHEN (OLD.{column} IS DISTINCT FROM NEW.{column}) EXECUTE FUNCTION refuse_change_by_tenant()"
        )
