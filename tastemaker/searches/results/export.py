"""Found creators as rows of a file, and CSV: the columns that readers of the original rely on, safe to open.

Numbers are exact, the unknown is empty. Lines end with CRLF (RFC 4180); a field with quotes, commas or
line breaks is quoted.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from operator import itemgetter
from typing import Any, Final

from tastemaker.core.platforms import Platform
from tastemaker.searches.results.queries import FoundCreator

Columns = Mapping[str, str]
"""The title of each column, and the field of `ExportRow` that it shows."""

BOM: Final = "\ufeff"
SEPARATOR: Final = "; "
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet may take for the start of a formula, also in full width."""

BATCH_ROWS: Final = 500
LONGEST_SLUG: Final = 60

_STARTS: Final = frozenset(FORMULA_STARTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRow:
    """What a file shows of a found creator. Several values are one text.

    `username` is the handle, else the name; `title` the other way round. `email` is the first of `emails`.
    """

    platform: str
    handle: str | None
    name: str | None
    username: str | None
    title: str | None
    followers: int | None
    bio: str | None
    emails: str
    email: str | None
    links: str
    profile_url: str | None
    post_text: str | None
    post_url: str | None
    published_on: str | None
    views: int | None
    likes: int | None
    comments: int | None
    shares: int | None
    duration_seconds: int | None
    hashtags: str
    keyword: str
    matched_in: str
    language: str | None
    country: str | None


FIELDS: Final = tuple(field.name for field in fields(ExportRow))

ADDED_COLUMNS: Final[Columns] = {
    "Handle": "handle",
    "Name": "name",
    "Profile URL": "profile_url",
    "Matched in": "matched_in",
    "Language": "language",
    "Country": "country",
    "E-mail": "email",
}
"""After the columns of every layout. `E-mail` is one address, the first of `Email`."""

POST_COLUMNS: Final[Columns] = {
    "Username": "username",
    "Followers": "followers",
    "Bio": "bio",
    "Email": "emails",
    "Video URL": "post_url",
    "Description": "post_text",
    "Likes": "likes",
    "Comments": "comments",
    "Shares": "shares",
    "Views": "views",
    "Hashtags": "hashtags",
    "Created Date": "published_on",
    "Keywords": "keyword",
    "Platform": "platform",
    **ADDED_COLUMNS,
}
"""A search on TikTok; on Instagram too, whose results are the same kind of thing: a username and a post."""

CHANNEL_COLUMNS: Final[Columns] = {
    "Channel Name": "title",
    "Subscribers": "followers",
    "Bio": "bio",
    "Email": "emails",
    "Social Links": "links",
    "Video Title": "post_text",
    "Video URL": "post_url",
    "Views": "views",
    "Duration (seconds)": "duration_seconds",
    "Hashtags": "hashtags",
    "Keywords": "keyword",
    "Platform": "platform",
    **ADDED_COLUMNS,
}

CAMPAIGN_COLUMNS: Final[Columns] = {
    "Platform": "platform",
    "Creator/Channel Name": "title",
    "Followers": "followers",
    "Video/Content URL": "post_url",
    "Title/Description": "post_text",
    "Views": "views",
    "Likes": "likes",
    "Comments": "comments",
    "Shares": "shares",
    "Duration (seconds)": "duration_seconds",
    "Hashtags": "hashtags",
    "Date": "published_on",
    "Keywords": "keyword",
    "Email": "emails",
    **ADDED_COLUMNS,
}


def columns_of(platforms: Sequence[Platform]) -> Columns:
    """The columns of one search, given its platform; several searches together have the campaign's."""
    match list(platforms):
        case [Platform.YOUTUBE]:
            return CHANNEL_COLUMNS
        case [_]:
            return POST_COLUMNS
        case _:
            return CAMPAIGN_COLUMNS


def csv_header(columns: Columns, *, bom: bool) -> str:
    return (BOM if bom else "") + _written([tuple(columns)])


def csv_lines(rows: Iterable[tuple[Any, ...]], columns: Columns) -> str:
    """Rows are values in the order of `FIELDS`. Text that a spreadsheet would run is marked as text."""
    pick = itemgetter(*(FIELDS.index(name) for name in columns.values()))
    return _written(
        [
            [f"'{value}" if type(value) is str and value[:1] in _STARTS else value for value in pick(row)]
            for row in rows
        ]
    )


def row_of(found: FoundCreator) -> tuple[Any, ...]:
    """The values of `ExportRow`, in the order of `FIELDS`; the database makes the same of large exports."""
    published = found.post_published_at
    return (
        found.platform.value,
        found.handle,
        found.name,
        found.handle or found.name,
        found.name or found.handle,
        found.followers,
        found.bio,
        SEPARATOR.join(found.emails),
        found.emails[0] if found.emails else None,
        SEPARATOR.join(found.links),
        found.profile_url,
        found.post_text,
        found.post_url,
        published.date().isoformat() if published else None,
        found.views,
        found.likes,
        found.comments,
        found.shares,
        found.duration_seconds,
        SEPARATOR.join(found.hashtags),
        found.keyword,
        SEPARATOR.join(found.matched_in),
        found.language,
        found.country,
    )


def slug_of(name: str) -> str:
    """Letters and digits of any script, the rest as single dashes."""
    words = re.sub(r"[\W_]+", "-", unicodedata.normalize("NFKC", name).lower()).strip("-")
    while len(words.encode()) > LONGEST_SLUG:
        words = words[:-1]
    return words.strip("-") or "creators"


def _written(rows: Sequence[Sequence[Any]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue()
