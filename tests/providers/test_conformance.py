"""All of our adapters against the suite that the package ships for everybody's."""

import pytest

from tastemaker.providers.conformance import (
    ProfileConformance,
    ProfileWire,
    SearchConformance,
    SearchWire,
)
from tastemaker.providers.registry import BUILT_IN
from tests.providers.profile_wires import PROFILE_WIRES
from tests.providers.wires import SEARCH_WIRES


@pytest.mark.parametrize("wire", SEARCH_WIRES, ids=lambda wire: wire.name)
class TestSearches(SearchConformance):
    @pytest.fixture(autouse=True)
    def _speaks(self, wire: SearchWire) -> None:
        self.wire = wire


@pytest.mark.parametrize("wire", PROFILE_WIRES, ids=lambda wire: wire.name)
class TestProfiles(ProfileConformance):
    @pytest.fixture(autouse=True)
    def _speaks(self, wire: ProfileWire) -> None:
        self.wire = wire


def test_every_adapter_and_every_call_of_it_is_tried() -> None:
    adapters = [wire.build("http://127.0.0.1:9") for wire in (*SEARCH_WIRES, *PROFILE_WIRES)]
    assert {adapter.declaration.name for adapter in adapters} == set(BUILT_IN)
