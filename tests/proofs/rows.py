"""Made-up rows in quantity, by the server itself: the same ones for the same count.

User number n is `user_n`; number 1 is an administrator. Satellites are filled as triggers would.
"""

import psycopg

FIRST = (
    "Anna,Hannah,Maria,John,Jane,Peter,Paul,Lukas,Emma,Mia,Sofia,Johanna,Marianne,Liam,Noah,Oliver,Elijah,"
    "James,William,Henry,Lucas,Theo,Jack,Levi,Alex,Daniel,Michael,Mason,Sebastian,Ethan,Logan,Owen,Samuel,"
    "Jacob,Aiden,Joseph,Wyatt,David,Leo,Luke,Julian,Hudson,Grayson,Matthew,Ezra,Gabriel,Carter,Isaac"
)
LAST = (
    "Smith,Johnson,Williams,Brown,Jones,Garcia,Miller,Davis,Rodriguez,Martinez,Hernandez,Lopez,Gonzalez,"
    "Wilson,Anderson,Thomas,Taylor,Moore,Jackson,Martin,Lee,Perez,Thompson,White,Harris,Sanchez,Clark,Ramirez,"
    "Lewis,Robinson,Walker,Young,Allen,King,Wright,Scott,Torres,Nguyen,Hill,Flores,Green,Adams,Nelson,Baker,"
    "Hall,Rivera,Campbell,Mitchell,Roberts,Gomez,Phillips,Evans,Turner,Diaz,Parker,Cruz,Edwards,Collins"
)
TRADES = "Studio,Media,Labs,Beauty,Kitchen,Coffee,Fitness,Travel,Music,Games"

USERS = """
INSERT INTO users (user_id, email, full_name, business_name, brand_description, industry, onboarding_step,
                   is_admin, created_at, updated_at)
SELECT 'user_' || n, lower(f || '.' || l || n || '@example.com'),
       f || ' ' || l || CASE WHEN n %% 20000 = 17 THEN ' Quixzote' ELSE '' END,
       CASE WHEN n %% 3 = 0 THEN l || ' ' || (string_to_array(%(trades)s, ','))[(1 + n * 17 %% 10)::int] END,
       'Brand ' || n, 'beauty', CASE WHEN n %% 500 = 3 THEN 'info_captured' ELSE 'completed' END,
       n = 1, at, at
FROM (SELECT n, timestamp '2023-01-01' + n * interval '1 minute' AS at,
             (string_to_array(%(first)s, ','))[(1 + n * 7919 %% 48)::int] AS f,
             (string_to_array(%(last)s, ','))[(1 + n * 104729 %% 58)::int] AS l
      FROM generate_series(1::bigint, %(count)s) n) drawn;

INSERT INTO user_subscriptions (user_id, tenant_id, current_plan, subscription_status, trial_status,
                                trial_start_date, trial_end_date)
SELECT u.id, u.user_id, CASE WHEN n %% 1000 = 5 THEN 'fame_flex' ELSE 'free' END,
       CASE WHEN n %% 700 = 5 THEN 'past_due' ELSE 'none' END,
       CASE WHEN n %% 400 = 9 THEN 'active' WHEN n %% 300 = 7 THEN 'pending' ELSE 'expired' END,
       CASE WHEN n %% 400 = 9 THEN timezone('UTC', app_now()) - n %% 14 * interval '12 hours' END,
       CASE WHEN n %% 400 = 9 THEN timezone('UTC', app_now()) + (14 - n %% 14) * interval '12 hours' END
FROM (SELECT id, user_id, substr(user_id, 6)::bigint AS n FROM users) u;

INSERT INTO user_billing (user_id, tenant_id, stripe_customer_id, stripe_subscription_id, created_at)
SELECT u.id, u.user_id, CASE WHEN n %% 20 = 1 THEN 'cus_' || n END,
       CASE WHEN n %% 20 = 1 THEN 'sub_' || n END, u.created_at
FROM (SELECT *, substr(user_id, 6)::bigint AS n FROM users) u;

INSERT INTO user_usage (user_id, tenant_id, usage_reset_date)
SELECT id, user_id, created_at FROM users;

INSERT INTO user_system_data (user_id, tenant_id, signup_timestamp)
SELECT id, user_id, created_at FROM users;
"""

SEARCHES = """
INSERT INTO campaigns (user_id, name, search_type, created_at)
SELECT 'user_' || 1 + n %% 20, 'Campaign ' || n, 'keyword', timestamp '2025-01-01' + n * interval '1 minute'
FROM generate_series(1, 40) n;

INSERT INTO scraping_jobs (user_id, campaign_id, platform, keywords, status, created_at)
SELECT c.user_id, c.id, 'TikTok', '["coffee"]', CASE WHEN n %% 100 = 1 THEN 'processing' ELSE 'completed' END,
       timestamp '2025-01-01' + n * interval '1 minute'
FROM (SELECT n, (SELECT array_agg(id ORDER BY created_at) FROM campaigns) AS ids
      FROM generate_series(1, %(jobs)s) n) drawn
JOIN campaigns c ON c.id = ids[1 + n %% 40];
"""

RESULTS = """
INSERT INTO scraping_results (job_id, user_id, creators, created_at)
SELECT j.id, j.user_id,
       (SELECT jsonb_agg(jsonb_build_object(
            'creator', jsonb_build_object(
                'name', 'Creator ' || n || ' ' || k,
                'uniqueId', CASE WHEN k = 3 AND n %% 3 = 0 THEN 'Brandhouse'
                                 ELSE 'creator_' || n * %(each)s + k END,
                'followers', n * k, 'bio', repeat('Lover of coffee ' || md5(k::text || n), 3),
                'avatarUrl', 'https://cdn.example.com/' || md5(n::text || k) || '.jpg',
                'emails', jsonb_build_array('c' || k || '@example.com'), 'verified', false),
            'video', jsonb_build_object(
                'description', repeat(md5(n::text) || ' words ', 4), 'url', 'https://www.example.com/' || k,
                'statistics', jsonb_build_object('likes', k, 'comments', 3, 'views', 12500, 'shares', 9)),
            'hashtags', jsonb_build_array('trending', 'viral'),
            'platform', CASE WHEN n %% 400 = 6 THEN 'YouTube' ELSE 'TikTok' END,
            'enhancementStatus', 'completed')) FROM generate_series(1, %(each)s) k),
       timestamp '2025-02-01' + n * interval '1 minute'
FROM (SELECT n, (SELECT array_agg(id ORDER BY created_at) FROM scraping_jobs) AS ids
      FROM generate_series(1, %(pages)s) n) drawn
JOIN scraping_jobs j ON j.id = ids[1 + n %% cardinality(ids)];
"""
"""The handle `creator_<n * each + k>` is on one page; `Brandhouse` on every third."""

SYSTEM_ROWS = """
INSERT INTO events (aggregate_id, aggregate_type, event_type, event_data, idempotency_key, source_system,
                    tenant_id, "timestamp", processing_status)
SELECT 'user_' || n %% 500, 'user', 'user_registered', '{}', 'key ' || n, 'user_action', 'user_' || n %% 20,
       timestamp '2025-01-01' + n * interval '1 second',
       CASE WHEN n %% 300 = 1 THEN 'pending' ELSE 'completed' END
FROM generate_series(1, %(count)s) n;

INSERT INTO background_jobs (job_type, payload, status, priority, scheduled_for)
SELECT 'noop', '{}', CASE WHEN n %% 300 = 1 THEN 'pending' ELSE 'completed' END, 100 + n %% 5,
       timestamp '2025-01-01' + n * interval '1 second'
FROM generate_series(1, %(count)s) n;

INSERT INTO system_configurations (category, key, value, value_type, is_hot_reloadable)
SELECT 'category_' || n %% 400, 'key_' || n, n::text, 'number',
       CASE WHEN n %% 2 = 0 THEN 'true' ELSE 'false' END
FROM generate_series(1, 6000) n;
"""

TRIGRAM_INDEXES = """
SELECT indexname, indexdef FROM pg_indexes
WHERE schemaname = 'public' AND tablename = 'users' AND indexdef LIKE '%%gin_trgm_ops%%'
"""


def load_users(connection: psycopg.Connection, count: int) -> None:
    """Users with all four satellites, as the server's superuser. The trigram indexes are built afterwards."""
    indexes = connection.execute(TRIGRAM_INDEXES.replace("%%", "%").encode()).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}".encode())
    _load(connection, USERS, count=count, first=FIRST, last=LAST, trades=TRADES)
    for _, definition in indexes:
        connection.execute(definition.encode())
    _tidy(connection, "users", "user_subscriptions", "user_billing", "user_usage", "user_system_data")


def load_results(connection: psycopg.Connection, *, jobs: int, pages: int, each: int = 25) -> None:
    """Twenty tenants' campaigns and searches, and `pages` rows of results with `each` creators."""
    _load(connection, SEARCHES, jobs=jobs)
    _load(connection, RESULTS, pages=pages, each=each)
    _tidy(connection, "campaigns", "scraping_jobs", "scraping_results")


def load_system_rows(connection: psycopg.Connection, count: int) -> None:
    _load(connection, SYSTEM_ROWS, count=count)
    _tidy(connection, "events", "background_jobs", "system_configurations")


def _load(connection: psycopg.Connection, statements: str, **values: object) -> None:
    """Triggers and foreign keys are left out: the rows are right, and ten times as fast."""
    connection.execute("SET session_replication_role = replica")
    for statement in statements.split(";\n"):
        if statement.strip():
            cursor = psycopg.ClientCursor(connection)
            cursor.execute(statement.encode(), values)
    connection.execute("SET session_replication_role = origin")


def _tidy(connection: psycopg.Connection, *tables: str) -> None:
    for table in tables:
        connection.execute(f"VACUUM (ANALYZE) {table}".encode())
