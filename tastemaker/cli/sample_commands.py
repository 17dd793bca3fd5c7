"""`tastemaker providers samples`: what providers sent that could not be understood."""

from collections.abc import Sequence
from dataclasses import asdict

from rich.text import Text

from tastemaker.cli import screen
from tastemaker.cli.listing_commands import show_table
from tastemaker.cli.numbers import UNKNOWN, moment
from tastemaker.cli.plain_text import plain
from tastemaker.cli.session import Session
from tastemaker.cli.table import Column
from tastemaker.core.errors import NotFound
from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import session_scope
from tastemaker.providers.samples import KEPT_DAYS, Sample, list_samples

COLUMNS = (
    Column(title="Sample", least=8),
    Column(title="Came (UTC)", least=16, rank=2),
    Column(title="Provider", least=12, most=40),
    Column(title="Status", right=True, rank=1),
    Column(title="Bytes", right=True, rank=3),
    Column(title="Why", least=20, most=90, style="dim"),
)
MOST = 10_000


async def show_samples(session: Session, *, provider: str | None, limit: int, as_json: bool) -> None:
    samples = await _list(session, provider, limit)
    if as_json:
        screen.write_json({"samples": [asdict(one) for one in samples]})
    elif not samples:
        screen.show(f"In the last {KEPT_DAYS} days every answer could be understood.")
    else:
        show_table(COLUMNS, [_row(one) for one in samples])


async def show_sample(session: Session, reference: str, *, as_json: bool) -> None:
    """By the beginning of its id. Raises NotFound."""
    samples = await _list(session, None, MOST)
    found = next((one for one in samples if str(one.id).startswith(reference.lower())), None)
    if found is None:
        raise NotFound(
            f"There is no sample {reference[:40]!r}: they are kept for {KEPT_DAYS} days. "
            "`tastemaker providers samples` shows them."
        )
    if as_json:
        screen.write_json(asdict(found))
        return
    screen.show(Text(plain(found.said), style="bold"))
    asked = f"{found.provider} {found.operation}"
    came = f"{moment(found.taken_at)} UTC"
    about = (asked, f"HTTP {found.http_status}", _form(found), f"{found.bytes_read:,} bytes", came)
    screen.show(Text(" · ".join(about), style="dim"))
    screen.show("")
    for line in found.beginning.splitlines():
        screen.show(Text(plain(line)))


async def _list(session: Session, provider: str | None, limit: int) -> list[Sample]:
    async with session_scope(session.database, SYSTEM) as reading:
        return await list_samples(reading, provider=provider, limit=limit)


def _row(sample: Sample) -> Sequence[str]:
    return (
        str(sample.id)[:8],
        moment(sample.taken_at),
        plain(sample.provider),
        str(sample.http_status),
        f"{sample.bytes_read:,}",
        plain(sample.said),
    )


def _form(sample: Sample) -> str:
    return plain(sample.content_type) if sample.content_type else UNKNOWN
