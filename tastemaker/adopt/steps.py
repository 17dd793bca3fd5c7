"""The adoption's steps in their order. Each is small transactions that are recorded with their work.

A step is done at once, or in batches over a queue of known length. `what` and `lock` are for the plan.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from psycopg import Connection

from tastemaker.adopt import (
    closing_queries,
    creators_queries,
    original_queries,
    people_queries,
    rows_queries,
    strayed_queries,
    tables_queries,
)
from tastemaker.adopt.gathering import (
    SURROGATE,
    Gathered,
    Key,
    Named,
    Readings,
    gather,
    handles_without_id,
    identities_in,
    read_pages,
)
from tastemaker.adopt.ledger_queries import Counts
from tastemaker.adopt.original_queries import Census
from tastemaker.adopt.people_queries import SATELLITES
from tastemaker.adopt.session_queries import Ahead
from tastemaker.adopt.tables_queries import throttles_among
from tastemaker.core.errors import DatabaseUnavailable

PEOPLE_AT_ONCE: Final = 20_000
ROWS_AT_ONCE: Final = 10_000
CAMPAIGNS_AT_ONCE: Final = 100
NO_LOCK: Final = "none on anything that is in use: the tables are new and nobody uses them yet"


class AdoptionFailed(DatabaseUnavailable):
    """Something did not arrive. Nothing is lost: the original stands in its schema."""


@dataclass(frozen=True, slots=True)
class Work:
    """`moment` is when the adoption began: the time of rows that have none."""

    connection: Connection[Any]
    ahead: Ahead
    schema: str
    moment: datetime
    with_orphans: bool
    fit_settings: bool

    def read_identities(self, connection: Connection[Any], batch: int) -> tuple[int, set[Named]]:
        """How many pages, and whom they name by handle and id."""
        pages = creators_queries.read_batch(connection, batch, moment=self.moment)
        return len(pages), identities_in(pages)

    def read_creators(
        self, connection: Connection[Any], batch: int
    ) -> tuple[Readings, Mapping[Key, str], Gathered]:
        """What the pages say, with the ids of the handles that say none; every identity is known by then."""
        readings = read_pages(creators_queries.read_batch(connection, batch, moment=self.moment))
        identities = creators_queries.find_identities(connection, handles_without_id(readings))
        return readings, identities, gather(readings, identities)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptionStep:
    """`batch` is given the places after which and up to which it works; places go from 1 to `total`."""

    name: str
    what: str
    batch: Callable[[Work, int, int], Counts]
    total: Callable[[Work], int] | None = None
    at_once: int = 1
    lock: str = NO_LOCK


def steps() -> Iterator[AdoptionStep]:
    yield AdoptionStep(name="look", what="read which words, people and rows there are", batch=_look)
    yield AdoptionStep(
        name="subscription_plans", what="copy plans; unknown ones become inactive", batch=_plans
    )
    yield AdoptionStep(
        name="system_configurations", what="copy settings over the shipped ones", batch=_settings
    )
    yield AdoptionStep(
        name="users", what="copy users, profiles without a user, and owners without either",
        batch=_users, total=_people, at_once=PEOPLE_AT_ONCE,
    )  # fmt: skip
    for satellite in SATELLITES:
        yield AdoptionStep(
            name=satellite.table, what="copy, one row a user", batch=partial(_satellite, satellite),
            total=_people, at_once=PEOPLE_AT_ONCE,
        )  # fmt: skip
    for copy in rows_queries.BEFORE_CREATORS:
        yield _copying(copy)
        if copy is rows_queries.CAMPAIGNS:
            yield AdoptionStep(
                name="adopted_searches",
                what="make a campaign for searches that stood in another user's campaign",
                batch=_campaigns_of_strayed,
            )
    yield AdoptionStep(
        name="identities",
        what="learn which id each handle belongs to",
        batch=_identities,
        total=_page_batches,
    )
    yield AdoptionStep(
        name="scraping_results",
        what="creators into the catalog, claims and pages, each creator once a search",
        batch=_creators, total=_page_batches,
    )  # fmt: skip
    for copy in rows_queries.AFTER_CREATORS:
        yield _copying(copy)
    yield AdoptionStep(
        name="verify", what="compare every value of the users, every id and every count", batch=_verify
    )
    yield AdoptionStep(
        name="campaign_creators", what="combine the results of each campaign's searches",
        batch=_combined, total=partial(_queued, "campaigns"), at_once=CAMPAIGNS_AT_ONCE,
    )  # fmt: skip
    yield AdoptionStep(
        name="counters", what="count usage from what was found in the current period",
        batch=_counters, total=_people, at_once=PEOPLE_AT_ONCE,
    )  # fmt: skip


def read_moved_census(connection: Connection[Any], schema: str) -> Census:
    """The tables as they stand in the adoption's schema."""
    tables = original_queries.read_tables(connection, schema)
    return Census(database="", tables=tables, has_our_ledger=False, adoption_schema=schema)


def _copying(copy: rows_queries.Copy) -> AdoptionStep:
    def batch(work: Work, after: int, upto: int) -> Counts:
        return rows_queries.copy_batch(work.connection, copy, after=after, upto=upto, moment=work.moment)

    def total(work: Work) -> int:
        return rows_queries.count_queue(work.connection, copy.name)

    return AdoptionStep(
        name=copy.name, what="copy with mapped words", batch=batch, total=total, at_once=ROWS_AT_ONCE
    )


def _look(work: Work, _after: int, _upto: int) -> Counts:
    census = read_moved_census(work.connection, work.schema)
    original_queries.create_source_views(work.connection, census, schema=work.schema)
    counts: dict[str, Any] = dict(tables_queries.record_words(work.connection))
    counts |= people_queries.list_people(work.connection, with_orphans=work.with_orphans)
    counts |= people_queries.reject_stray_satellites(work.connection)
    for copy in (*rows_queries.BEFORE_CREATORS, *rows_queries.AFTER_CREATORS):
        rows_queries.queue_rows(work.connection, copy.name, copy.order)
    creators_queries.queue_pages(work.connection)
    return counts


def _campaigns_of_strayed(work: Work, _after: int, _upto: int) -> Counts:
    return strayed_queries.add_campaigns(work.connection, work.moment)


def _plans(work: Work, _after: int, _upto: int) -> Counts:
    return tables_queries.copy_plans(work.connection, work.moment)


def _settings(work: Work, _after: int, _upto: int) -> Counts:
    rows = work.connection.execute(tables_queries.THROTTLE_ROWS).fetchall()
    throttles = throttles_among(rows)
    left_out = [throttle.key for throttle in throttles] if work.fit_settings else []
    counts = tables_queries.copy_settings(work.connection, work.moment, left_out=left_out)
    return {
        **counts,
        "throttling": [throttle.key for throttle in throttles],
        "replaced_by_fit_ones": left_out,
    }


def _people(work: Work) -> int:
    return people_queries.count_people(work.connection)


def _users(work: Work, after: int, upto: int) -> Counts:
    return people_queries.copy_users(work.connection, after=after, upto=upto, moment=work.moment)


def _satellite(satellite: Any, work: Work, after: int, upto: int) -> Counts:  # noqa: ANN401 - see SATELLITES
    return people_queries.copy_satellite(
        work.connection, satellite, after=after, upto=upto, moment=work.moment
    )


def _page_batches(work: Work) -> int:
    return creators_queries.count_batches(work.connection)


def _identities(work: Work, _after: int, upto: int) -> Counts:
    pages, identities = work.ahead.take(work.read_identities, upto, last=_page_batches(work))
    creators_queries.keep_identities(work.connection, identities)
    return {"pages": pages}


def _creators(work: Work, _after: int, upto: int) -> Counts:
    readings, identities, gathered = work.ahead.take(work.read_creators, upto, last=_page_batches(work))
    read, written, rejected = creators_queries.write_batch(
        work.connection, upto, gathered, moment=work.moment
    )
    creators_queries.reject_elements(work.connection, readings)
    left = {"its search is gone": rejected} if rejected else {}
    claims = [claim for claim in gathered.claims if claim.page.job_id is not None]
    return {
        "read": read,
        "written": written,
        "rejected": left,
        "elements": readings.elements,
        "shapes": dict(readings.shapes),
        "rejected_elements": dict(readings.rejected),
        "repeated_in_the_same_search": gathered.repeated,
        "claims": len(claims),
        "known_by_handle_only": sum(1 for claim in claims if claim.key[1].startswith(SURROGATE)),
        "handles_resolved_to_an_id": len(identities),
    }


def _queued(name: str, work: Work) -> int:
    return rows_queries.count_queue(work.connection, name)


def _combined(work: Work, after: int, upto: int) -> Counts:
    return closing_queries.combine_batch(work.connection, after=after, upto=upto)


def _counters(work: Work, after: int, upto: int) -> Counts:
    return closing_queries.charge_batch(work.connection, after=after, upto=upto)


def _verify(work: Work, _after: int, _upto: int) -> Counts:
    closing_queries.analyze_ours(work.connection)
    wrong: Mapping[str, int] = {
        **closing_queries.values_that_differ(work.connection, work.moment),
        **closing_queries.rows_that_are_missing(work.connection),
    }
    if wrong:
        shown = ", ".join(f"{name} ({count})" for name, count in sorted(wrong.items())[:5])
        raise AdoptionFailed(
            f"Not everything arrived: {shown}. The original is untouched in the schema {work.schema}."
        )
    return {"values_that_differ": 0, "rows_that_are_missing": 0}
