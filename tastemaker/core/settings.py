"""What the environment says. Every setting is on `docs/reference/settings.md`; a test compares the two."""

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import AliasChoices, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from tastemaker.core.errors import InvalidInput

LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(str.upper)]

_PREFIX = "TASTEMAKER_"


def _default_home() -> Path:
    return Path(platformdirs.user_data_dir("tastemaker", appauthor=False))


class Settings(BaseSettings):
    """Read once per process. Empty strings count as absent."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, env_ignore_empty=True, extra="ignore")

    home: Annotated[Path, NoDecode] = Field(
        default_factory=_default_home,
        description="The data directory: embedded database, corpus, credentials.",
    )
    database_url: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("DATABASE_URL", "TASTEMAKER_DATABASE_URL"),
        description="A PostgreSQL URL. The embedded server then never starts.",
    )
    database_admin_url: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("DATABASE_ADMIN_URL", "TASTEMAKER_DATABASE_ADMIN_URL"),
        description="The administrator's direct connection, which migrations use.",
    )
    database_direct_url: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("DATABASE_DIRECT_URL", "TASTEMAKER_DATABASE_DIRECT_URL"),
        description="The same database and role without the pooler, for LISTEN.",
    )
    pool_profile: Literal["local", "serverless"] = Field(
        default="local",
        description="The connection pool of a process: local (10 connections) or serverless (5).",
    )
    prepared_statements: bool = Field(
        default=True,
        description="Set to off behind a pooler in transaction mode. Reads then use no pipeline.",
    )
    postgres_bin: Path | None = Field(
        default=None,
        description="A directory of PostgreSQL binaries (15-18) for the embedded server.",
    )
    youtube_api_key: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("YOUTUBE_API_KEY", "TASTEMAKER_YOUTUBE_API_KEY"),
        description="A YouTube Data API v3 key. It makes searches on YouTube live.",
    )
    scrapecreators_api_key: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("SCRAPECREATORS_API_KEY", "TASTEMAKER_SCRAPECREATORS_API_KEY"),
        description="A ScrapeCreators key. It makes searches on TikTok, Instagram and YouTube live.",
    )
    instagram_graph_token: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("INSTAGRAM_GRAPH_TOKEN", "TASTEMAKER_INSTAGRAM_GRAPH_TOKEN"),
        description="A user token of Meta's Graph API, for profiles of professional accounts on Instagram.",
    )
    instagram_graph_user_id: str | None = Field(
        default=None,
        validation_alias=AliasChoices("INSTAGRAM_GRAPH_USER_ID", "TASTEMAKER_INSTAGRAM_GRAPH_USER_ID"),
        description="The id of your own professional account on Instagram.",
    )
    providers: str | None = Field(
        default=None,
        description="Names of providers in order of preference. -NAME disables a provider.",
    )
    job_transport: Literal["postgres", "qstash"] = Field(
        default="postgres",
        description="How jobs reach their worker: through the database, or through QStash.",
    )
    qstash_token: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("QSTASH_TOKEN", "TASTEMAKER_QSTASH_TOKEN"),
        description="The token that publishes messages to QStash.",
    )
    qstash_current_signing_key: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("QSTASH_CURRENT_SIGNING_KEY", "TASTEMAKER_QSTASH_CURRENT_SIGNING_KEY"),
        description="The key that QStash signs its calls with.",
    )
    qstash_next_signing_key: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("QSTASH_NEXT_SIGNING_KEY", "TASTEMAKER_QSTASH_NEXT_SIGNING_KEY"),
        description="QStash's next signing key. It is accepted too, so a rotation loses no call.",
    )
    qstash_url: str = Field(
        default="https://qstash.upstash.io",
        validation_alias=AliasChoices("QSTASH_URL", "TASTEMAKER_QSTASH_URL"),
        description="The URL of QStash, of another region or of your own server.",
    )
    clerk_issuer: str | None = Field(
        default=None,
        description="The issuer of Clerk's session tokens, `https://clerk.example.com`. It turns Clerk on.",
    )
    clerk_jwks_url: str | None = Field(
        default=None,
        description="The URL of Clerk's public keys. Default: the issuer with /.well-known/jwks.json.",
    )
    clerk_parties: str | None = Field(
        default=None,
        description="The origins that Clerk's tokens are for, with commas. Default: the public URL.",
    )
    clerk_sign_in_url: str | None = Field(
        default=None,
        description="The page at Clerk where people sign in. The page /sign-in links to it.",
    )
    clerk_webhook_secret: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("CLERK_WEBHOOK_SECRET", "TASTEMAKER_CLERK_WEBHOOK_SECRET"),
        description="The secret that signs Clerk's webhooks; two with a comma during a rotation.",
    )
    stripe_secret_key: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("STRIPE_SECRET_KEY", "TASTEMAKER_STRIPE_SECRET_KEY"),
        description="The secret key of a Stripe account. With the webhook secret, plans are sold.",
    )
    stripe_webhook_secret: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("STRIPE_WEBHOOK_SECRET", "TASTEMAKER_STRIPE_WEBHOOK_SECRET"),
        description="The secret that signs Stripe's webhooks; two with a comma during a rotation.",
    )
    stripe_url: str = Field(
        default="https://api.stripe.com",
        description="The URL of Stripe's API, or of a proxy for it.",
    )
    suppression_key: SecretStr | None = Field(
        default=None,
        description="The key that hashes suppressions. Set it if several machines share a database.",
    )
    youtube_base_url: str = Field(
        default="https://youtube.googleapis.com",
        description="The URL of the YouTube Data API, or of a proxy for it.",
    )
    scrapecreators_base_url: str = Field(
        default="https://api.scrapecreators.com",
        description="The URL of the ScrapeCreators API, or of a proxy for it.",
    )
    mail_url: SecretStr | None = Field(
        default=None,
        description="The mail server, `smtp://user:password@host:587` or `smtps://…:465`. Unset: no mail.",
    )
    mail_from: str | None = Field(
        default=None,
        description="The sender's address. Required with TASTEMAKER_MAIL_URL.",
    )
    mail_key: SecretStr | None = Field(
        default=None,
        description="The key that signs unsubscribe links. Set it if several machines share a database.",
    )
    public_url: str | None = Field(
        default=None,
        description="The public URL of this installation, for links in e-mails and for QStash's calls.",
    )
    instagram_graph_base_url: str = Field(
        default="https://graph.facebook.com/v23.0",
        description="The URL of Meta's Graph API, with its version.",
    )
    sandbox_seed: int = Field(default=1, ge=0, description="The seed of the generated sandbox corpus.")
    log_level: LogLevel = Field(default="WARNING", description="DEBUG, INFO, WARNING or ERROR.")


@cache
def get_settings() -> Settings:
    """The process's settings. Raises InvalidInput that names the variable, never its value."""
    try:
        return Settings()
    except ValidationError as error:
        names = ", ".join(_variable(str(detail["loc"][0])) for detail in error.errors())
        raise InvalidInput(f"A setting in the environment cannot be understood: {names}.") from None


def _variable(location: str) -> str:
    """Where there is an alias pydantic names the variable, elsewhere the field."""
    return location if location.isupper() else f"{_PREFIX}{location.upper()}"
