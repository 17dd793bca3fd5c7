"""Says in the catalog what every table and column of the search and system domains means.

Lock: SHARE UPDATE EXCLUSIVE on each table for an instant.
Comments change nothing for any code.
"""

from alembic import op

revision = "0025"
down_revision = "0024"

CAMPAIGNS = """
COMMENT ON TABLE campaigns IS 'A person''s container for influencer searches.';
COMMENT ON COLUMN campaigns.id IS 'The campaign.';
COMMENT ON COLUMN campaigns.user_id IS 'Its owner: the external id, users.user_id.';
COMMENT ON COLUMN campaigns.name IS 'What its owner calls it.';
COMMENT ON COLUMN campaigns.description IS 'What it is for.';
COMMENT ON COLUMN campaigns.search_type IS 'keyword: by words; similar: by a creator to resemble.';
COMMENT ON COLUMN campaigns.status IS 'draft, active, completed or archived; it follows the campaign''s searches.';
COMMENT ON COLUMN campaigns.created_at IS 'When it was made (UTC).';
COMMENT ON COLUMN campaigns.updated_at IS 'Last change (UTC), kept by trigger.';
"""

SCRAPING = """
COMMENT ON TABLE scraping_jobs IS 'A search: one platform, one or more keywords or a creator to resemble, a target number of creators.';
COMMENT ON COLUMN scraping_jobs.id IS 'The search.';
COMMENT ON COLUMN scraping_jobs.user_id IS 'Its owner: the external id, users.user_id.';
COMMENT ON COLUMN scraping_jobs.campaign_id IS 'The campaign it belongs to.';
COMMENT ON COLUMN scraping_jobs.status IS 'pending, processing, completed, error, timeout or cancelled; a parked search is pending.';
COMMENT ON COLUMN scraping_jobs.keywords IS 'The words searched for, as an array of strings; NULL in a similar search.';
COMMENT ON COLUMN scraping_jobs.target_username IS 'The creator to resemble; NULL in a keyword search.';
COMMENT ON COLUMN scraping_jobs.platform IS 'TikTok, Instagram or YouTube; older rows also say Tiktok.';
COMMENT ON COLUMN scraping_jobs.search_params IS 'The whole request as it was made.';
COMMENT ON COLUMN scraping_jobs.processed_runs IS 'Pages committed.';
COMMENT ON COLUMN scraping_jobs.processed_results IS 'Creators stored for this search.';
COMMENT ON COLUMN scraping_jobs.target_results IS 'Creators wanted; never more are stored.';
COMMENT ON COLUMN scraping_jobs.cursor IS 'Pages committed by the furthest keyword; the provider''s own cursor is kept per keyword.';
COMMENT ON COLUMN scraping_jobs.progress IS 'Per cent of the target that is stored, from 0 to 100; 100 at the end.';
COMMENT ON COLUMN scraping_jobs.qstash_message_id IS 'The transport''s last message for this search.';
COMMENT ON COLUMN scraping_jobs.run_id IS 'Correlation id of the request that started it.';
COMMENT ON COLUMN scraping_jobs.region IS 'Country passed to providers that take one, ISO 3166-1 alpha-2.';
COMMENT ON COLUMN scraping_jobs.created_at IS 'When it was asked for (UTC).';
COMMENT ON COLUMN scraping_jobs.started_at IS 'When its first page was asked for (UTC).';
COMMENT ON COLUMN scraping_jobs.completed_at IS 'When it ended, in whatever way (UTC).';
COMMENT ON COLUMN scraping_jobs.timeout_at IS 'When it ends as timeout if it still runs (UTC), set at its start.';
COMMENT ON COLUMN scraping_jobs.updated_at IS 'Last change (UTC), kept by trigger.';
COMMENT ON COLUMN scraping_jobs.error IS 'What went wrong, for the person who searched.';

COMMENT ON TABLE scraping_results IS 'One committed page of a search.';
COMMENT ON COLUMN scraping_results.id IS 'The page.';
COMMENT ON COLUMN scraping_results.job_id IS 'The search it belongs to.';
COMMENT ON COLUMN scraping_results.creators IS 'The creators that were new to the search on this page, as an array of objects.';
COMMENT ON COLUMN scraping_results.created_at IS 'When it was committed (UTC).';
"""

SEARCH_JOBS = """
COMMENT ON TABLE search_jobs IS 'An imported or external search whose creators are kept one by one.';
COMMENT ON COLUMN search_jobs.id IS 'The job, by the name its source gave it.';
COMMENT ON COLUMN search_jobs.campaign_id IS 'The campaign it was imported into.';
COMMENT ON COLUMN search_jobs.platform IS 'The platform of its creators.';
COMMENT ON COLUMN search_jobs.search_type IS 'keyword or similar, where the source says so.';
COMMENT ON COLUMN search_jobs.status IS 'queued, pending, processing, completed, error, timeout or cancelled.';
COMMENT ON COLUMN search_jobs.total_count IS 'Creators announced by the source.';
COMMENT ON COLUMN search_jobs.completed_count IS 'Creators stored so far.';
COMMENT ON COLUMN search_jobs.created_at IS 'When it was made (UTC).';
COMMENT ON COLUMN search_jobs.updated_at IS 'Last change (UTC), kept by trigger.';
COMMENT ON COLUMN search_jobs.completed_at IS 'When it ended (UTC).';

COMMENT ON TABLE search_results IS 'One creator of an imported or external search.';
COMMENT ON COLUMN search_results.id IS 'The row.';
COMMENT ON COLUMN search_results.job_id IS 'The job it belongs to.';
COMMENT ON COLUMN search_results.profile_id IS 'The creator''s stable id on the platform.';
COMMENT ON COLUMN search_results.username IS 'The handle without @.';
COMMENT ON COLUMN search_results.display_name IS 'The name shown on the profile.';
COMMENT ON COLUMN search_results.platform IS 'The platform of the profile.';
COMMENT ON COLUMN search_results.profile_url IS 'The profile''s address.';
COMMENT ON COLUMN search_results.post_url IS 'The post that matched.';
COMMENT ON COLUMN search_results.post_description IS 'Its text.';
COMMENT ON COLUMN search_results.avatar_url IS 'The profile picture''s address.';
COMMENT ON COLUMN search_results.followers IS 'Followers or subscribers when it was found; NULL when unknown.';
COMMENT ON COLUMN search_results.is_verified IS '''true'' or ''false'', as text.';
COMMENT ON COLUMN search_results.email IS 'A public address, where the profile shows one.';
COMMENT ON COLUMN search_results.bio IS 'The profile''s text.';
COMMENT ON COLUMN search_results.raw_data IS 'The source''s own row.';
COMMENT ON COLUMN search_results.created_at IS 'When it was stored (UTC).';
"""

SYSTEM = """
COMMENT ON TABLE system_configurations IS 'Settings that may change while the product runs.';
COMMENT ON COLUMN system_configurations.id IS 'The row.';
COMMENT ON COLUMN system_configurations.category IS 'The group of the setting, such as api_limits or timeouts.';
COMMENT ON COLUMN system_configurations.key IS 'The setting''s name within its category.';
COMMENT ON COLUMN system_configurations.value IS 'Its value as text; value_type says how to read it.';
COMMENT ON COLUMN system_configurations.value_type IS 'number (decimal), duration (30s, 60m; a bare number is milliseconds), boolean or string.';
COMMENT ON COLUMN system_configurations.description IS 'What it does, for the administrator.';
COMMENT ON COLUMN system_configurations.is_hot_reloadable IS '''true'' when running processes take a change over, ''false'' when it needs a restart; as text.';
COMMENT ON COLUMN system_configurations.created_at IS 'When it was made (UTC).';
COMMENT ON COLUMN system_configurations.updated_at IS 'Last change (UTC), kept by trigger.';

COMMENT ON TABLE events IS 'What happened, in full and for good: the audit trail that state can be rebuilt from.';
COMMENT ON COLUMN events.id IS 'The event.';
COMMENT ON COLUMN events.aggregate_id IS 'What it happened to: a user''s external id, a job''s id.';
COMMENT ON COLUMN events.aggregate_type IS 'What kind of thing that is: user, subscription, onboarding, job …';
COMMENT ON COLUMN events.event_type IS 'What happened, such as trial_started.';
COMMENT ON COLUMN events.event_version IS 'The version of event_data''s shape.';
COMMENT ON COLUMN events.event_data IS 'The event itself, with contact data redacted.';
COMMENT ON COLUMN events.metadata IS 'About the request that caused it: its id, its source.';
COMMENT ON COLUMN events.timestamp IS 'When it happened (UTC).';
COMMENT ON COLUMN events.processed_at IS 'When its consequences were done (UTC).';
COMMENT ON COLUMN events.processing_status IS 'pending, processing, completed or failed.';
COMMENT ON COLUMN events.retry_count IS 'Times its processing was tried again.';
COMMENT ON COLUMN events.error IS 'Why its processing failed.';
COMMENT ON COLUMN events.idempotency_key IS 'The same happening has the same key and is written once.';
COMMENT ON COLUMN events.source_system IS 'Who said so: stripe_webhook, clerk_webhook, admin_action, user_action, system_automation or qstash_job.';
COMMENT ON COLUMN events.correlation_id IS 'Shared by everything that one request set off.';
COMMENT ON COLUMN events.causation_id IS 'The event or message that caused this one.';

COMMENT ON TABLE background_jobs IS 'The queue: work to be done later, and what became of it.';
COMMENT ON COLUMN background_jobs.id IS 'The job.';
COMMENT ON COLUMN background_jobs.job_type IS 'What is to be done, such as send_trial_email.';
COMMENT ON COLUMN background_jobs.payload IS 'What it is to be done to: ids, which are read again.';
COMMENT ON COLUMN background_jobs.status IS 'pending, processing, completed, failed (given up) or cancelled.';
COMMENT ON COLUMN background_jobs.qstash_message_id IS 'The message that carries it, with a transport that has messages.';
COMMENT ON COLUMN background_jobs.priority IS 'Lower is sooner.';
COMMENT ON COLUMN background_jobs.max_retries IS 'Times it may be tried again.';
COMMENT ON COLUMN background_jobs.retry_count IS 'Times it has been tried again.';
COMMENT ON COLUMN background_jobs.scheduled_for IS 'Not before this time (UTC).';
COMMENT ON COLUMN background_jobs.started_at IS 'When it was last taken (UTC).';
COMMENT ON COLUMN background_jobs.completed_at IS 'When it succeeded (UTC).';
COMMENT ON COLUMN background_jobs.failed_at IS 'When it was given up (UTC).';
COMMENT ON COLUMN background_jobs.error IS 'Why it last failed.';
COMMENT ON COLUMN background_jobs.result IS 'What it returned.';
COMMENT ON COLUMN background_jobs.created_at IS 'When it was enqueued (UTC).';
COMMENT ON COLUMN background_jobs.updated_at IS 'Last change (UTC), kept by trigger.';
"""

FUNCTIONS = """
COMMENT ON FUNCTION creator_usernames(jsonb) IS 'The accounts that a page of creators names: uniqueId, handle and channelId, lower case, without @.';
COMMENT ON FUNCTION creator_platforms(jsonb) IS 'The platforms that a page of creators names, lower case.';
COMMENT ON FUNCTION touch_updated_at() IS 'Sets updated_at unless the statement sets it itself.';
"""


def upgrade() -> None:
    for sql in (CAMPAIGNS, SCRAPING, SEARCH_JOBS, SYSTEM, FUNCTIONS):
        op.execute(sql)
