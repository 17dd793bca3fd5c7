"""`tastemaker providers list`: who could answer, who does, and what a page of theirs costs."""

from collections.abc import Sequence
from dataclasses import asdict

from tastemaker.cli import screen
from tastemaker.cli.listing_commands import show_table
from tastemaker.cli.numbers import UNKNOWN
from tastemaker.cli.plain_text import plain
from tastemaker.cli.table import Column
from tastemaker.core.platforms import Platform
from tastemaker.core.settings import get_settings
from tastemaker.providers.base import Capability, Cost, Declaration
from tastemaker.providers.plugins import KnownProvider
from tastemaker.providers.registry import Registry, load_registry

COLUMNS = (
    Column(title="Provider", least=16),
    Column(title="Platform", least=8, rank=2),
    Column(title="Used for", least=14, most=70),
    Column(title="A page costs", least=12, rank=1),
    Column(title="Brought by", least=8, most=30, rank=3, style="dim"),
)
MICROS = 1_000_000


def show_providers(*, as_json: bool) -> None:
    """No database and no call is needed."""
    registry = load_registry(get_settings())
    if as_json:
        screen.write_json({"providers": [_document(registry, one) for one in registry.known]})
        return
    show_table(COLUMNS, [_row(registry, one) for one in registry.known])
    for one in registry.known:
        if one.problem:
            screen.say(f"{plain(one.name)} is not used: {plain(one.problem)}.", style="yellow")


def price(cost: Cost) -> str:
    """`$0.0019`, or the calls where no money is known to be asked for."""
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
