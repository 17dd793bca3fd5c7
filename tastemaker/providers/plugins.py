"""Providers that other packages bring: found by their entry points, checked before they are believed.

A package that is installed runs in this process, so installing one is trusting it. It is given the settings
that it names and nothing else.
"""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from tastemaker.core.platforms import Platform
from tastemaker.providers.base import Adapter, Capability, ProfileLookup, Provider, RelatedLookup, UserSearch

GROUP: Final = "tastemaker.providers"
"""The entry point group. A point's value is a `ProviderPlugin`."""

CONTRACT: Final = 1
"""Raised when an adapter would have to be changed to keep working."""

METHODS: Final[Mapping[Capability, type]] = {
    Capability.KEYWORD_SEARCH: Provider,
    Capability.USER_SEARCH: UserSearch,
    Capability.PROFILE: ProfileLookup,
    Capability.SIMILAR: RelatedLookup,
}
_NAME = re.compile(r"[a-z][a-z0-9_]{1,48}")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{1,80}")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderPlugin:
    """A provider that can be had. `build` is called with the values of `needs`, once all of them are set.

    `needs` are names of environment variables. `name` is the declaration's, and stays: what was paid for and
    what was found is kept under it.
    """

    name: str
    platforms: frozenset[Platform]
    needs: tuple[str, ...]
    build: Callable[[Mapping[str, str]], Adapter]
    contract: int = CONTRACT


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownProvider:
    """A provider as this installation has it. `adapter` None: `missing` settings, or a `problem` in words."""

    name: str
    platforms: frozenset[Platform]
    needs: tuple[str, ...]
    package: str | None = None
    adapter: Adapter | None = None
    missing: tuple[str, ...] = ()
    problem: str | None = None


class _UnfitError(Exception):
    """Why a package's provider is not used, for the operator."""


def installed_plugins(environ: Mapping[str, str]) -> list[KnownProvider]:
    """By name. One that cannot be used is there with its problem, and does not harm the others."""
    known: dict[str, KnownProvider] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda one: (one.name, one.value)):
        found = _known(point, environ)
        if found.name in known:
            found = _broken(point, f"there is another provider with the name {found.name}")
        known.setdefault(found.name, found)
    return list(known.values())


def _known(point: EntryPoint, environ: Mapping[str, str]) -> KnownProvider:
    try:
        plugin = _loaded(point)
        missing = tuple(name for name in plugin.needs if not environ.get(name))
        adapter = None if missing else _built(plugin, environ)
    except _UnfitError as unfit:
        return _broken(point, str(unfit))
    except Exception as error:
        log.exception("the provider %s cannot be used", point.name)
        return _broken(point, f"it fails with {type(error).__name__}; the log says where")
    return KnownProvider(
        name=plugin.name,
        platforms=plugin.platforms,
        needs=plugin.needs,
        package=_package(point),
        adapter=adapter,
        missing=missing,
    )


def _loaded(point: EntryPoint) -> ProviderPlugin:
    plugin = point.load()
    if not isinstance(plugin, ProviderPlugin):
        raise _UnfitError(f"{point.value} is no ProviderPlugin")
    if plugin.contract != CONTRACT:
        raise _UnfitError(f"it was made for contract {plugin.contract}, this is contract {CONTRACT}")
    if not _NAME.fullmatch(plugin.name):
        raise _UnfitError("its name is not of small letters, digits and underscores")
    if not all(_VARIABLE.fullmatch(name) for name in plugin.needs):
        raise _UnfitError("what it needs are not names of environment variables")
    return plugin


def _built(plugin: ProviderPlugin, environ: Mapping[str, str]) -> Adapter:
    adapter = plugin.build({name: environ[name] for name in plugin.needs})
    declared = adapter.declaration
    if declared.name != plugin.name or declared.platforms != plugin.platforms:
        raise _UnfitError("its declaration has another name or other platforms than its entry")
    for capability in declared.capabilities:
        method = METHODS.get(capability)
        if method is not None and not isinstance(adapter, method):
            raise _UnfitError(f"it declares {capability} and has no method for it")
    return adapter


def _broken(point: EntryPoint, problem: str) -> KnownProvider:
    return KnownProvider(
        name=f"{point.name}", platforms=frozenset(), needs=(), package=_package(point), problem=problem
    )


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value
