"""What must hold after every fault, whatever it was, asked by SQL past row-level security.

The numbers are those of the fault notes. I1, that nothing acknowledged is lost, each fault compares itself.
"""

from pathlib import Path
from typing import LiteralString

import psycopg

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import Tenant, claims_json
from tests.faults.wire import CONTACT, KEY

DUPLICATES: dict[str, LiteralString] = {
    "I2 a creator twice in a search": """
        SELECT job_id, platform, stable_id FROM search_creators GROUP BY 1, 2, 3 HAVING count(*) > 1""",
    "I2 a creator twice in the stored pages of a search": """
        SELECT page.job_id, one ->> 'stable_id' FROM scraping_results page,
               jsonb_array_elements(page.creators) one
        WHERE one ->> 'stable_id' IS NOT NULL GROUP BY 1, 2 HAVING count(*) > 1""",
}

BROKEN: dict[str, LiteralString] = {
    "I1 a job that is said to be done and has no effect": """
        SELECT b.id FROM background_jobs b WHERE b.job_type = 'fault_effect' AND b.status = 'completed'
          AND NOT EXISTS (SELECT FROM effects e WHERE e.key = b.payload ->> 'key')""",
    "I1 a claim without its stored page": """
        SELECT c.job_id, c.stable_id FROM search_creators c
        WHERE NOT EXISTS (
            SELECT FROM scraping_results r WHERE r.id = c.result_id AND r.job_id = c.job_id)""",
    "I3 the creators of a user's period are not its charges": """
        SELECT u.tenant_id FROM user_usage u
        WHERE u.usage_creators_current_month <> (
            SELECT count(*) FROM usage_charges c
            WHERE c.tenant_id = u.tenant_id AND c.period_start = u.usage_reset_date)""",
    "I3 a user's campaigns are not counted": """
        SELECT u.tenant_id FROM user_usage u
        WHERE u.usage_campaigns_current <> (
            SELECT count(*) FROM campaigns c
            WHERE c.user_id = u.tenant_id AND c.status <> 'archived' AND c.deleting_since IS NULL)""",
    "I3 a creator in a search that nobody was charged for": """
        SELECT c.job_id, c.stable_id FROM search_creators c
        WHERE NOT EXISTS (SELECT FROM usage_charges p WHERE p.tenant_id = c.tenant_id
                            AND p.platform = c.platform AND p.stable_id = c.stable_id)""",
    "I3 a search that says another number than it holds": """
        SELECT id FROM scraping_jobs j
        WHERE processed_results <> (SELECT count(*) FROM search_creators WHERE job_id = j.id)
           OR processed_results <> (
               SELECT coalesce(sum(jsonb_array_length(creators)), 0) FROM scraping_results
               WHERE job_id = j.id)
           OR processed_runs <> (SELECT coalesce(sum(pages), 0) FROM scraping_runs WHERE job_id = j.id)
           OR processed_results > target_results""",
    "I3 a creator of a search that its campaign does not hold, or a campaign's that no search has": """
        SELECT j.campaign_id, c.creator_id FROM search_creators c JOIN scraping_jobs j ON j.id = c.job_id
        WHERE j.campaign_id IS NOT NULL
        EXCEPT SELECT campaign_id, creator_id FROM campaign_creators
        UNION ALL
        SELECT held.campaign_id, held.creator_id FROM campaign_creators held
        WHERE held.searches <> (
            SELECT count(*) FROM search_creators c JOIN scraping_jobs j ON j.id = c.job_id
            WHERE j.campaign_id = held.campaign_id AND c.creator_id = held.creator_id)""",
    "I3 pages kept that no call paid for": """
        SELECT r.id FROM scraping_runs r JOIN scraping_jobs j ON j.id = r.job_id
        WHERE r.pages > (SELECT count(*) FROM provider_calls c
                         WHERE c.tenant_id = r.tenant_id
                           AND c.status IN ('charged', 'failed', 'abandoned'))""",
    "I4 a job that is held by nobody, or due and not taken": """
        SELECT id, job_type, status FROM background_jobs
        WHERE status = 'processing' AND lease_until < app_now()
           OR status = 'pending' AND scheduled_for < app_now() - interval '60 seconds'""",
    "I4 a search that is open and has no message": """
        SELECT j.id FROM scraping_jobs j
        WHERE j.status IN ('pending', 'processing') AND NOT EXISTS (
            SELECT FROM background_jobs b
            WHERE b.correlation_id = j.id::text AND b.status IN ('pending', 'processing'))""",
    "I4 a run that is open in a search that has ended": """
        SELECT r.id FROM scraping_runs r JOIN scraping_jobs j ON j.id = r.job_id
        WHERE r.status IN ('pending', 'processing') AND j.status NOT IN ('pending', 'processing')""",
    "I5 a search whose beginning is told twice, or not": """
        SELECT j.id FROM scraping_jobs j
        WHERE 1 <> (SELECT count(*) FROM events e
                    WHERE e.aggregate_id = j.id::text AND e.event_type = 'search_started')""",
    "I5 a search whose end is told twice, not, or otherwise than it is": """
        SELECT j.id FROM scraping_jobs j
        WHERE (j.status NOT IN ('pending', 'processing'))::int <> (
            SELECT count(*) FROM events e
            WHERE e.aggregate_id = j.id::text AND e.event_type = 'search_finished')
           OR EXISTS (SELECT FROM events e
                      WHERE e.aggregate_id = j.id::text AND e.event_type = 'search_finished'
                        AND e.event_data ->> 'status' <> j.status)""",
    "I5 a campaign whose creation is told twice, or not": """
        SELECT c.id FROM campaigns c
        WHERE 1 <> (SELECT count(*) FROM events e
                    WHERE e.aggregate_id = c.id::text AND e.event_type = 'campaign_created')""",
    "I5 a job that ended without telling, or told it twice": """
        SELECT b.id FROM background_jobs b
        WHERE b.status = 'failed' AND b.job_type <> 'unknown_here' AND 1 <> (
                  SELECT count(*) FROM events e WHERE e.aggregate_id = b.id::text
                    AND e.event_type = 'job_failed')
           OR b.status = 'completed' AND 1 < (
                  SELECT count(*) FROM events e WHERE e.aggregate_id = b.id::text
                    AND e.event_type = 'job_completed')""",
    "I5 a state change by an event that is there twice": """
        SELECT event_type, aggregate_id, event_data FROM events
        WHERE event_type IN ('search_started', 'campaign_created', 'campaign_deleted', 'user_registered')
        GROUP BY 1, 2, 3 HAVING count(*) > 1""",
    "I7 a user beyond the plan's limit": """
        SELECT u.tenant_id FROM user_usage u
        JOIN user_subscriptions s ON s.user_id = u.user_id
        JOIN subscription_plans p ON p.plan_key = s.current_plan
        WHERE coalesce(u.plan_campaigns_limit, p.campaigns_limit) >= 0
              AND u.usage_campaigns_current > coalesce(u.plan_campaigns_limit, p.campaigns_limit)
           OR coalesce(u.plan_creators_limit, p.creators_limit) >= 0
              AND u.usage_creators_current_month > coalesce(u.plan_creators_limit, p.creators_limit)""",
}

TENANTS: dict[str, LiteralString] = {
    table: f"SELECT count(*) FROM {table}"  # noqa: S608 - names of this line
    for table in (
        "users", "user_subscriptions", "user_usage", "user_billing", "user_system_data", "campaigns",
        "scraping_jobs", "scraping_runs", "scraping_results", "search_creators", "campaign_creators",
        "usage_charges",
        "provider_calls", "events", "background_jobs", "exclusions", "api_keys",
        "browser_sessions",
    )
}  # fmt: skip
"""I6: of each of these another tenant sees nothing."""

SECRET_COLUMNS: LiteralString = """
    SELECT error FROM scraping_jobs UNION ALL SELECT error FROM scraping_runs
    UNION ALL SELECT error FROM background_jobs UNION ALL SELECT parked_reason FROM scraping_jobs
    UNION ALL SELECT event_data::text FROM events UNION ALL SELECT beginning FROM provider_samples"""


def count_duplicates(admin_url: str) -> int:
    with psycopg.connect(admin_url, autocommit=True) as connection:
        return sum(len(connection.execute(statement).fetchall()) for statement in DUPLICATES.values())


def broken_invariants(admin_url: str, app_url: str, logs: Path) -> list[str]:
    """One sentence for each invariant that does not hold."""
    broken = []
    with psycopg.connect(admin_url, autocommit=True) as connection:
        for invariant, violation in {**DUPLICATES, **BROKEN}.items():
            rows = connection.execute(violation).fetchall()
            if rows:
                broken.append(f"{invariant}: {len(rows)}, the first {rows[0]}")
        said = [row[0] or "" for row in connection.execute(SECRET_COLUMNS)]
    broken += _seen_by_another(app_url)
    texts = [*said, *(path.read_text(errors="replace") for path in logs.glob("*.log"))]
    for canary in (KEY, CONTACT):
        if any(canary in text for text in texts):
            broken.append(f"I8 {canary} stands in a log or an error")
    return broken


def _seen_by_another(app_url: str) -> list[str]:
    with psycopg.connect(app_url) as connection:
        claims = claims_json(Tenant(ExternalUserId("somebody-else")))
        connection.execute("SELECT set_config('request.jwt.claims', %s, true)", (claims,))
        return [
            f"I6 another tenant sees rows of {table}"
            for table, statement in TENANTS.items()
            if connection.execute(statement).fetchone() != (0,)
        ]
