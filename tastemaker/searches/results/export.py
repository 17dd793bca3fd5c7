"""Found creators as CSV: the columns that readers of the original rely on, safe to open in a spreadsheet.

Numbers are exact, the unknown is empty. Lines end with CRLF (RFC 4180); a field with quotes, commas or
line breaks is quoted.
"""

import csv
import io
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime

from tastemaker.core.platforms import Platform
from tastemaker.searches.results.queries import FoundCreator

Value = str | int | None


Columns = Mapping[str, Callable[[FoundCreator], Value]]


BOM = "\ufeff"


SEPARATOR = "; "


FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet may take for the start of a formula, also in full width."""


CHUNK_CHARACTERS = 64_000


ADDED_COLUMNS: Columns = {
    "Handle": lambda found: found.handle,
    "Name": lambda found: found.name,
    "Profile URL": lambda found: found.profile_url,
    "Matched in": lambda found: SEPARATOR.join(found.matched_in),
    "Language": lambda found: found.language,
    "Country": lambda found: found.country,
    "E-mail": lambda found: found.emails[0] if found.emails else None,
}
"""After the columns of every layout. `E-mail` is one address, the first of `Email`."""


POST_COLUMNS: Columns = {
    "Username": lambda found: found.handle or found.name,
    "Followers": lambda found: found.followers,
    "Bio": lambda found: found.bio,
    "Email": lambda found: SEPARATOR.join(found.emails),
    "Video URL": lambda found: found.post_url,
    "Description": lambda found: found.post_text,
    "Likes": lambda found: found.likes,
    "Comments": lambda found: found.comments,
    "Shares": lambda found: found.shares,
    "Views": lambda found: found.views,
    "Hashtags": lambda found: SEPARATOR.join(found.hashtags),
    "Created Date": lambda found: _date(found.post_published_at),
    "Keywords": lambda found: found.keyword,
    "Platform": lambda found: found.platform.value,
    **ADDED_COLUMNS,
}
"""A search on TikTok; on Instagram too, whose results are the same kind of thing: a username and a post."""


CHANNEL_COLUMNS: Columns = {
    "Channel Name": lambda found: found.name or found.handle,
    "Subscribers": lambda found: found.followers,
    "Bio": lambda found: found.bio,
    "Email": lambda found: SEPARATOR.join(found.emails),
    "Social Links": lambda found: SEPARATOR.join(found.links),
    "Video Title": lambda found: found.post_text,
    "Video URL": lambda found: found.post_url,
    "Views": lambda found: found.views,
    "Duration (seconds)": lambda found: found.duration_seconds,
    "Hashtags": lambda found: SEPARATOR.join(found.hashtags),
    "Keywords": lambda found: found.keyword,
    "Platform": lambda found: found.platform.value,
    **ADDED_COLUMNS,
}


CAMPAIGN_COLUMNS: Columns = {
    "Platform": lambda found: found.platform.value,
    "Creator/Channel Name": lambda found: found.name or found.handle,
    "Followers": lambda found: found.followers,
    "Video/Content URL": lambda found: found.post_url,
    "Title/Description": lambda found: found.post_text,
    "Views": lambda found: found.views,
    "Likes": lambda found: found.likes,
    "Comments": lambda found: found.comments,
    "Shares": lambda found: found.shares,
    "Duration (seconds)": lambda found: found.duration_seconds,
    "Hashtags": lambda found: SEPARATOR.join(found.hashtags),
    "Date": lambda found: _date(found.post_published_at),
    "Keywords": lambda found: found.keyword,
    "Email": lambda found: SEPARATOR.join(found.emails),
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


async def csv_chunks(
    creators: AsyncIterable[FoundCreator], columns: Columns, *, bom: bool = False
) -> AsyncIterator[str]:
    """The file's text, piece by piece; memory stays the same however long it gets."""
    buffer = io.StringIO()
    buffer.write(BOM if bom else "")
    writer = csv.writer(buffer)
    writer.writerow(columns)
    async for found in creators:
        writer.writerow([_safe(read(found)) for read in columns.values()])
        if buffer.tell() > CHUNK_CHARACTERS:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _safe(value: Value) -> Value:
    """Text that a spreadsheet would run as a formula is marked as text by an apostrophe."""
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return value


def _date(moment: datetime | None) -> str | None:
    return moment.date().isoformat() if moment else None
