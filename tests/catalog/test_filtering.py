"""The filter of creators as people write it: ranges, and names that do not exist."""

import pytest

from tastemaker.catalog.filtering import UnknownFilter, read_range, refuse_unknown
from tastemaker.core.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("10k-100k", (10_000, 100_000)), ("10k-", (10_000, None)), ("-1.5M", (None, 1_500_000)),
        ("500", (500, None)), ("1,000\u20132,000", (1_000, 2_000)),
    ],
)  # fmt: skip
def test_a_range_is_read(text: str, limits: tuple[int | None, int | None]) -> None:
    assert read_range("followers", text) == limits


@pytest.mark.parametrize("text", ["", "many", "100k-10k", "1-2-3"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="followers"):
        read_range("followers", text)


def test_an_unknown_filter_names_the_nearest() -> None:
    known = ("platform", "min_followers", "max_followers", "language")
    with pytest.raises(UnknownFilter, match=r"did you mean min_followers\?"):
        refuse_unknown(["language", "min-folowers"], known=known, elsewhere={})
    with pytest.raises(UnknownFilter, match="keyword is a filter of results, not of this; there are lang"):
        refuse_unknown(["keyword"], known=known, elsewhere={"keyword": "results"})
    refuse_unknown(known, known=known, elsewhere={})
