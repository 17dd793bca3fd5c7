"""From files to a corpus, with an account of what was taken, what was merged and what was refused."""

import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import orjson

from tastemaker.core.platforms import Platform
from tastemaker.sandbox.corpus import locked, replacing
from tastemaker.sandbox.store import build_index, create_tables, get_facts, set_facts, writing
from tastemaker.sandbox.tables.files import Line, find_tables, open_table
from tastemaker.sandbox.tables.layout import Layout, UnknownLayout, recognise
from tastemaker.sandbox.tables.merging import MergeResult, introduce, merge, prepare_merging
from tastemaker.sandbox.tables.rows import DroppedValue, Observation, Reason, Rejected, observe
from tastemaker.sandbox.tables.texts import BadTable

Progress = Callable[[int, int], None]
"""Called with (files read, files in all)."""

REMEMBERED = 1_000
"""The first rejections are in the report itself; a report file has all of them."""

_STAGE = f"CREATE TEMP TABLE seen (file INTEGER, line INTEGER, {', '.join(Observation._fields)})"
_ADD = f"INSERT INTO seen VALUES ({', '.join('?' * (len(Observation._fields) + 2))})"  # noqa: S608 - only ?s

_WITH_IDS = """
    SELECT platform, creator_id, handle, old_handle, name FROM seen WHERE creator_id IS NOT NULL
    GROUP BY 1, 2, 3, 4, 5 ORDER BY min(observed_at), min(file), min(line)
"""
_IN_ORDER = """
    SELECT * FROM seen
    ORDER BY coalesce(creator_id, handle, old_handle, name) IS NULL, observed_at, file, line
"""
"""The earlier before the later; last those that know nobody, when all posts that others know are there."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """`line` is where the row begins, from 1; 0 stands for the whole file."""

    file: str
    line: int
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What became of every row: each is either accepted or rejected."""

    files: int
    unusable: tuple[Rejection, ...]
    """Files that are no tables of creators or posts; their rows are not counted."""

    rows: int
    accepted: int
    creators: int
    """New in the corpus; so are `posts`."""

    posts: int
    merged: int
    """Accepted rows that told of creators and posts already known."""

    rejected: int
    reasons: dict[Reason, int]
    rejections: tuple[Rejection, ...]
    """The first thousand."""

    notes: tuple[str, ...]
    """What was noticed about files and whole columns."""

    ignored_columns: tuple[str, ...] = ()
    """Headings that are not understood, each with its file."""

    dropped: dict[str, int] = field(default_factory=dict)
    """Values of accepted rows that were not taken, counted by field and reason."""

    dropped_values: tuple[Rejection, ...] = ()
    """The first thousand of them."""


def import_tables(
    path: Path,
    files: Sequence[Path],
    *,
    platform: Platform | None = None,
    report_file: Path | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Adds what the files hold to the corpus at `path`, which is created if need be, all or nothing.

    Where no row can be accepted, there is a report and nothing else has happened.
    `files` may be directories. `platform` is for tables that do not tell theirs. `report_file` gets one JSON
    object for each rejection. Raises InvalidInput, CorpusUnreadable, CorpusNotWritten.
    """
    tables = find_tables(files)
    with locked(path.parent), replacing(path) as unfinished, ExitStack() as stack:
        if path.exists():
            shutil.copyfile(path, unfinished)
        account = _Account(stack.enter_context(report_file.open("wb")) if report_file else None)
        with writing(unfinished) as connection:
            _prepare(connection, fresh=not path.exists())
            for number, table in enumerate(tables):
                _stage(connection, number, table, platform, account)
                if progress:
                    progress(number + 1, len(tables))
            _merge_all(connection, [table.name for table in tables], account)
            build_index(connection)
        report = account.report(len(tables))
        if report.accepted == 0:
            unfinished.unlink()
    return report


@dataclass(slots=True)
class _Account:
    """What is counted while the rows go by."""

    report_file: IO[bytes] | None
    rows: int = 0
    staged: int = 0
    creators: int = 0
    posts: int = 0
    brought_something: int = 0
    reasons: Counter[Reason] = field(default_factory=Counter)
    rejections: list[Rejection] = field(default_factory=list)
    unusable: list[Rejection] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    ignored_columns: list[str] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    dropped_values: list[Rejection] = field(default_factory=list)

    def drop(self, file: str, line: int, values: Sequence[DroppedValue]) -> None:
        for one in values:
            self.dropped[f"{one.field}: {one.why}"] += 1
            value = Rejection(file, line, Reason.VALUE, f"{one.field}: {one.value!r}, {one.why}")
            if len(self.dropped_values) < REMEMBERED:
                self.dropped_values.append(value)
            self._write(value)

    def refuse_file(self, rejection: Rejection) -> None:
        self.unusable.append(rejection)
        self._write(rejection)

    def reject(self, rejection: Rejection) -> None:
        self.reasons[rejection.reason] += 1
        if len(self.rejections) < REMEMBERED:
            self.rejections.append(rejection)
        self._write(rejection)

    def _write(self, rejection: Rejection) -> None:
        if self.report_file:
            self.report_file.write(orjson.dumps(rejection) + b"\n")

    def keep(self, kept: MergeResult) -> None:
        self.creators += kept.new_creator
        self.posts += kept.new_post
        self.brought_something += kept.new_creator or kept.new_post

    def report(self, files: int) -> ImportReport:
        rejected = self.reasons.total()
        accepted = self.staged - self.reasons[Reason.ORPHAN]
        return ImportReport(
            files=files,
            unusable=tuple(self.unusable),
            rows=self.rows,
            accepted=accepted,
            creators=self.creators,
            posts=self.posts,
            merged=accepted - self.brought_something,
            rejected=rejected,
            reasons=dict(self.reasons.most_common()),
            rejections=tuple(self.rejections),
            notes=tuple(self.notes),
            ignored_columns=tuple(self.ignored_columns),
            dropped=dict(self.dropped.most_common()),
            dropped_values=tuple(self.dropped_values),
        )


def _prepare(connection: sqlite3.Connection, *, fresh: bool) -> None:
    if fresh:
        create_tables(connection)
        set_facts(connection, {"origin": "imported"})
    elif get_facts(connection).get("origin") == "synthetic":
        set_facts(connection, {"origin": "mixed"})
    connection.execute(_STAGE)
    prepare_merging(connection)


def _stage(
    connection: sqlite3.Connection, number: int, path: Path, platform: Platform | None, account: _Account
) -> None:
    """Every readable row of one file, as an observation, into the waiting room."""
    try:
        with open_table(path) as table:
            layout = recognise(table.headings, table.sample, path.name, platform)
            account.notes += [f"{path.name}: {note}" for note in (*table.notes, *layout.notes)]
            account.ignored_columns += [f"{path.name}: {heading}" for heading in layout.ignored]
            connection.execute("BEGIN")
            connection.executemany(_ADD, _observations(table.lines, layout, number, path.name, account))
            connection.execute("COMMIT")
    except (BadTable, UnknownLayout) as error:
        if connection.in_transaction:
            connection.execute("COMMIT")
        account.refuse_file(Rejection(path.name, 0, Reason.FILE, str(error)))


def _observations(
    lines: Iterator[Line], layout: Layout, number: int, name: str, account: _Account
) -> Iterator[tuple[object, ...]]:
    for line in lines:
        account.rows += 1
        try:
            if line.cells is None:
                raise Rejected(Reason.NO_ROW, "")  # noqa: TRY301 - one place turns refusals into the account
            dropped: list[DroppedValue] = []
            seen = observe(line.cells, layout, dropped)
        except Rejected as rejected:
            account.reject(Rejection(name, line.number, rejected.reason, rejected.detail))
            continue
        account.staged += 1
        if dropped:
            account.drop(name, line.number, dropped)
        yield (number, line.number, *seen)


def _merge_all(connection: sqlite3.Connection, names: Sequence[str], account: _Account) -> None:
    connection.execute("BEGIN")
    for values in connection.execute(_WITH_IDS):
        introduce(connection, Observation(None, *values))
    for number, line, *values in connection.execute(_IN_ORDER):
        seen = Observation(*values)
        kept = merge(connection, seen)
        if kept.orphan:
            account.reject(Rejection(names[number], line, Reason.ORPHAN, f"post {seen.post_id}"))
        else:
            account.keep(kept)
    connection.execute("COMMIT")
