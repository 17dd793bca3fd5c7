import pytest

from tastemaker.core.numbers import AmbiguousNumber, UnclearNumber, read_count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("7,654.5K", 7_654_500),
        ("420 K", 420_000),
        ("3,4 mln", 3_400_000),
        ("16,7 Mio.", 16_700_000),
        ("2,5 Mrd", 2_500_000_000),
        ("5,5 mil", 5_500),
        ("12.5 B", 12_500_000_000),
        ("12,34,567", 1_234_567),
        ("1.2E+07", 12_000_000),
        ("3.5억", 350_000_000),
        ("1.234 Abonnenten", 1_234),
        ("633.00", 633),
    ],
)
def test_a_count_is_read_by_one_rule(text: str, count: int) -> None:
    assert read_count(text) == count


@pytest.mark.parametrize(
    "text", ["4,321K", "45,678K", "4.321M", "0.700", "0,321", "7,5 B", "3,5 billion", "5 mil"]
)
def test_what_could_be_two_numbers_is_refused(text: str) -> None:
    with pytest.raises(AmbiguousNumber, match="two numbers"):
        read_count(text)


@pytest.mark.parametrize("text", ["", "many", "-5", "+5", "1K+", "12 apples", "1.23.4", "348.5", "9" * 20])
def test_what_is_no_count_is_refused(text: str) -> None:
    with pytest.raises(UnclearNumber):
        read_count(text)
