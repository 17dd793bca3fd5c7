"""Adopting an original product's database of 100,000 profiles, step by step, and its parts done in place.

`.venv/bin/python -m bench.adopt [--profiles N]`. For each profile one campaign, for every tenth a search with
three pages of 20 creators (a third of them repeated), two events and a background job. The second table is
what changing the tables where they stand costs at the least: their types, tenant columns and checks.
"""

import json
from time import perf_counter

import psycopg

from bench.measuring import arguments, server
from tastemaker.adopt.plan_queries import Options
from tastemaker.adopt.service import adopt, look
from tastemaker.db.embedded import Server
from tests.adopt.original_product import State, build

LOAD = (
    """
    INSERT INTO user_profiles (user_id, email, full_name, name, stripe_customer_id, current_plan,
                               trial_status, billing_sync_status, card_brand, created_at)
    SELECT 'user_' || n, 'u' || n || '@example.com', CASE WHEN n %% 3 = 0 THEN NULL ELSE 'Näme ' || n END,
           'n', CASE WHEN n %% 2 = 0 THEN 'cus_' || n END,
           (ARRAY['free', 'glow_up', 'Viral Surge', NULL])[1 + n %% 4],
           (ARRAY['pending', 'canceled', 'active', 'odd'])[1 + n %% 4],
           (ARRAY['synced', 'webhook_subscription_created', 'gremlin'])[1 + n %% 3], 'visa',
           timestamp '2025-01-01' + n * interval '1 minute'
    FROM generate_series(1, %(n)s) n
    """,
    "INSERT INTO campaigns (user_id, name, search_type) SELECT user_id, 'c', 'keyword' FROM user_profiles",
    """
    INSERT INTO scraping_jobs (user_id, campaign_id, keywords, platform, status)
    SELECT user_id, id, '["yoga"]', (ARRAY['Tiktok', 'Instagram', 'YouTube'])[1 + n %% 3], 'completed'
    FROM (SELECT *, row_number() OVER () AS n FROM campaigns) c WHERE n %% 10 = 0
    """,
    """
    INSERT INTO scraping_results (job_id, creators, created_at)
    SELECT j.id, (SELECT jsonb_agg(jsonb_build_object(
               'creator', jsonb_build_object('name', 'Creator ' || k, 'uniqueId', 'handle_' || k,
                                             'followers', k,
                                             'channelId', 'UC' || k, 'bio', md5(k::text) || md5(p::text),
                                             'emails', jsonb_build_array('c' || k || '@example.com')),
               'video', jsonb_build_object('url', 'https://www.tiktok.com/@h/video/1000000' || k,
                                           'statistics', jsonb_build_object('views', k * 10)),
               'hashtags', jsonb_build_array('yoga'), 'ownerId', k,
               'platform', CASE j.platform WHEN 'Tiktok' THEN 'TikTok' ELSE j.platform END))
           FROM (SELECT (j.n * 7919 + i) %% 200000 + 1 AS k FROM generate_series(p * 14, p * 14 + 19) i) c),
           now() + p * interval '1 second'
    FROM (SELECT *, row_number() OVER () AS n FROM scraping_jobs) j, generate_series(0, 2) p
    """,
    """
    INSERT INTO events (aggregate_id, aggregate_type, event_type, event_data, idempotency_key, source_system,
                        processing_status, timestamp)
    SELECT user_id, 'user', 'user_created', '{"a": 1}', 'key_' || i || user_id, 'user_action', 'completed',
           created_at + i * interval '1 second'
    FROM user_profiles, generate_series(1, 2) i
    """,
    """
    INSERT INTO background_jobs (job_type, payload, status)
    SELECT 'send_trial_email', jsonb_build_object('userId', user_id), 'completed' FROM user_profiles
    """,
)

IN_PLACE = {
    "events: times without a zone": """ALTER TABLE events
        ALTER timestamp TYPE timestamp USING timezone('UTC', timestamp)""",
    "events: seq": "ALTER TABLE events ADD seq bigint GENERATED ALWAYS AS IDENTITY",
    "events: tenant": "ALTER TABLE events ADD tenant_id text; UPDATE events SET tenant_id = aggregate_id",
    "results: tenant": """ALTER TABLE scraping_results ADD user_id text;
        UPDATE scraping_results r SET user_id = j.user_id FROM scraping_jobs j WHERE j.id = r.job_id""",
    "results: remove repeated creators": """UPDATE scraping_results SET creators = (
        SELECT jsonb_agg(e) FROM jsonb_array_elements(creators) e)""",
}


def main() -> None:
    asked = arguments(__doc__, profiles=100_000)
    with server(asked.postgres_bin) as running:
        url = _fresh(running, "adopting", asked.profiles)
        began = perf_counter()
        plan = look(url, Options()).plan
        assert plan is not None
        print(f"look: {perf_counter() - began:.1f} s, {json.dumps(plan.creators)}")
        began = perf_counter()
        report = adopt(url, app_password=None, options=Options()).report
        total = perf_counter() - began
        for name, step in sorted(report["steps"].items(), key=lambda pair: -pair[1]["seconds"]):
            print(f"{step['seconds']:8.2f} s  {name}")
        print(f"{total:8.2f} s  in all; {json.dumps(report['ours'])}")
        _in_place(_fresh(running, "in_place", asked.profiles))


def _in_place(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for name, statement in IN_PLACE.items():
            began = perf_counter()
            connection.execute(statement.encode())
            print(f"{perf_counter() - began:8.2f} s  in place: {name}, under ACCESS EXCLUSIVE or row locks")


def _fresh(running: Server, name: str, profiles: int) -> str:
    with psycopg.connect(running.url(database="postgres"), autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
        admin.execute(f"CREATE DATABASE {name}".encode())
    url = running.url(database=name)
    with psycopg.connect(url, autocommit=True) as connection:
        build(connection, State(five=False, zoned=True, extras=False))
        for statement in LOAD:
            connection.execute(statement.encode(), {"n": profiles})
        connection.execute("ANALYZE")
    return url


if __name__ == "__main__":
    main()
