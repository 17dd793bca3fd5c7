"""Every statement names the tenant whose rows it touches: the index it needs, and one day the shard."""

import re
from collections.abc import Iterator
from typing import Final

from tests.rules.source import Source, Violation, assert_holds, package_sources, strings

TENANT_COLUMNS: Final = {
    "users": ("user_id",),
    "campaigns": ("user_id",),
    "scraping_jobs": ("user_id",),
    "scraping_results": ("user_id",),
    "user_subscriptions": ("tenant_id", "user_id"),
    "user_billing": ("tenant_id", "user_id"),
    "user_usage": ("tenant_id", "user_id"),
    "user_system_data": ("tenant_id", "user_id"),
    "scraping_runs": ("tenant_id",),
    "search_creators": ("tenant_id",),
    "campaign_creators": ("tenant_id",),
    "similar_creators": ("tenant_id",),
    "search_jobs": ("tenant_id",),
    "search_results": ("tenant_id",),
    "exclusions": ("tenant_id",),
    "email_unsubscriptions": ("tenant_id",),
    "usage_charges": ("tenant_id",),
    "provider_calls": ("tenant_id",),
    "events": ("tenant_id",),
    "event_keys": ("tenant_id",),
    "event_deliveries": ("tenant_id",),
    "background_jobs": ("tenant_id",),
    "outbox_messages": ("tenant_id",),
    "inbox_messages": ("tenant_id",),
    "provider_spending": ("tenant_id",),
    "provider_budgets": ("tenant_id",),
    "usage_periods": ("tenant_id",),
    "usage_enrichments": ("tenant_id",),
    "plan_grants": ("tenant_id",),
    "stripe_subscriptions": ("tenant_id",),
    "api_keys": ("tenant_id",),
    "browser_sessions": ("tenant_id",),
    "credentials": ("tenant_id",),
    "account_links": ("tenant_id",),
    "members": ("tenant_id",),
    "clerk_subjects": ("tenant_id",),
    "idempotent_answers": ("tenant_id",),
    "exports": ("tenant_id",),
}
"""A satellite of a user hangs on that user's row by its own `user_id`, one to one."""

FILLED: Final = {
    "user_subscriptions", "user_billing", "user_usage", "user_system_data", "scraping_results", "search_jobs",
    "search_results", "events", "event_keys", "background_jobs", "scraping_runs", "search_creators",
    "campaign_creators", "similar_creators",
}  # fmt: skip
"""A trigger gives a new row its tenant, so that an INSERT need not."""

ALLOWED: Final = {
    ("tastemaker/jobs/queries.py", "background_jobs"): "the queue serves everybody, by the system's claim",
    ("tastemaker/jobs/claim_queries.py", "background_jobs"): "the same",
    ("tastemaker/jobs/transports/", ""): "deliveries serve everybody, by the system's claim",
    ("tastemaker/web/idempotency.py", "idempotent_answers"): "old answers go, whose ever they were",
    ("tastemaker/accounts/session_queries.py", "browser_sessions"): "expired ones are deleted for everybody",
    ("tastemaker/journeys/account_deletion_queries.py", "users"): "who else administers is asked",
    ("tastemaker/accounts/clerk_queries.py", ""): "a verified token says who it is",
    ("tastemaker/accounts/member_queries.py", ""): "a member asks in which accounts",
    ("tastemaker/admin/queries.py", ""): "an administrator looks at everybody, by the system's claim",
    ("tastemaker/accounts/session_queries.py", ""): "a cookie says which session it is",
    (
        "tastemaker/accounts/identity_queries.py",
        "",
    ): "an address or a link says who it is",
    ("tastemaker/outbox/queries.py", "outbox_messages"): "the relay serves everybody, by the system's claim",
    ("tastemaker/jobs/", "background_jobs"): "the queue serves everybody, by the system's claim",
    ("tastemaker/billing/", ""): "periods, trials and counters of all users, by the system's claim",
    ("tastemaker/config_store/queries.py", "events"): "the configuration is the installation's",
    ("tastemaker/ratelimit/", ""): "limits of an account and the budget belong to the installation",
    ("tastemaker/mail/queries.py", "user_system_data"): "looks over everybody's, batch by batch",
    ("tastemaker/inbox/queries.py", "inbox_messages"): "what comes in belongs to nobody until it is read",
    ("tastemaker/db/migrations/", ""): "the schema's history works on whole tables",
    ("tastemaker/events/", ""): "the product itself records, delivers and reads everybody's; a tenant's own "
    "history names it",
    ("tastemaker/searches/exports/queries.py", "exports"): "expired ones go, whose ever they were",
    ("tastemaker/ops/rebuilding_queries.py", ""): "compares everybody's rows with their events",
    ("tastemaker/searches/exclusions/queries.py", ""): "a suppressed person leaves everybody's results",
    (
        "tastemaker/searches/merging_queries.py",
        "",
    ): "two rows of the catalog become one in everybody's results",
    (
        "tastemaker/searches/cost_queries.py",
        "provider_calls",
    ): "the operator's books, of everybody",
    (
        "tastemaker/providers/page_store.py",
        "provider_calls",
    ): "a page that anybody pays for is everybody's, where its policy allows it",
    (
        "tastemaker/searches/maintenance_queries.py",
        "",
    ): "sweeper and retention look at everybody's, by the system's claim; campaign deletion names the tenant",
    ("tastemaker/ops/doctor_queries.py", ""): "counts over the whole installation",
    ("tastemaker/adopt/", ""): "adoption works on whole tables, as the administrator",
}
"""By file and table; an empty table is every one."""

REFERENCE: Final = re.compile(
    r"\b(?P<verb>FROM|JOIN|UPDATE|INTO)\s+(?:ONLY\s+)?(?:public\.)?(?P<table>[a-z_]+)"
    r"(?:\s+(?:AS\s+)?(?!SET\b|WHERE\b|ON\b|JOIN\b|LEFT\b|ORDER\b|GROUP\b|LIMIT\b|USING\b|FOR\b|VALUES\b|SELECT\b)"
    r"(?P<alias>[a-z_]+))?",
    re.IGNORECASE,
)
SKIP_LOCKED: Final = re.compile(r"\bFOR\s+(NO\s+KEY\s+)?UPDATE\b[^)\n]*", re.IGNORECASE)
UPSERT: Final = re.compile(r"\bDO\s+UPDATE\b", re.IGNORECASE)


def unnamed_tenants(source: Source) -> Iterator[Violation]:
    for line, text in strings(source):
        statement = UPSERT.sub("", SKIP_LOCKED.sub("", text))
        for found in REFERENCE.finditer(statement):
            table = found["table"].lower()
            if table not in TENANT_COLUMNS or _allowed(source.path, table):
                continue
            if found["verb"].upper() == "INTO":
                named = table in FILLED or _listed(statement, table)
            else:
                named = _named(statement, table, found["alias"])
            if not named:
                yield Violation(source.path, line, f"{table} without its tenant")


def test_every_statement_names_its_tenant() -> None:
    assert_holds(unnamed_tenants, package_sources())


def test_planted_statements_are_found() -> None:
    planted = "\n".join(
        f'S{number} = "{statement}"'
        for number, statement in enumerate(
            (
                "SELECT * FROM campaigns WHERE id = :id",
                "SELECT * FROM campaigns c JOIN scraping_jobs j ON j.campaign_id = c.id WHERE c.user_id = :u",
                "UPDATE scraping_runs SET status = 'x' WHERE id = :id FOR UPDATE",
                "DELETE FROM user_usage WHERE id = :id",
                "INSERT INTO campaigns (name) VALUES (:name)",
            )
        )
    )
    found = list(unnamed_tenants(Source("tastemaker/campaigns/queries.py", planted)))
    assert [violation.line for violation in found] == [1, 2, 3, 4, 5]


def test_named_tenants_are_seen() -> None:
    clean = """
A = "SELECT * FROM campaigns WHERE user_id = :u AND id = :id"
B = "SELECT * FROM campaigns c LEFT JOIN scraping_jobs j ON j.campaign_id = c.id AND j.user_id = c.user_id WHERE c.user_id = :u"
C = "SELECT 1 FROM users u JOIN user_usage g ON g.user_id = u.id WHERE u.user_id = :u"
D = "INSERT INTO campaigns (user_id, name) VALUES (:u, :n)"
E = "INSERT INTO scraping_results (job_id) VALUES (:j) ON CONFLICT DO NOTHING"
F = "SELECT 1 FROM creators WHERE id = :id FOR UPDATE OF creators"
"""  # noqa: E501 - statements as they are written
    assert list(unnamed_tenants(Source("tastemaker/campaigns/queries.py", clean))) == []


def _allowed(path: str, table: str) -> bool:
    return any(path.startswith(place) and named in ("", table) for place, named in ALLOWED)


def _listed(statement: str, table: str) -> bool:
    columns = re.search(
        rf"INTO\s+(?:public\.)?{table}(?:\s+AS\s+\w+)?\s*\(([^)]*)\)", statement, re.IGNORECASE
    )
    return columns is not None and any(
        re.search(rf"\b{column}\b", columns[1]) for column in TENANT_COLUMNS[table]
    )


def _named(statement: str, table: str, alias: str | None) -> bool:
    """The tenant column is compared with something, under the table's name in this statement."""
    for column in TENANT_COLUMNS[table]:
        qualified = rf"\b{alias or table}\.{column}\b"
        compared = (rf"{qualified}\s*(=|IN\b)", rf"=\s*{qualified}")
        bare = rf"(?<![.\w]){column}\s*(=|IN\b)"
        if any(re.search(pattern, statement, re.IGNORECASE) for pattern in compared):
            return True
        if alias is None and re.search(bare, statement, re.IGNORECASE):
            return True
    return False
