"""Money at providers: whole millionths of a US dollar inside, dollars for a person."""

from decimal import Decimal, InvalidOperation
from typing import Final

from tastemaker.core.errors import InvalidInput

MICROS: Final = 1_000_000
MOST_DOLLARS: Final = Decimal(1_000_000_000)


def dollars(micros_usd: int) -> str:
    """`$5.00`, `$0.00188`: as many digits as it takes, at least cents."""
    whole, _, rest = f"{Decimal(micros_usd) / MICROS:,.6f}".rstrip("0").partition(".")
    return f"${whole}.{rest:0<2}"


def parse_dollars(text: str) -> int:
    """Micros. Raises InvalidInput for what is no amount, is negative, or finer than a micro."""
    try:
        amount = Decimal(text.strip().removeprefix("$"))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or not 0 <= amount <= MOST_DOLLARS or amount * MICROS % 1:
        raise InvalidInput(f"{text[:40]!r} is no amount in US dollars, such as 5 or 0.25.")
    return int(amount * MICROS)
