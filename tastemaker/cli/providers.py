"""`tastemaker providers …`: who answers, what a page costs, and answers that could not be understood."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from tastemaker.cli import screen
from tastemaker.cli.groups import group
from tastemaker.cli.listing import Listing, show_table
from tastemaker.cli.options import Json, Limit
from tastemaker.cli.plain_text import plain
from tastemaker.cli.session import Session, with_session
from tastemaker.cli.table import Column
from tastemaker.core.display import UNKNOWN, moment
from tastemaker.core.errors import NotFound
from tastemaker.core.platforms import Platform
from tastemaker.core.settings import get_settings
from tastemaker.db.claims import SYSTEM
from tastemaker.db.transaction import transaction
from tastemaker.providers.base import Capability, Cost, Declaration
from tastemaker.providers.plugins import KnownProvider
from tastemaker.providers.registry import Registry, load_registry
from tastemaker.providers.samples import KEPT_DAYS, Sample, list_samples

providers_app = group("providers")

PROVIDER_COLUMNS = (
    Column(title="Provider", least=16),
    Column(title="Platform", least=8, rank=2),
    Column(title="Used for", least=14, most=70),
    Column(title="A page costs", least=12, rank=1),
    Column(title="Brought by", least=8, most=30, rank=3, style="dim"),
)

SAMPLE_COLUMNS = (
    Column(title="Sample", least=8),
    Column(title="Came (UTC)", least=16, rank=2),
    Column(title="Provider", least=12, most=40),
    Column(title="Status", right=True, rank=1),
    Column(title="Bytes", right=True, rank=3),
    Column(title="Why", least=20, most=90, style="dim"),
)
MICROS = 1_000_000
MOST_SAMPLES = 10_000


def _sample_row(sample: Sample) -> Sequence[str]:
    return (
        str(sample.id)[:8],
        moment(sample.taken_at),
        plain(sample.provider),
        str(sample.http_status),
        f"{sample.bytes_read:,}",
        plain(sample.said),
    )


SAMPLES = Listing(
    "samples",
    SAMPLE_COLUMNS,
    _sample_row,
    empty=f"In the last {KEPT_DAYS} days every answer could be understood.",
)


@providers_app.command("list")
def show_providers(*, as_json: Json = False) -> None:
    """Show the providers in their order of use, and the capabilities of each."""
    registry = load_registry(get_settings())
    if as_json:
        screen.write_json({"providers": [_document(registry, one) for one in registry.known]})
        return
    show_table(PROVIDER_COLUMNS, [_row(registry, one) for one in registry.known])
    for one in registry.known:
        if one.problem:
            screen.say(f"{plain(one.name)} is not used: {plain(one.problem)}.", style="yellow")


@providers_app.command("samples")
@with_session
async def show_samples(
    session: Session,
    sample: Annotated[
        str | None, typer.Argument(metavar="SAMPLE", help="The start of an id (default: list all).")
    ] = None,
    *,
    provider: Annotated[
        str | None, typer.Option("--provider", metavar="NAME", help="Only samples of this provider.")
    ] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Show provider responses that could not be parsed, the latest first, or one in full."""
    async with transaction(session.database, SYSTEM) as tx:
        if sample is None:
            samples = await list_samples(tx, provider=provider, limit=limit)
        else:
            samples = await list_samples(tx, provider=None, limit=MOST_SAMPLES)
    if sample is None:
        SAMPLES.show(samples, as_json=as_json)
    else:
        _show_sample(samples, sample, as_json=as_json)


def _show_sample(samples: Sequence[Sample], reference: str, *, as_json: bool) -> None:
    """Raises NotFound."""
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


def _form(sample: Sample) -> str:
    return plain(sample.content_type) if sample.content_type else UNKNOWN


def price(cost: Cost) -> str:
    """`$0.0019`, or the number of calls where no price is known."""
    if cost.micros_usd:
        return f"${cost.micros_usd / MICROS:.4f}"
    return "1 call" if cost.calls == 1 else f"{cost.calls} calls"


def used_for(registry: Registry, known: KnownProvider) -> dict[Platform, list[Capability]]:
    """What this provider and no other before it answers."""
    return {
        platform: [
            capability
            for capability in Capability
            if known.adapter and registry.adapter_for(platform, capability) is known.adapter
        ]
        for platform in sorted(known.platforms)
    }


def _row(registry: Registry, known: KnownProvider) -> Sequence[str]:
    declared = known.adapter.declaration if known.adapter else None
    return (
        plain(known.name),
        ", ".join(sorted(known.platforms)) or UNKNOWN,
        _state(registry, known),
        price(declared.cost_per_page) if declared else UNKNOWN,
        plain(known.package) if known.package else "built in",
    )


def _state(registry: Registry, known: KnownProvider) -> str:
    if known.problem:
        return "not usable"
    if known.name in registry.never:
        return "nothing: excluded"
    if known.missing:
        return f"nothing: needs {', '.join(known.missing)}"
    used = {capability for some in used_for(registry, known).values() for capability in some}
    return (
        ", ".join(one.replace("_", " ") for one in Capability if one in used) or "nothing: others come first"
    )


def _document(registry: Registry, known: KnownProvider) -> dict[str, object]:
    return {
        "name": known.name,
        "platforms": sorted(known.platforms),
        "package": known.package,
        "needs": known.needs,
        "missing": known.missing,
        "problem": known.problem,
        "excluded": known.name in registry.never,
        "used_for": used_for(registry, known),
        "declaration": _declared(known.adapter.declaration) if known.adapter else None,
    }


def _declared(declaration: Declaration) -> dict[str, object]:
    """Without `account`, which is of no use to a reader."""
    document = asdict(declaration)
    del document["account"]
    document["platforms"] = sorted(declaration.platforms)
    document["capabilities"] = sorted(declaration.capabilities)
    return document
