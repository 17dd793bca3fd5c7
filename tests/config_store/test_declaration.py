"""What a key accepts, and what it says to whoever gives it something else."""

from datetime import timedelta
from decimal import Decimal

import pytest

from tastemaker.config_store.declaration import ConfigKey
from tastemaker.config_store.keys import STANDARD_JOB_TIMEOUT
from tastemaker.config_store.values import parse_duration, parse_value, write_duration, write_value
from tastemaker.core.errors import InvalidInput
from tastemaker.db.enums import ValueType

LEVEL: ConfigKey[str] = ConfigKey(
    category="logging", key="level", kind=ValueType.STRING, default="INFO", meaning="",
    least=None, most=None, choices=("INFO", "DEBUG"), hot=True,
)  # fmt: skip
SHARE: ConfigKey[Decimal] = ConfigKey(
    category="logging", key="share", kind=ValueType.NUMBER, default=Decimal("0.1"), meaning="",
    least=Decimal(0), most=Decimal(1), choices=(), hot=True,
)  # fmt: skip


@pytest.mark.parametrize("text", ["250ms", "90s", "60m", "24h", "30d", "0ms"])
def test_a_duration_is_written_so_that_it_is_read_again(text: str) -> None:
    assert parse_duration(write_duration(parse_duration(text))) == parse_duration(text)


def test_a_duration_is_written_in_its_largest_unit() -> None:
    written = [write_duration(parse_duration(text)) for text in ("60m", "24h", "90s", "1500", "30000")]
    assert written == ["1h", "1d", "90s", "1500ms", "30s"]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (ValueType.NUMBER, "0.1"),
        (ValueType.NUMBER, "-5"),
        (ValueType.BOOLEAN, "true"),
        (ValueType.STRING, "näh"),
    ],
)
def test_a_value_is_written_as_it_is_read(kind: ValueType, text: str) -> None:
    assert write_value(parse_value(text, kind)) == text


def test_a_decimal_stays_one() -> None:
    assert SHARE.parse("0.1") == Decimal("0.1"), "the original read 0"


@pytest.mark.parametrize(
    ("key", "text", "says"),
    [
        (
            STANDARD_JOB_TIMEOUT,
            "5s",
            "timeouts.standard_job_timeout is a duration from 10s to 7d; '5s' is not.",
        ),
        (
            STANDARD_JOB_TIMEOUT,
            "soon",
            "timeouts.standard_job_timeout: 'soon' is no duration; write a number",
        ),
        (SHARE, "1.1", "logging.share is a number from 0 to 1; '1.1' is not."),
        (SHARE, "NaN", "logging.share: 'NaN' is no number."),
        (SHARE, "1e999999999", "logging.share is a number from 0 to 1; '1e999999999' is not."),
        (LEVEL, "LOUD", "logging.level is one of INFO, DEBUG; 'LOUD' is not."),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(key: ConfigKey[object], text: str, says: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        key.parse(text)
    assert str(refused.value).startswith(says)


def test_a_timeout_is_a_span() -> None:
    assert STANDARD_JOB_TIMEOUT.parse("300000") == timedelta(minutes=5), "without a unit: milliseconds"
