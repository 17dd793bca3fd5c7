from datetime import timedelta

import pytest

from tastemaker.config_store.values import parse_duration
from tastemaker.core.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2s", 2), ("60m", 3600), ("24h", 86400), ("1d", 86400), ("250ms", 0.25), ("300000", 300), (" 5s ", 5)],
)
def test_a_number_and_its_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "s", "1.5h", "-1s", "1 h", "1w", "9" * 20 + "d", "9" * 12 + "d", "3651d", "1s\n2s"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="no duration"):
        parse_duration(text)
