"""The settings that ship: the specified keys with values fit for daily use.

Lock: none.
The code before it falls back to its own defaults for a key that is missing. A key that already has a row
keeps it.
"""

from alembic import op

revision = "0024"
down_revision = "0023"

SQL = """
INSERT INTO system_configurations (category, key, value, value_type, description) VALUES
('api_limits', 'max_api_calls_for_testing', '1000', 'number', 'Provider calls of one search, whatever the platform, at most.'),
('api_limits', 'max_api_calls_tiktok', '1000', 'number', 'Provider calls of one TikTok keyword search, at most.'),
('api_limits', 'max_api_calls_tiktok_similar', '1000', 'number', 'Provider calls of one search for similar TikTok creators, at most.'),
('api_limits', 'max_api_calls_instagram_similar', '1000', 'number', 'Provider calls of one search for similar Instagram creators, at most.'),
('qstash_delays', 'tiktok_continuation_delay', '2s', 'duration', 'Pause before QStash delivers the next page of a TikTok search.'),
('qstash_delays', 'instagram_reels_delay', '30s', 'duration', 'Pause before QStash delivers the next page of an Instagram keyword search.'),
('qstash_delays', 'instagram_similar_delay', '5s', 'duration', 'Pause before QStash delivers the next page of a similar search on Instagram.'),
('qstash_delays', 'youtube_continuation_delay', '5s', 'duration', 'Pause before QStash delivers the next page of a YouTube search.'),
('timeouts', 'standard_job_timeout', '60m', 'duration', 'How long a search may take before it ends as timeout.'),
('timeouts', 'instagram_job_timeout', '60m', 'duration', 'The same for Instagram, whose provider is slower.'),
('timeouts', 'cleanup_timeout_hours', '24h', 'duration', 'A search without progress for this long is ended by the clean-up.'),
('polling', 'frontend_status_check_interval', '5000', 'number', 'Milliseconds between two questions for a search''s state, where the page has to poll.'),
('polling', 'campaign_status_interval', '3000', 'number', 'Milliseconds between two questions for a campaign''s state.'),
('polling', 'ui_refresh_delay', '2000', 'number', 'Milliseconds before a page shows what has changed.'),
('cache', 'image_cache_success_duration', '3600', 'number', 'Seconds for which a fetched picture may be kept.'),
('cache', 'image_cache_placeholder_duration', '300', 'number', 'Seconds for which a placeholder stands in for a picture that failed.'),
('processing', 'batch_processing_delay', '50', 'number', 'Milliseconds between two batches of the same work.'),
('processing', 'batch_size', '50', 'number', 'Rows in one batch.'),
('cleanup', 'completed_jobs_retention_days', '30', 'number', 'Days for which a completed job is kept.'),
('cleanup', 'error_jobs_retention_days', '7', 'number', 'Days for which a failed job is kept.'),
('cleanup', 'cancelled_jobs_retention_days', '7', 'number', 'Days for which a cancelled job is kept.'),
('cleanup', 'timeout_jobs_retention_days', '7', 'number', 'Days for which a timed-out job is kept.'),
('logging', 'min_level', 'INFO', 'string', 'The least severe level that is logged.'),
('logging', 'slow_operation_threshold', '5000', 'number', 'Milliseconds after which an operation is logged as slow.'),
('logging', 'log_retention_days', '30', 'number', 'Days for which log files are kept.'),
('logging', 'enable_rate_limiting', 'true', 'boolean', 'Whether repeated log lines are held back.'),
('logging', 'rate_limit_per_minute', '100', 'number', 'Equal log lines a minute that are let through.'),
('logging', 'enable_performance_tracking', 'true', 'boolean', 'Whether durations of operations are logged.'),
('job_processing', 'max_concurrent_jobs', '50', 'number', 'Background jobs that one worker runs at the same time.'),
('job_processing', 'default_retry_delay', '30s', 'duration', 'Pause before a failed background job is tried again.'),
('job_processing', 'job_timeout', '15m', 'duration', 'How long one background job may take.'),
('event_sourcing', 'event_retention_days', '365', 'number', 'Days for which events stay in the database before they are archived.'),
('event_sourcing', 'enable_event_replay', 'true', 'boolean', 'Whether administrators may replay events.')
ON CONFLICT (category, key) DO NOTHING;
"""


def upgrade() -> None:
    op.execute(SQL)
