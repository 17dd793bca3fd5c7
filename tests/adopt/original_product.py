"""Databases of the original product, by the column lists of its compatibility notes, in known states."""

import json
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

PROFILES = """
CREATE TABLE user_profiles (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id text NOT NULL UNIQUE, name text, company_name text,
    industry text, email text, created_at timestamp DEFAULT now(), updated_at timestamp DEFAULT now(),
    signup_timestamp timestamp DEFAULT now(), onboarding_step varchar(50) DEFAULT 'pending', full_name text,
    business_name text, brand_description text, email_schedule_status jsonb DEFAULT '{}',
    trial_start_date timestamp, trial_end_date timestamp, trial_status varchar(50) DEFAULT 'pending',
    stripe_customer_id text, stripe_subscription_id text, subscription_status varchar(50) DEFAULT 'none',
    current_plan varchar(50) DEFAULT 'free', is_admin boolean DEFAULT false, payment_method_id text,
    card_last_4 varchar(4), card_brand varchar(20), card_exp_month integer, card_exp_year integer,
    billing_address_city text, billing_address_country varchar(2), billing_address_postal_code varchar(20),
    plan_campaigns_limit integer, plan_creators_limit integer, plan_features jsonb DEFAULT '{}',
    usage_campaigns_current integer DEFAULT 0, usage_creators_current_month integer DEFAULT 0,
    usage_reset_date timestamp DEFAULT now(), last_webhook_event varchar(100),
        last_webhook_timestamp timestamp,
    billing_sync_status text DEFAULT 'pending', trial_conversion_date timestamp,
    subscription_cancel_date timestamp, subscription_renewal_date timestamp, intended_plan varchar(50));
"""

FIVE = """
CREATE TABLE users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id text NOT NULL UNIQUE, email text, full_name text,
    business_name text, brand_description text, industry text, onboarding_step varchar(50)
        DEFAULT 'pending' NOT NULL,
    is_admin boolean DEFAULT false NOT NULL, created_at timestamp DEFAULT now() NOT NULL,
    updated_at timestamp DEFAULT now() NOT NULL);
CREATE TABLE user_subscriptions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id uuid NOT NULL REFERENCES users (id)
        ON DELETE CASCADE,
    current_plan varchar(50) DEFAULT 'free' NOT NULL, intended_plan varchar(50),
    subscription_status varchar(20) DEFAULT 'none' NOT NULL, trial_status varchar(20)
        DEFAULT 'pending' NOT NULL,
    trial_start_date timestamp, trial_end_date timestamp, trial_conversion_date timestamp,
    subscription_cancel_date timestamp, subscription_renewal_date timestamp,
    billing_sync_status varchar(50) DEFAULT 'pending' NOT NULL, created_at timestamp DEFAULT now() NOT NULL,
    updated_at timestamp DEFAULT now() NOT NULL);
CREATE TABLE user_billing (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id uuid NOT NULL REFERENCES users (id)
        ON DELETE CASCADE,
    stripe_customer_id text, stripe_subscription_id text, payment_method_id text, card_last_4 varchar(4),
    card_brand varchar(20), card_exp_month integer, card_exp_year integer, billing_address_city text,
    billing_address_country varchar(2), billing_address_postal_code varchar(20),
    created_at timestamp DEFAULT now() NOT NULL, updated_at timestamp DEFAULT now() NOT NULL);
CREATE TABLE user_usage (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id uuid NOT NULL REFERENCES users (id)
        ON DELETE CASCADE,
    plan_campaigns_limit integer, plan_creators_limit integer, plan_features jsonb DEFAULT '{}' NOT NULL,
    usage_campaigns_current integer DEFAULT 0 NOT NULL,
        usage_creators_current_month integer DEFAULT 0 NOT NULL,
    usage_reset_date timestamp DEFAULT now() NOT NULL, created_at timestamp DEFAULT now() NOT NULL,
    updated_at timestamp DEFAULT now() NOT NULL);
CREATE TABLE user_system_data (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id uuid NOT NULL REFERENCES users (id)
        ON DELETE CASCADE,
    signup_timestamp timestamp DEFAULT now() NOT NULL, email_schedule_status jsonb DEFAULT '{}' NOT NULL,
    last_webhook_event varchar(100), last_webhook_timestamp timestamp, created_at timestamp DEFAULT now()
        NOT NULL,
    updated_at timestamp DEFAULT now() NOT NULL);
"""

SEARCHES = """
CREATE TABLE campaigns (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id text NOT NULL, name text NOT NULL,
        description text,
    search_type varchar(20) NOT NULL, status varchar(20) DEFAULT 'draft' NOT NULL,
    created_at timestamp DEFAULT now() NOT NULL, updated_at timestamp DEFAULT now() NOT NULL);
CREATE TABLE scraping_jobs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id text NOT NULL, run_id text,
    status varchar(20) DEFAULT 'pending' NOT NULL, keywords jsonb, platform varchar(50)
        DEFAULT 'Tiktok' NOT NULL,
    region varchar(10) DEFAULT 'US' NOT NULL, processed_runs integer DEFAULT 0 NOT NULL,
    processed_results integer DEFAULT 0 NOT NULL, target_results integer DEFAULT 1000 NOT NULL,
    cursor integer DEFAULT 0, progress numeric DEFAULT '0', campaign_id uuid, target_username text,
    search_params jsonb, qstash_message_id text, created_at timestamp DEFAULT now() NOT NULL,
        started_at timestamp,
    completed_at timestamp, timeout_at timestamp, updated_at timestamp DEFAULT now() NOT NULL, error text);
CREATE TABLE scraping_results (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), job_id uuid, creators jsonb NOT NULL,
    created_at timestamp DEFAULT now() NOT NULL);
CREATE TABLE search_jobs (
    id text PRIMARY KEY, campaign_id uuid, platform varchar(20), search_type varchar(20),
    status varchar(20) DEFAULT 'queued', total_count integer NOT NULL, completed_count integer DEFAULT 0,
    created_at timestamp DEFAULT now() NOT NULL, updated_at timestamp DEFAULT now() NOT NULL,
        completed_at timestamp);
CREATE TABLE search_results (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), job_id text NOT NULL, profile_id text NOT NULL,
    username text NOT NULL, display_name text, platform varchar(20) NOT NULL, profile_url text, post_url text,
    post_description text, avatar_url text, followers integer DEFAULT 0, is_verified varchar(10)
        DEFAULT 'false',
    email text, bio text, raw_data jsonb, created_at timestamp DEFAULT now() NOT NULL);
"""

SYSTEM = """
CREATE TABLE system_configurations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), category varchar(50) NOT NULL, key varchar(100) NOT NULL,
    value text NOT NULL, value_type varchar(20) NOT NULL, description text,
    is_hot_reloadable varchar(5) DEFAULT 'true' NOT NULL, created_at timestamp DEFAULT now() NOT NULL,
    updated_at timestamp DEFAULT now() NOT NULL);
CREATE TABLE subscription_plans (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), plan_key varchar(50) NOT NULL UNIQUE,
        display_name text NOT NULL,
    description text, monthly_price integer NOT NULL, yearly_price integer,
        stripe_monthly_price_id text NOT NULL,
    stripe_yearly_price_id text, campaigns_limit integer NOT NULL, creators_limit integer NOT NULL,
    features jsonb DEFAULT '{}', is_active boolean DEFAULT true NOT NULL, sort_order integer DEFAULT 0,
    created_at timestamp DEFAULT now() NOT NULL, updated_at timestamp DEFAULT now() NOT NULL);
CREATE TABLE events (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), aggregate_id text NOT NULL, aggregate_type varchar(50)
        NOT NULL,
    event_type varchar(100) NOT NULL, event_version integer DEFAULT 1 NOT NULL, event_data jsonb NOT NULL,
    metadata jsonb, timestamp {time} DEFAULT now() NOT NULL, processed_at {time},
    processing_status varchar(20) DEFAULT 'pending' NOT NULL, retry_count integer DEFAULT 0 NOT NULL,
        error text,
    idempotency_key text NOT NULL, source_system varchar(50) NOT NULL, correlation_id text,
        causation_id text);
CREATE TABLE background_jobs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), job_type varchar(100) NOT NULL, payload jsonb NOT NULL,
    status varchar(20) DEFAULT 'pending' NOT NULL, qstash_message_id text,
        priority integer DEFAULT 100 NOT NULL,
    max_retries integer DEFAULT 3 NOT NULL, retry_count integer DEFAULT 0 NOT NULL,
    scheduled_for {time} DEFAULT now() NOT NULL, started_at {time}, completed_at {time}, failed_at {time},
    error text, result jsonb, created_at {time} DEFAULT now() NOT NULL, updated_at {time} DEFAULT now()
        NOT NULL);
"""

EXTRAS = """
CREATE SCHEMA drizzle;
CREATE TABLE drizzle.__drizzle_migrations (id serial PRIMARY KEY, hash text NOT NULL, created_at bigint);
INSERT INTO drizzle.__drizzle_migrations (hash, created_at) VALUES ('a', 1), ('b', 2);
CREATE TYPE list_privacy AS ENUM ('private', 'public', 'workspace');
CREATE TABLE creator_lists (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text, privacy list_privacy DEFAULT 'private');
CREATE TABLE creator_profiles (id serial PRIMARY KEY, platform text, external_id text, UNIQUE (platform,
    external_id));
INSERT INTO creator_lists (name) VALUES ('favourites');
CREATE VIEW running_jobs AS SELECT id FROM scraping_jobs WHERE status = 'processing';
CREATE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN NEW.updated_at := now(); RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON campaigns FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE SEQUENCE stray_numbers;
ALTER TABLE background_jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE background_jobs FORCE ROW LEVEL SECURITY;
CREATE POLICY "System can manage jobs" ON background_jobs FOR ALL USING (true);
"""

EVENT_POLICY = """
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
CREATE POLICY "Admins can view events" ON events FOR SELECT
    USING (EXISTS (SELECT FROM user_profiles p WHERE p.user_id = current_setting('app.user', true)
        AND p.is_admin));
"""


@dataclass(frozen=True)
class State:
    """One of the states in which real databases were found."""

    profiles: bool = True
    five: bool = True
    zoned: bool = False
    extras: bool = True
    unique: bool = False


STATES = {
    "profiles_only": State(five=False),
    "both": State(),
    "five_only": State(profiles=False, zoned=True),
    "five_only_with_unique_satellites": State(profiles=False, extras=False, unique=True),
}


def build(connection: Connection[Any], state: State) -> None:
    if state.profiles:
        connection.execute(PROFILES)
    if state.five:
        connection.execute(FIVE)
    if state.unique:
        for table in ("user_subscriptions", "user_billing", "user_usage", "user_system_data"):
            connection.execute(f"ALTER TABLE {table} ADD UNIQUE (user_id)".encode())
    connection.execute(SEARCHES)
    connection.execute(SYSTEM.replace("{time}", "timestamptz" if state.zoned else "timestamp").encode())
    if state.extras:
        connection.execute(EXTRAS)
        if state.profiles:
            connection.execute(EVENT_POLICY)


def insert(connection: Connection[Any], table: str, **values: Any) -> Any:  # noqa: ANN401 - any column
    """One row; dictionaries and lists are JSON. Returns its id."""
    shown = {
        name: json.dumps(value) if isinstance(value, dict | list) else value for name, value in values.items()
    }
    names, marks = ", ".join(f'"{name}"' for name in shown), ", ".join("%s" for _ in shown)
    statement = " ".join(["INSERT", f"INTO {table} ({names}) VALUES ({marks}) RETURNING id"])
    row = connection.execute(statement.encode(), list(shown.values())).fetchone()
    assert row is not None
    return row[0]
