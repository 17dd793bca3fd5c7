"""Adopting a database of the original product: look at it, plan, and carry the plan out, resumably."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from psycopg import Connection, errors, sql

from tastemaker.adopt import (
    closing_queries,
    creators_queries,
    ledger_queries,
    move_back_queries,
    move_queries,
    strayed_queries,
    tables_queries,
)
from tastemaker.adopt.ledger_queries import Adoption
from tastemaker.adopt.original_queries import (
    AdoptionRefused,
    Census,
    read_census,
    read_server,
    refuse_what_is_not_the_original,
)
from tastemaker.adopt.plan_queries import WORDS_SHOWN, AdoptionPlan, Options, make_plan
from tastemaker.adopt.session_queries import Ahead, connected, lock_out_others, reading_ahead, work_as_owner
from tastemaker.adopt.steps import AdoptionFailed, AdoptionStep, Work, steps
from tastemaker.config_store.migrate import migrate_and_declare
from tastemaker.core.clock import monotonic, utc_now
from tastemaker.db.migrations import session as migration_session
from tastemaker.db.migrations.preflight import OLDEST_SERVER
from tastemaker.db.migrations.privileges import prepare_privileges
from tastemaker.db.migrations.roles import OWNER

OnProgress = Callable[[str, int, int], None]

_LOCK_TIMEOUT: Final = "500ms"
_ATTEMPTS: Final = 60
_PAUSE_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Looked:
    """What stands there. Exactly one of `finished`, `unfinished` and `plan` is there."""

    finished: Adoption | None = None
    unfinished: Adoption | None = None
    plan: AdoptionPlan | None = None


@dataclass(frozen=True, slots=True)
class Adopted:
    """`already`: it was adopted before, and nothing was done now."""

    schema: str
    report: dict[str, Any]
    already: bool


def look(url: str, options: Options) -> Looked:
    """Recognise the database and plan; nothing is changed. Raises AdoptionRefused or DatabaseUnavailable."""
    with connected(url, read_only=True) as connection:
        _refuse_unfit_server(connection)
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            census = read_census(connection)
            if census.adoption_schema is not None:
                return _looked(ledger_queries.read_adoption(connection, census.adoption_schema))
            refuse_what_is_not_the_original(census)
            schema = ledger_queries.free_schema(connection, _schema_of_today())
            plan = make_plan(connection, census, options, schema=schema, moment=_without_zone(utc_now()))
            return Looked(plan=plan)


def adopt(
    url: str, *, app_password: str | None, options: Options, on_progress: OnProgress | None = None
) -> Adopted:
    """Carry it out, or continue where a killed one stopped, with its decisions; again: nothing to do.

    Raises AdoptionRefused before anything is changed, AdoptionRunning, AdoptionFailed, MigrationFailed.
    """
    started = monotonic()
    tell = on_progress or (lambda _name, _place, _total: None)
    with connected(url, read_only=False) as connection:
        _refuse_unfit_server(connection)
        lock_out_others(connection)
        census = read_census(connection)
        if census.adoption_schema is None:
            schema = _step_aside(connection, url, census, options, app_password=app_password)
            tell("move", 1, 1)
        else:
            schema = census.adoption_schema
            adoption = ledger_queries.read_adoption(connection, schema)
            if adoption.finished_at is not None:
                return Adopted(schema, dict(adoption.report or {}), already=True)
        migrate_and_declare(
            url, app_password=app_password, on_step=lambda name, _: tell(f"build {name}", 1, 1)
        )
        work_as_owner(connection, schema)
        adoption = ledger_queries.read_adoption(connection, schema)
        with reading_ahead(url, schema) as ahead:
            _take_steps(connection, ahead, adoption, tell)
        return Adopted(schema, _finish(connection, adoption, monotonic() - started), already=False)


def go_back(url: str) -> str:
    """Put the original back in its place, until the adoption has finished; the schema in which it stood.

    One transaction: what was built is dropped, and everything moves back with its owner.
    Raises AdoptionRefused, AdoptionRunning.
    """
    with connected(url, read_only=False) as connection:
        lock_out_others(connection)
        census = read_census(connection)
        if census.adoption_schema is None:
            raise AdoptionRefused("Nothing of this database was adopted.")
        if ledger_queries.read_adoption(connection, census.adoption_schema).finished_at is not None:
            raise AdoptionRefused(
                "The adoption has finished, and the product may have written since. Restore your backup."
            )
        with connection.transaction():
            move_back_queries.move_back(connection, census.adoption_schema)
        return census.adoption_schema


def _looked(adoption: Adoption) -> Looked:
    return Looked(finished=adoption) if adoption.finished_at is not None else Looked(unfinished=adoption)


def _refuse_unfit_server(connection: Connection[Any]) -> None:
    major, is_standby = read_server(connection)
    if major < OLDEST_SERVER:
        raise AdoptionRefused(
            f"This server is PostgreSQL {major}; Tastemaker needs {OLDEST_SERVER} or newer."
        )
    if is_standby:
        raise AdoptionRefused("This server is a read-only standby; adopt its primary.")


def _step_aside(
    connection: Connection[Any], url: str, census: Census, options: Options, *, app_password: str | None
) -> str:
    """Rights first: what is refused there is refused while the original still stands in its place."""
    refuse_what_is_not_the_original(census)
    with migration_session.connected(url) as privileged:
        prepare_privileges(privileged, app_password=app_password)
    schema = ledger_queries.free_schema(connection, _schema_of_today())
    connection.execute(sql.SQL("SET lock_timeout = {}").format(sql.Literal(_LOCK_TIMEOUT)))
    for attempt in range(_ATTEMPTS):
        try:
            _move(connection, schema, options)
            break
        except errors.LockNotAvailable:
            if attempt == _ATTEMPTS - 1:
                raise AdoptionFailed(
                    "Other sessions keep the tables busy; stop the original and repeat. Nothing has changed."
                ) from None
            time.sleep(_PAUSE_SECONDS)
    connection.execute("SET lock_timeout = 0")
    return schema


def _move(connection: Connection[Any], schema: str, options: Options) -> None:
    """The record and the move are one: there is an adoption exactly when the original has stepped aside."""
    began = monotonic()
    with connection.transaction():
        ledger_queries.create_ledger(connection, schema, options=options.as_document(), now=utc_now())
        move_queries.make_code_schema(connection, schema)
        for name in (schema, move_queries.code_schema(schema)):
            connection.execute(
                sql.SQL("ALTER SCHEMA {} OWNER TO {}").format(sql.Identifier(name), sql.Identifier(OWNER))
            )
        counts = move_queries.move_everything(connection, schema, owner=OWNER)
        ledger_queries.give_to(connection, schema, OWNER)
        connection.execute(sql.SQL("SET LOCAL search_path = {}").format(sql.Identifier(schema)))
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(OWNER)))
        ledger_queries.record_step(
            connection,
            "move",
            before=ledger_queries.StepProgress(),
            total=1,
            place=1,
            done=True,
            counts=counts,
            seconds=monotonic() - began,
        )


def _take_steps(connection: Connection[Any], ahead: Ahead, adoption: Adoption, tell: OnProgress) -> None:
    work = Work(
        connection=connection,
        ahead=ahead,
        schema=adoption.schema,
        moment=_without_zone(adoption.started_at),
        with_orphans=adoption.options.get("orphans") == "users",
        fit_settings=adoption.options.get("settings") == "fit",
    )
    creators_queries.make_temporary_tables(connection)
    for step in steps():
        _take(work, step, tell)


def _take(work: Work, step: AdoptionStep, tell: OnProgress) -> None:
    progress = ledger_queries.read_step(work.connection, step.name)
    total = step.total(work) if step.total else 1
    while not progress.done:
        upto = min(progress.place + step.at_once, total)
        began = monotonic()
        with work.connection.transaction():
            counts = step.batch(work, progress.place, upto) if upto > progress.place else {}
            progress = ledger_queries.record_step(
                work.connection, step.name, before=progress, total=total, place=upto, done=upto >= total,
                counts=counts, seconds=monotonic() - began,
            )  # fmt: skip
        tell(step.name, upto, total)


def _finish(connection: Connection[Any], adoption: Adoption, seconds: float) -> dict[str, Any]:
    with connection.transaction():
        report: dict[str, Any] = {
            "schema": adoption.schema,
            "started_at": adoption.started_at.isoformat(),
            "decisions": dict(adoption.options),
            "steps": {name: dict(counts) for name, counts in ledger_queries.read_counts(connection).items()},
            "words": tables_queries.list_changed_words(connection, most=WORDS_SHOWN),
            "orphans": ledger_queries.list_orphans(connection),
            "strayed_searches": strayed_queries.list_strayed(connection),
            "rejected": closing_queries.count_rejected(connection),
            "ours": closing_queries.count_ours(connection),
            "seconds_of_the_last_run": round(seconds, 3),
        }
        ledger_queries.record_end(connection, report=report, now=utc_now())
        ledger_queries.comment_on(
            connection, adoption.schema, "The original product's database as it was adopted."
        )
        closing_queries.drop_work_tables(connection, adoption.schema)
    return report


def plan_document(plan: AdoptionPlan) -> dict[str, Any]:
    return asdict(plan)


def _schema_of_today() -> str:
    return f"legacy_{utc_now():%Y%m%d}"


def _without_zone(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
