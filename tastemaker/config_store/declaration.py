"""A configuration key: declared once, with its type, its bounds and its meaning."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final, Generic, TypeVar, cast

from tastemaker.config_store.values import Value, parse_value, write_value
from tastemaker.core.errors import InvalidInput
from tastemaker.db.enums import ValueType

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ConfigKey(Generic[T]):
    """`configuration[KEY]` is its value. `least` and `most` are inclusive; None is no bound.

    `whole`: a number without a fraction. `hot`: a
    change takes effect without a restart. Keys are compared by identity, so that reading one costs a
    look-up and no more.
    """

    category: str
    key: str
    kind: ValueType
    default: T
    meaning: str
    least: T | None
    most: T | None
    choices: tuple[str, ...]
    whole: bool = False
    hot: bool

    @property
    def name(self) -> str:
        return f"{self.category}.{self.key}"

    def parse(self, text: str) -> T:
        """Raises InvalidInput that names the key and says what would be accepted."""
        try:
            value = cast("T", parse_value(text, self.kind))
        except InvalidInput as error:
            raise InvalidInput(f"{self.name}: {error}") from None
        if not self._fits(value):
            raise InvalidInput(f"{self.name} is {self.range}; {text[:40]!r} is not.")
        return value

    def write(self, value: T) -> str:
        return write_value(cast("Value", value))

    @property
    def range(self) -> str:
        """What is accepted, for a person: `a number from 1 to 100`."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        what = "a whole number" if self.whole else _WORDS[self.kind]
        low, high = (None if bound is None else self.write(bound) for bound in (self.least, self.most))
        if low is not None and high is not None:
            return f"{what} from {low} to {high}"
        if low is not None:
            return f"{what} of at least {low}"
        return what if high is None else f"{what} of at most {high}"

    def _fits(self, value: Any) -> bool:  # noqa: ANN401 - whatever its kind holds; only like is compared with like
        if (self.choices and value not in self.choices) or (self.whole and value % 1):
            return False
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)


DECLARED: Final[dict[tuple[str, str], ConfigKey[Any]]] = {}
"""Every key, by category and key, in the order of declaration."""


def number_key(
    category: str,
    key: str,
    *,
    default: int,
    meaning: str,
    least: int = 0,
    most: int,
    hot: bool = True,
) -> ConfigKey[Decimal]:
    """It counts something. A slip of the keyboard must not be more than the database's integers hold."""
    bounds = (Decimal(least), Decimal(most))
    return _declare(category, key, ValueType.NUMBER, Decimal(default), meaning, *bounds, whole=True, hot=hot)


def budget_key(category: str, key: str, *, meaning: str) -> ConfigKey[Decimal]:
    """An amount of money; -1, which is the default, is no limit."""
    none, most = Decimal(-1), Decimal(1_000_000_000)
    return _declare(category, key, ValueType.NUMBER, none, meaning, none, most, hot=True)


def duration_key(
    category: str,
    key: str,
    *,
    default: timedelta,
    meaning: str,
    least: timedelta = timedelta(0),
    most: timedelta | None = None,
    hot: bool = True,
) -> ConfigKey[timedelta]:
    return _declare(category, key, ValueType.DURATION, default, meaning, least, most, hot=hot)


def flag_key(category: str, key: str, *, default: bool, meaning: str, hot: bool = True) -> ConfigKey[bool]:
    return _declare(category, key, ValueType.BOOLEAN, default, meaning, None, None, hot=hot)


def text_key(
    category: str,
    key: str,
    *,
    default: str,
    meaning: str,
    choices: tuple[str, ...] = (),
    hot: bool = True,
) -> ConfigKey[str]:
    return _declare(category, key, ValueType.STRING, default, meaning, None, None, choices=choices, hot=hot)


def _declare(  # noqa: PLR0913 - what a declaration says
    category: str,
    key: str,
    kind: ValueType,
    default: T,
    meaning: str,
    least: T | None,
    most: T | None,
    *,
    hot: bool,
    choices: tuple[str, ...] = (),
    whole: bool = False,
) -> ConfigKey[T]:
    declared = ConfigKey(
        category=category,
        key=key,
        kind=kind,
        default=default,
        meaning=meaning,
        least=least,
        most=most,
        choices=choices,
        whole=whole,
        hot=hot,
    )
    if DECLARED.setdefault((category, key), declared) is not declared:
        raise ValueError(f"{declared.name} is declared twice")
    return declared


_WORDS: Final = {
    ValueType.NUMBER: "a number",
    ValueType.DURATION: "a duration",
    ValueType.BOOLEAN: "true or false",
    ValueType.STRING: "a text",
}
