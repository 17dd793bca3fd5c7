"""What this installation can ask: its live providers, the sandbox, and its key for suppressed people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import FastAPI, Request

from tastemaker.config_store.keys import YOUTUBE_CONTACTS_CONFIRMED
from tastemaker.core.errors import DatabaseUnavailable, InvalidInput
from tastemaker.core.platforms import Platform
from tastemaker.core.settings import Settings
from tastemaker.providers.base import Declaration
from tastemaker.providers.registry import Registry, sandbox_lookups, sandbox_providers
from tastemaker.searches.types import LIVE, SANDBOX, SearchRequest

_NAME: Final = "installation"
_NO_CALL: Final = "http://127.0.0.1"


@dataclass(frozen=True, slots=True)
class Installation:
    """`registry`: the live providers under the operator's confirmations."""

    settings: Settings
    registry: Registry

    def declarations(self, source: str) -> Mapping[Platform, Declaration]:
        """What the adapters say of themselves that a search of this source asks; nothing is started."""
        providers = self.registry.searches if source == LIVE else sandbox_providers(_NO_CALL)
        return {platform: provider.declaration for platform, provider in providers.items()}

    @property
    def profile_source(self) -> str:
        """Where the profiles of a campaign come from."""
        return LIVE if self.registry.lookups else SANDBOX

    def profile_declarations(self, source: str) -> Mapping[Platform, Declaration]:
        """The same of those that tell profiles."""
        lookups = self.registry.lookups if source == LIVE else sandbox_lookups(_NO_CALL)
        return {platform: adapter.declaration for platform, adapter in lookups.items()}

    def without_region(
        self, source: str, platforms: Sequence[Platform], region: str | None
    ) -> Sequence[Platform]:
        """The platforms whose provider ignores the region, where one is given."""
        declared = self.declarations(source)
        return [one for one in platforms if region is not None and not declared[one].takes_region]

    def refuse_unmatchable(self, source: str, requests: Sequence[SearchRequest]) -> None:
        """Raises InvalidInput where a criterion is about what a provider may not tell here."""
        declared = self.declarations(source)
        for request in requests:
            criteria, policy = request.criteria, declared[request.platform].policy
            if criteria is not None and criteria.has_email and not policy.contacts:
                raise InvalidInput(
                    f"Live {request.platform.value} tells no e-mail here, so nobody would match."
                    f" An administrator confirms the permission by {YOUTUBE_CONTACTS_CONFIRMED.name}."
                )

    def refuse_without_key(self, platform: Platform, *, instead: str = " Set it.") -> None:
        """Raises InvalidInput where no provider searches the platform live."""
        if platform not in self.registry.searches:
            need = self.registry.needed_for(platform)
            raise InvalidInput(f"To search {platform.value} live, {need} is needed.{instead}")


def put_installation(app: FastAPI, installation: Installation) -> None:
    setattr(app.state, _NAME, installation)


def installation_of(request: Request) -> Installation:
    """Raises DatabaseUnavailable while the process is still starting."""
    found = getattr(request.app.state, _NAME, None)
    if not isinstance(found, Installation):
        raise DatabaseUnavailable("The server is starting; try again in a moment.")
    return found
