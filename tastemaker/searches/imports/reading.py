"""One file as creators to import, each with the line where it stands, and the lines that are not taken.

A table of any layout is read as the sandbox reads it. JSON in one of the original's five shapes is read as an
adoption reads it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

import orjson

from tastemaker.core.errors import InvalidInput
from tastemaker.core.platforms import Platform
from tastemaker.sandbox.tables.files import Line, OpenTable, open_objects, open_table
from tastemaker.sandbox.tables.layout import (
    EITHER,
    OF_CREATORS,
    OF_POSTS,
    Layout,
    UnknownLayout,
    recognise,
)
from tastemaker.sandbox.tables.rows import DroppedValue, Observation, Rejected, observe
from tastemaker.sandbox.tables.texts import BadTable
from tastemaker.searches.imports.shapes import Item, Sighting, Unreadable, read_element, read_page

FIELDS: Final = {
    "platform": "Platform",
    "creator_id": "Id on the platform",
    "handle": "Handle or profile address",
    "name": "Name",
    "followers": "Followers",
    "bio": "Bio",
    "email": "E-mail",
    "verified": "Verified",
    "country": "Country",
    "language": "Language",
    "post_id": "Address or id of a post",
    "title": "Text of the post",
    "views": "Views of the post",
    "likes": "Likes of the post",
}
"""What a column may be, in a person's words."""

JSON_ENDINGS: Final = (".json", ".jsonl", ".ndjson")
LARGEST_FOLLOWERS: Final = 2**31 - 1
LONGEST: Final = {
    "handle": 255, "name": 1_000, "bio": 20_000, "email": 320, "profile_url": 2_000, "avatar_url": 2_000,
    "post_url": 2_000, "post_text": 50_000,
}  # fmt: skip
_LONGEST_CELL: Final = 2_000
_LARGEST_RAW: Final = 200_000
"""Bytes of a row as it stands; a larger one is not kept."""

_SHAPES_AHEAD: Final = 20
_PREVIEWED: Final = 5


@dataclass(frozen=True, slots=True)
class RowError:
    """A line that is not taken; 0 is the whole file. `detail` shows the value."""

    line: int
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedCreator:
    """A creator as the file says it: `stable_id` or `handle` is there. `raw` is the row as it stands."""

    line: int
    platform: Platform
    stable_id: str | None
    handle: str | None
    name: str | None = None
    bio: str | None = None
    followers: int | None = None
    verified: bool | None = None
    email: str | None = None
    country: str | None = None
    language: str | None = None
    profile_url: str | None = None
    avatar_url: str | None = None
    post_url: str | None = None
    post_text: str | None = None
    views: int | None = None
    likes: int | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return self.stable_id or f"handle:{(self.handle or '').lower()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a file is to be read. `columns`: by heading, the field of `FIELDS`, or "" to leave it out.

    Without `with_posts` the posts that the rows name are left out.
    """

    platform: Platform | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    with_posts: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportColumn:
    """A column of the table: what it is taken for ("" for nothing), and its first values."""

    heading: str
    field: str
    sample: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenImport:
    """`rows` are read once, in order. `columns` is empty for the original's own shapes."""

    rows: Iterator[ImportedCreator | RowError]
    columns: Sequence[ImportColumn]
    notes: Sequence[str]


@contextmanager
def open_import(path: Path, reading: Reading, *, name: str | None = None) -> Iterator[OpenImport]:
    """`name` is what the user calls the file. Raises InvalidInput, also while rows are read."""
    called = name or path.name
    unknown = set(reading.columns.values()) - FIELDS.keys() - {""}
    if unknown:
        raise InvalidInput(f"There is no field {min(unknown)!r}. The fields are {', '.join(FIELDS)}.")
    try:
        if path.suffix.lower() in JSON_ENDINGS and _has_original_shape(path):
            with open_objects(path) as objects:
                yield OpenImport(rows=_elements(objects, reading), columns=(), notes=())
            return
        with open_table(path) as table:
            layout = _layout(table, reading, called)
            yield OpenImport(
                rows=_observations(table.lines, table, layout, reading),
                columns=_columns(table, layout),
                notes=(*table.notes, *layout.notes),
            )
    except (BadTable, UnknownLayout) as error:
        raise InvalidInput(f"{called} cannot be imported: {error}.") from None


def _has_original_shape(path: Path) -> bool:
    with open_objects(path) as objects:
        found = [one for _, one in islice(objects, _SHAPES_AHEAD) if one is not None]
    return any(
        isinstance(one.get("creator"), dict)
        or isinstance(one.get("profile"), dict)
        or any(isinstance(one.get(name), list) for name in ("creators", "results"))
        for one in found
    )


def _layout(table: OpenTable, reading: Reading, name: str) -> Layout:
    """A column that the user has named gets the heading by which its field is known."""
    wanted = {heading.strip().casefold(): meant for heading, meant in reading.columns.items()}
    given = {heading.strip().casefold() for heading in table.headings}
    missing = next((heading for heading in reading.columns if heading.strip().casefold() not in given), None)
    if missing is not None:
        raise InvalidInput(f"The file has no column {missing!r}.")
    taken = {meant for meant in wanted.values() if meant}
    headings = []
    for heading in table.headings:
        meant = wanted.get(heading.strip().casefold())
        headings.append(heading if meant is None else _canonical(meant))
    layout = recognise(headings, table.sample, name, reading.platform)
    columns = {
        meant: tuple(
            place
            for place in places
            if meant not in taken or wanted.get(table.headings[place].strip().casefold()) == meant
        )
        for meant, places in layout.columns.items()
    }
    return Layout(
        columns={meant: places for meant, places in columns.items() if places},
        width=layout.width,
        platform=layout.platform,
        notes=layout.notes,
        ignored=layout.ignored,
        observed_at=layout.observed_at,
    )


def _canonical(meant: str) -> str:
    """The first synonym of a field; nothing for a column that is left out."""
    synonyms = EITHER.get(meant) or OF_POSTS.get(meant) or OF_CREATORS.get(meant) or ""
    return synonyms.partition(",")[0]


def _columns(table: OpenTable, layout: Layout) -> list[ImportColumn]:
    fields = {place: meant for meant, places in layout.columns.items() for place in places}
    return [
        ImportColumn(
            heading=heading,
            field=fields.get(place, ""),
            sample=[row[place][:80] for row in table.sample[:_PREVIEWED] if place < len(row)],
        )
        for place, heading in enumerate(table.headings)
    ]


def _observations(
    lines: Iterator[Line], table: OpenTable, layout: Layout, reading: Reading
) -> Iterator[ImportedCreator | RowError]:
    for line in lines:
        if line.cells is None:
            yield RowError(line.number, "not a row")
            continue
        dropped: list[DroppedValue] = []
        try:
            seen = observe(line.cells, layout, dropped)
        except Rejected as rejected:
            yield RowError(line.number, rejected.reason.value, rejected.detail)
            continue
        if seen.creator_id is None and seen.handle is None:
            yield RowError(line.number, "no id or handle of a creator", seen.name or "")
            continue
        for value in dropped:
            yield RowError(line.number, f"{value.field} is left out: {value.why}", value.value)
        yield _of_table(line, seen, table, layout, reading)


def _of_table(
    line: Line, seen: Observation, table: OpenTable, layout: Layout, reading: Reading
) -> ImportedCreator:
    cells = line.cells or ()
    raw = {
        heading or f"column {place + 1}": cell[:_LONGEST_CELL]
        for place, (heading, cell) in enumerate(zip(table.headings, cells, strict=False))
        if cell.strip()
    }
    has_post = reading.with_posts and layout.has_posts
    return _bounded(
        line=line.number,
        platform=Platform(seen.platform),
        stable_id=seen.creator_id,
        handle=seen.handle,
        name=seen.name,
        bio=seen.bio,
        followers=seen.followers,
        verified=seen.verified,
        email=seen.email,
        country=seen.country,
        language=seen.language if not layout.has_posts else None,
        profile_url=_address(cells, layout, "handle"),
        post_url=_address(cells, layout, "post_id") if has_post else None,
        post_text=(seen.title or seen.description) if has_post else None,
        views=seen.views if has_post else None,
        likes=seen.likes if has_post else None,
        raw=raw,
    )


def _address(cells: Sequence[str], layout: Layout, meant: str) -> str | None:
    found = (cells[place].strip() for place in layout.columns.get(meant, ()))
    return next((cell for cell in found if cell.lower().startswith(("https://", "http://"))), None)


def _elements(
    objects: Iterator[tuple[int, dict[str, Any] | None]], reading: Reading
) -> Iterator[ImportedCreator | RowError]:
    for number, found in objects:
        if found is None:
            yield RowError(number, "not an object")
            continue
        try:
            items = read_page(orjson.dumps([found]).decode())
        except (Unreadable, orjson.JSONEncodeError) as error:
            yield RowError(number, str(error))
            continue
        for item in items:
            yield _of_element(number, item, reading)


def _of_element(number: int, item: Item, reading: Reading) -> ImportedCreator | RowError:
    seen = read_element(item, reading.platform)
    if not isinstance(seen, Sighting):
        return RowError(number, seen)
    one, post = seen.creator, seen.post if reading.with_posts else None
    return _bounded(
        line=number,
        platform=one.platform,
        stable_id=one.stable_id or None,
        handle=one.handle,
        name=one.name,
        bio=one.bio,
        followers=one.followers,
        verified=one.verified,
        email=next(iter(one.emails), None),
        country=one.country,
        language=one.language,
        profile_url=one.profile_url,
        avatar_url=one.avatar_url,
        post_url=post.url if post else None,
        post_text=post.text if post else None,
        views=post.views if post else None,
        likes=post.likes if post else None,
        raw=item.value if isinstance(item.value, dict) else {},
    )


def _bounded(**values: Any) -> ImportedCreator:  # noqa: ANN401 - the fields of ImportedCreator
    for name, longest in LONGEST.items():
        if isinstance(text := values.get(name), str):
            values[name] = text.replace("\x00", "")[:longest] or None
    if len(orjson.dumps(values["raw"])) > _LARGEST_RAW:
        values["raw"] = {}
    followers = values.get("followers")
    if followers is not None and followers > LARGEST_FOLLOWERS:
        values["followers"] = None
    return ImportedCreator(**values)


def batches(
    rows: Iterator[ImportedCreator | RowError], size: int
) -> Iterator[Sequence[ImportedCreator | RowError]]:
    while batch := list(islice(chain(rows), size)):
        yield batch
