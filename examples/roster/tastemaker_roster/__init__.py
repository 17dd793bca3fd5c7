"""A provider for Tastemaker: creators on Instagram out of an agency's own roster, over its REST service.

The service is made up. It answers `GET /creators?q=…&page=…` with `{"results": [...], "next_page": 2}` and
`GET /creator?handle=…` with one of these results, and wants its key in `Authorization`.
"""

from collections.abc import Mapping

from tastemaker.core.platforms import Platform
from tastemaker.providers.base import Adapter
from tastemaker.providers.plugins import ProviderPlugin
from tastemaker_roster.adapter import Roster

__all__ = ["PROVIDER", "Roster"]


def build(settings: Mapping[str, str]) -> Adapter:
    return Roster(settings["ROSTER_API_KEY"], base_url=settings["ROSTER_URL"])


PROVIDER = ProviderPlugin(
    name="roster",
    platforms=frozenset({Platform.INSTAGRAM}),
    needs=("ROSTER_API_KEY", "ROSTER_URL"),
    build=build,
)
