"""Is this installation sound? Each check says what it found and, where something is wrong, what to do."""

import asyncio
import os
import platform
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import psycopg

from tastemaker.core.errors import AppError, InvalidInput
from tastemaker.core.platforms import Platform
from tastemaker.core.settings import Settings
from tastemaker.db.access import (
    DatabaseUrls,
    HalfAdopted,
    RoleWithoutRights,
    database_access,
    find_schema_version,
    needed_version,
    refuse_half_adopted,
    schema_refusal,
)
from tastemaker.mail.mailer import mailer_of
from tastemaker.mail.transports import FolderTransport, SmtpTransport
from tastemaker.ops.doctor_queries import DatabaseFacts, read_facts
from tastemaker.providers.base import Adapter, Capability
from tastemaker.providers.registry import Registry, load_registry

OLDEST_PYTHON = (3, 11)
POSTGRES_VERSIONS = range(15, 19)
REQUIRED_EXTENSIONS = {"pg_trgm"}
WANTED_EXTENSIONS = {"pg_stat_statements"}
OPEN_TO_OTHERS = stat.S_IRGRP | stat.S_IWGRP | stat.S_IROTH | stat.S_IWOTH
LITTLE_SPACE = 1_000_000_000


class State(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    state: State
    found: str
    advice: str = ""


def examine(settings: Settings) -> Iterator[Check]:
    """Every check in turn. The embedded database is started for it, the schema is not touched."""
    yield _python()
    yield _home(settings.home)
    yield _space(settings.home)
    yield from _database(settings)
    yield _corpus(settings)
    yield from _providers(settings)
    yield _mail(settings)


def _python() -> Check:
    version = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        return Check("Python", State.FAIL, version, "Tastemaker needs 3.11 or newer.")
    return Check("Python", State.OK, version)


def _home(home: Path) -> Check:
    there = home if home.exists() else next((one for one in home.parents if one.exists()), Path("/"))
    if not os.access(there, os.W_OK | os.X_OK) or not there.is_dir():
        advice = "Set TASTEMAKER_HOME to a folder that can be written."
        return Check("Data directory", State.FAIL, f"{home} cannot be written", advice)
    if home.exists() and home.stat().st_mode & OPEN_TO_OTHERS:
        advice = f"Close it: chmod 700 {home}"
        return Check("Data directory", State.WARN, f"{home} is open to other users of this machine", advice)
    return Check("Data directory", State.OK, str(home))


def _space(home: Path) -> Check:
    there = home if home.exists() else next(one for one in home.parents if one.exists())
    free = shutil.disk_usage(there).free
    found = f"{free / 1_000_000_000:.1f} GB free"
    if free < LITTLE_SPACE:
        return Check("Disk", State.WARN, found, "A full disk stops searches; make room.")
    return Check("Disk", State.OK, found)


def _database(settings: Settings) -> Iterator[Check]:
    try:
        with database_access(settings) as access:
            yield from _open_database(access)
    except AppError as error:
        yield Check(
            "Database", State.FAIL, str(error), "Until it answers, nothing else about it can be checked."
        )


def _open_database(access: DatabaseUrls) -> Iterator[Check]:
    where = "embedded" if access.embedded else "DATABASE_URL"
    try:
        if access.admin_url is not None:
            with psycopg.connect(access.admin_url, connect_timeout=10, autocommit=True) as connection:
                refuse_half_adopted(connection)
        version = find_schema_version(access.app_url)
    except HalfAdopted as error:
        yield Check("Schema", State.FAIL, "half adopted", str(error))
        return
    except (psycopg.Error, RoleWithoutRights) as error:
        if access.admin_url is None:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
            yield Check("Database", State.FAIL, reason, "Check DATABASE_URL.")
            return
        version = None
    schema = _schema(version, access)
    if version is None or schema.state is State.FAIL:
        yield Check("Database", State.OK, where)
        yield schema
        return
    try:
        facts = read_facts(access.app_url)
    except psycopg.Error as error:
        yield Check("Database", State.FAIL, type(error).__name__, "Look into the server's log.")
        return
    yield _server(facts, where)
    yield schema
    yield from _facts(facts)


def _schema(version: str | None, access: DatabaseUrls) -> Check:
    head = needed_version()
    if version == head:
        return Check("Schema", State.OK, f"at step {head}")
    if version is not None and version > head:
        found = f"at step {version}, newer than {head}"
    else:
        found = f"at step {version} of {head}" if version else "not there yet"
    if refusal := schema_refusal(version, access):
        return Check("Schema", State.FAIL, found, refusal)
    return Check(
        "Schema", State.WARN, found, "The next command migrates it; so does `tastemaker db migrate`."
    )


def _server(facts: DatabaseFacts, where: str) -> Check:
    major = facts.server_version // 10_000
    found = f"PostgreSQL {major}.{facts.server_version % 10_000}, {where}"
    if major not in POSTGRES_VERSIONS:
        return Check("Database", State.FAIL, found, "Tastemaker is tested with PostgreSQL 15 to 18.")
    return Check("Database", State.OK, found)


def _facts(facts: DatabaseFacts) -> Iterator[Check]:
    if facts.is_privileged:
        advice = "Give the administrator as DATABASE_ADMIN_URL, the application's role as DATABASE_URL."
        yield Check("Role", State.FAIL, f"{facts.role} is not bound by row-level security", advice)
    else:
        yield Check("Role", State.OK, facts.role)
    if facts.unprotected:
        advice = "Run `tastemaker db migrate`; if it stays so, somebody changed the schema by hand."
        yield Check("Row security", State.FAIL, f"off on {', '.join(facts.unprotected)}", advice)
    else:
        yield Check("Row security", State.OK, "forced on every table with a tenant's rows")
    yield _extensions(facts.extensions)
    if facts.time_zone not in {"UTC", "Etc/UTC"}:
        yield Check(
            "Time zone", State.FAIL, facts.time_zone, "ALTER ROLE tastemaker_app SET timezone = 'UTC'"
        )
    else:
        yield Check("Time zone", State.OK, "UTC")
    yield _work(facts)
    yield _events(facts)


def _extensions(present: frozenset[str]) -> Check:
    missing = sorted(REQUIRED_EXTENSIONS - present)
    if missing:
        return Check(
            "Extensions", State.FAIL, f"{', '.join(missing)} missing", "CREATE EXTENSION as administrator."
        )
    weaker = sorted(WANTED_EXTENSIONS - present)
    if weaker:
        return Check(
            "Extensions", State.WARN, f"without {', '.join(weaker)}", "CREATE EXTENSION as administrator."
        )
    return Check(
        "Extensions", State.OK, ", ".join(sorted(present & (REQUIRED_EXTENSIONS | WANTED_EXTENSIONS)))
    )


def _work(facts: DatabaseFacts) -> Check:
    if facts.failed:
        found = f"messages given up: {facts.failed}"
        return Check(
            "Work", State.WARN, found, "`tastemaker searches list` shows which searches are unfinished."
        )
    if facts.lost or facts.waiting or facts.unfinished:
        found = f"unfinished searches: {facts.unfinished}, waiting messages: {facts.lost + facts.waiting}"
        return Check(
            "Work", State.WARN, found, "`tastemaker searches resume`, `… cancel`, or `tastemaker work`."
        )
    return Check("Work", State.OK, "nothing is left over")


def _events(facts: DatabaseFacts) -> Check:
    if facts.undelivered:
        advice = "`tastemaker events failed` says why, `… replay` tries again."
        return Check("Events", State.WARN, f"deliveries given up: {facts.undelivered}", advice)
    if facts.late_deliveries:
        found = f"deliveries that nobody makes: {facts.late_deliveries}"
        return Check("Events", State.WARN, found, "`tastemaker work` delivers.")
    return Check("Events", State.OK, f"new ones for the next worker: {facts.new_events}")


def _corpus(settings: Settings) -> Check:
    folder = settings.home / "corpus"
    made = []
    with suppress(OSError):
        made = sorted(folder.glob("*.sqlite3"))
    return Check("Sandbox", State.OK, "ready" if made else "its creators are made up by the first search")


def _mail(settings: Settings) -> Check:
    """Connects and logs in where there is a server; nothing is sent."""
    try:
        mailer = mailer_of(settings)
    except AppError as error:
        return Check("Mail", State.FAIL, str(error))
    match mailer.transport:
        case None:
            return Check("Mail", State.OK, "off, TASTEMAKER_MAIL_URL is not set")
        case FolderTransport() as folder:
            advice = "For development only: nothing reaches anybody."
            return Check("Mail", State.WARN, f"written to {folder.folder}", advice)
        case SmtpTransport() as smtp if mailer.sender is not None:
            trouble = asyncio.run(smtp.try_out(mailer.sender.address))
            where = f"{smtp.server.host}:{smtp.server.port}, {smtp.server.encryption.value}"
            if trouble is not None:
                return Check("Mail", State.WARN, where, trouble)
            if mailer.app_url is None:
                advice = (
                    "Without TASTEMAKER_PUBLIC_URL e-mails hold no link, and marketing ones are not sent."
                )
                return Check("Mail", State.WARN, where, advice)
            return Check("Mail", State.OK, where)
        case _:
            return Check("Mail", State.OK, "a transport of its own")


def _providers(settings: Settings) -> Iterator[Check]:
    """Who answers a search on each platform. No call is made."""
    try:
        registry = load_registry(settings)
    except InvalidInput as error:
        yield Check("Providers", State.FAIL, str(error), "Correct TASTEMAKER_PROVIDERS.")
        return
    for one in Platform:
        adapter = registry.adapter_for(one, Capability.KEYWORD_SEARCH)
        yield Check(one.value, State.OK, _who(registry, one, adapter))
    for known in registry.known:
        if known.problem:
            yield Check("Providers", State.WARN, f"{known.name} is not used: {known.problem}")


def _who(registry: Registry, place: Platform, adapter: Adapter | None) -> str:
    able = [known for known in registry.known if place in known.platforms]
    if adapter is None:
        return f"not live, needs {registry.needed_for(place)}"
    needs = next((known.needs for known in able if known.adapter is adapter), ())
    return f"live, {needs[0]} is set" if needs else f"live through {adapter.declaration.name}"
