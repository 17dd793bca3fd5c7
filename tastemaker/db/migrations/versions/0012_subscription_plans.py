"""The plans as rows, and on the user what the plan allows and what has been used.

Lock: ACCESS EXCLUSIVE on `user_profiles`, for the catalog only.
The code before it names its columns and gets the defaults. A plan that is not sold through Stripe has the
empty string as its price id; -1 is unlimited and 0 is none.
"""

from alembic import op

revision = "0012"
down_revision = "0011"

TABLES = """
CREATE TABLE IF NOT EXISTS subscription_plans (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    plan_key varchar(50) NOT NULL UNIQUE,
    display_name text NOT NULL,
    description text,
    monthly_price integer NOT NULL,
    yearly_price integer,
    stripe_monthly_price_id text NOT NULL,
    stripe_yearly_price_id text,
    campaigns_limit integer NOT NULL,
    creators_limit integer NOT NULL,
    features jsonb DEFAULT '{}',
    is_active boolean DEFAULT true NOT NULL,
    sort_order integer DEFAULT 0,
    created_at timestamp DEFAULT now() NOT NULL,
    updated_at timestamp DEFAULT now() NOT NULL
);

ALTER TABLE user_profiles
    ADD COLUMN IF NOT EXISTS plan_campaigns_limit integer,
    ADD COLUMN IF NOT EXISTS plan_creators_limit integer,
    ADD COLUMN IF NOT EXISTS plan_features jsonb DEFAULT '{}',
    ADD COLUMN IF NOT EXISTS usage_campaigns_current integer DEFAULT 0,
    ADD COLUMN IF NOT EXISTS usage_creators_current_month integer DEFAULT 0,
    ADD COLUMN IF NOT EXISTS usage_reset_date timestamp DEFAULT now();
"""

PLANS = """
WITH every_platform (common) AS (
    VALUES (jsonb_build_object('platforms', jsonb_build_array('TikTok', 'Instagram', 'YouTube')))
), offered (key, name, about, month, year, campaigns, creators, enrichments, formats, extras, support) AS (
    VALUES
    ('free', 'Free', 'Look around; searching needs a plan.', 0, NULL::int, 0, 0, 5,
     '["CSV"]', '{}', 'community'),
    ('self_hosted', 'Self-hosted', 'Your own installation, without limits.', 0, NULL, -1, -1, -1,
     '["CSV", "Excel", "JSON"]', '{"emailExtraction": true, "bioExtraction": true, "advancedFiltering": true, "apiAccess": true}', 'community'),
    ('glow_up', 'Glow Up Plan', 'For a first campaign.', 9900, 94800, 3, 1000, 50,
     '["CSV"]', '{"emailExtraction": true, "bioExtraction": true}', 'email'),
    ('viral_surge', 'Viral Surge Plan', 'For a team with several campaigns.', 24900, 238800, 10, 10000, 200,
     '["CSV", "Excel"]', '{"emailExtraction": true, "bioExtraction": true, "advancedFiltering": true}', 'email'),
    ('fame_flex', 'Fame Flex Plan', 'Without limits.', 49900, 478800, -1, -1, -1,
     '["CSV", "Excel", "JSON"]', '{"emailExtraction": true, "bioExtraction": true, "advancedFiltering": true, "prioritySupport": true, "customIntegrations": true, "dedicatedSupport": true, "apiAccess": true}', 'dedicated'),
    ('growth', 'Growth Plan', 'Unlimited campaigns, 6,000 creators a month.', 19900, 190800, -1, 6000, 500,
     '["CSV", "Excel"]', '{"emailExtraction": true, "bioExtraction": true, "advancedFiltering": true}', 'email'),
    ('scale', 'Scale Plan', 'Unlimited campaigns, 30,000 creators a month.', 59900, 574800, -1, 30000, 1000,
     '["CSV", "Excel", "JSON"]', '{"emailExtraction": true, "bioExtraction": true, "advancedFiltering": true, "prioritySupport": true, "apiAccess": true}', 'priority'),
    ('pro', 'Pro Plan', 'Unlimited campaigns, 75,000 creators a month.', 199900, 1918800, -1, 75000, 10000,
     '["CSV", "Excel", "JSON"]', '{"emailExtraction": true, "bioExtraction": true, "advancedFiltering": true, "prioritySupport": true, "customIntegrations": true, "dedicatedSupport": true, "apiAccess": true}', 'dedicated')
)
INSERT INTO subscription_plans (plan_key, display_name, description, monthly_price, yearly_price,
    stripe_monthly_price_id, campaigns_limit, creators_limit, features, sort_order)
SELECT key, name, about, month, year, '', campaigns, creators,
       common || extras::jsonb || jsonb_build_object(
           'exportFormats', formats::jsonb, 'support', support, 'enrichmentsPerMonth', enrichments),
       row_number() OVER ()
FROM offered CROSS JOIN every_platform
ON CONFLICT (plan_key) DO NOTHING;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(PLANS)
