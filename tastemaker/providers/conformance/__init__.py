"""What every provider must do, as tests: for ours and for those of other packages. Needs pytest.

    from tastemaker.providers.conformance import SearchConformance, SearchWire

    class TestMySearch(SearchConformance):
        wire = SearchWire(...)

A wire is a provider's format: how an item of it looks, where our fields lie in it, and how pages are made of
items. The tests speak to the adapter over real HTTP on loopback. Nothing of it is imported by the product.
"""

import pytest

pytest.register_assert_rewrite(
    "tastemaker.providers.conformance.profiles",
    "tastemaker.providers.conformance.searches",
    "tastemaker.providers.conformance.failures",
    "tastemaker.providers.conformance.failures",
)

from tastemaker.providers.conformance.profiles import ProfileConformance  # noqa: E402 - after the line above
from tastemaker.providers.conformance.remote import (  # noqa: E402 - the same
    Asked,
    Remote,
    Reply,
    Script,
    always,
    as_json,
)
from tastemaker.providers.conformance.searches import SearchConformance  # noqa: E402 - the same
from tastemaker.providers.conformance.wires import (  # noqa: E402 - the same
    KEY,
    Field,
    Item,
    ProfileWire,
    SearchWire,
)

__all__ = [
    "KEY",
    "Asked",
    "Field",
    "Item",
    "ProfileConformance",
    "ProfileWire",
    "Remote",
    "Reply",
    "Script",
    "SearchConformance",
    "SearchWire",
    "always",
    "as_json",
]
