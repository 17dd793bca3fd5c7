"""The catalog: every creator ever seen, once, with handle history, posts and follower snapshots.

Installation-wide reference data without tenant rows. Lock: none on existing tables. The previous code does not
know them.
"""

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

CREATORS = """
CREATE TABLE creators (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    platform varchar(50) NOT NULL,
    stable_id text NOT NULL,
    handle text,
    name text,
    bio text,
    followers bigint,
    following bigint,
    posts_count bigint,
    views_total bigint,
    verified boolean,
    private boolean,
    avatar_url text,
    profile_url text,
    emails text[] NOT NULL DEFAULT '{}',
    links text[] NOT NULL DEFAULT '{}',
    country text,
    language text,
    extra_ids jsonb NOT NULL DEFAULT '{}',
    source varchar(50) NOT NULL,
    policy varchar(50) NOT NULL,
    fetched_at timestamptz NOT NULL,
    expires_at timestamptz,
    first_seen_at timestamptz NOT NULL,
    CONSTRAINT uq_creators_platform_stable_id UNIQUE (platform, stable_id),
    CONSTRAINT ck_creators_platform CHECK (platform IN ('TikTok', 'Instagram', 'YouTube')),
    CONSTRAINT ck_creators_counts CHECK (
        followers >= 0 AND following >= 0 AND posts_count >= 0 AND views_total >= 0)
);
CREATE INDEX idx_creators_platform_handle ON creators (platform, lower(handle));
CREATE INDEX idx_creators_expires_at ON creators (expires_at) WHERE expires_at IS NOT NULL;
COMMENT ON TABLE creators IS 'An account on a platform, as last described by a provider.';
COMMENT ON COLUMN creators.id IS 'Internal key.';
COMMENT ON COLUMN creators.platform IS 'TikTok, Instagram or YouTube.';
COMMENT ON COLUMN creators.stable_id IS 'The platform''s unchanging id: TikTok uid, YouTube channel id, Instagram user id.';
COMMENT ON COLUMN creators.handle IS 'The current handle without @; it may change (creator_handles).';
COMMENT ON COLUMN creators.name IS 'Display name.';
COMMENT ON COLUMN creators.bio IS 'Profile text.';
COMMENT ON COLUMN creators.followers IS 'Followers or subscribers; NULL when unknown or hidden.';
COMMENT ON COLUMN creators.following IS 'Accounts it follows.';
COMMENT ON COLUMN creators.posts_count IS 'Posts or videos, as the platform counts them.';
COMMENT ON COLUMN creators.views_total IS 'Views of the whole account, where the platform tells.';
COMMENT ON COLUMN creators.verified IS 'The platform''s badge; NULL when the source does not say.';
COMMENT ON COLUMN creators.private IS 'Whether posts are hidden from the public.';
COMMENT ON COLUMN creators.avatar_url IS 'Profile picture at the source.';
COMMENT ON COLUMN creators.profile_url IS 'The profile''s page.';
COMMENT ON COLUMN creators.emails IS 'Addresses the creator published, lower-cased.';
COMMENT ON COLUMN creators.links IS 'Links the creator published.';
COMMENT ON COLUMN creators.country IS 'ISO 3166-1 alpha-2, as declared at the source.';
COMMENT ON COLUMN creators.language IS 'BCP 47 tag, as declared at the source.';
COMMENT ON COLUMN creators.extra_ids IS 'Further ids of the same account by name.';
COMMENT ON COLUMN creators.source IS 'The provider of the current values.';
COMMENT ON COLUMN creators.policy IS 'The provider''s policy class: how long values may be kept.';
COMMENT ON COLUMN creators.fetched_at IS 'When the current values were fetched.';
COMMENT ON COLUMN creators.expires_at IS 'When the policy asks to refresh or delete them; NULL is never.';
COMMENT ON COLUMN creators.first_seen_at IS 'First time any search met the account.';

CREATE TABLE creator_handles (
    creator_id bigint NOT NULL REFERENCES creators (id) ON DELETE CASCADE,
    handle text NOT NULL,
    first_seen_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    PRIMARY KEY (creator_id, handle)
);
COMMENT ON TABLE creator_handles IS 'Every handle an account was seen under.';
COMMENT ON COLUMN creator_handles.creator_id IS 'The account.';
COMMENT ON COLUMN creator_handles.handle IS 'The handle without @.';
COMMENT ON COLUMN creator_handles.first_seen_at IS 'First seen under this handle.';
COMMENT ON COLUMN creator_handles.last_seen_at IS 'Last seen under this handle.';
"""

POSTS = """
CREATE TABLE posts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    platform varchar(50) NOT NULL,
    post_id text NOT NULL,
    creator_id bigint NOT NULL REFERENCES creators (id) ON DELETE CASCADE,
    text text,
    description text,
    url text,
    published_at timestamptz,
    views bigint,
    likes bigint,
    comments bigint,
    shares bigint,
    saves bigint,
    duration_seconds integer,
    hashtags text[] NOT NULL DEFAULT '{}',
    tags text[] NOT NULL DEFAULT '{}',
    language text,
    sponsored boolean,
    thumbnail_url text,
    short_code text,
    source varchar(50) NOT NULL,
    fetched_at timestamptz NOT NULL,
    expires_at timestamptz,
    CONSTRAINT uq_posts_platform_post_id UNIQUE (platform, post_id),
    CONSTRAINT ck_posts_counts CHECK (
        views >= 0 AND likes >= 0 AND comments >= 0 AND shares >= 0 AND saves >= 0 AND duration_seconds >= 0)
);
CREATE INDEX idx_posts_creator_published ON posts (creator_id, published_at DESC);
CREATE INDEX idx_posts_expires_at ON posts (expires_at) WHERE expires_at IS NOT NULL;
COMMENT ON TABLE posts IS 'A video, reel or short that a search met, as last described.';
COMMENT ON COLUMN posts.id IS 'Internal key.';
COMMENT ON COLUMN posts.platform IS 'TikTok, Instagram or YouTube.';
COMMENT ON COLUMN posts.post_id IS 'The platform''s id of the post.';
COMMENT ON COLUMN posts.creator_id IS 'Who published it.';
COMMENT ON COLUMN posts.text IS 'Title or caption.';
COMMENT ON COLUMN posts.description IS 'The longer text below a title; NULL where the caption is all there is.';
COMMENT ON COLUMN posts.url IS 'The post''s page.';
COMMENT ON COLUMN posts.published_at IS 'When it was published.';
COMMENT ON COLUMN posts.views IS 'Views or plays; NULL when hidden or unknown, as all counts here.';
COMMENT ON COLUMN posts.likes IS 'Likes.';
COMMENT ON COLUMN posts.comments IS 'Comments.';
COMMENT ON COLUMN posts.shares IS 'Shares.';
COMMENT ON COLUMN posts.saves IS 'Times saved.';
COMMENT ON COLUMN posts.duration_seconds IS 'Length in seconds.';
COMMENT ON COLUMN posts.hashtags IS 'Hashtags without #, as written.';
COMMENT ON COLUMN posts.tags IS 'Keywords the author attached without showing them to viewers.';
COMMENT ON COLUMN posts.language IS 'BCP 47 tag, as declared at the source.';
COMMENT ON COLUMN posts.sponsored IS 'The platform''s own paid-promotion flag; NULL when it does not say.';
COMMENT ON COLUMN posts.thumbnail_url IS 'Preview picture at the source.';
COMMENT ON COLUMN posts.short_code IS 'Instagram''s short code.';
COMMENT ON COLUMN posts.source IS 'The provider of the current values.';
COMMENT ON COLUMN posts.fetched_at IS 'When they were fetched.';
COMMENT ON COLUMN posts.expires_at IS 'When the policy asks to refresh or delete them; NULL is never.';
"""

SNAPSHOTS = """
CREATE TABLE follower_snapshots (
    creator_id bigint NOT NULL REFERENCES creators (id) ON DELETE CASCADE,
    observed_on date NOT NULL,
    followers bigint NOT NULL,
    posts_count bigint,
    views_total bigint,
    source varchar(50) NOT NULL,
    PRIMARY KEY (creator_id, observed_on),
    CONSTRAINT ck_follower_snapshots_counts CHECK (followers >= 0 AND posts_count >= 0 AND views_total >= 0)
);
COMMENT ON TABLE follower_snapshots IS 'The account''s size over time, at most one row a day (UTC): growth is computed from these.';
COMMENT ON COLUMN follower_snapshots.creator_id IS 'The account.';
COMMENT ON COLUMN follower_snapshots.observed_on IS 'The day, in UTC.';
COMMENT ON COLUMN follower_snapshots.followers IS 'Followers last seen that day.';
COMMENT ON COLUMN follower_snapshots.posts_count IS 'Posts last seen that day.';
COMMENT ON COLUMN follower_snapshots.views_total IS 'Views of the whole account last seen that day.';
COMMENT ON COLUMN follower_snapshots.source IS 'The provider that told.';
"""


def upgrade() -> None:
    op.execute(CREATORS)
    op.execute(POSTS)
    op.execute(SNAPSHOTS)
