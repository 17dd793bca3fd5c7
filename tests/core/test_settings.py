"""What the environment says, and what is said where it cannot be understood."""

import pytest

from tastemaker.core.errors import InvalidInput
from tastemaker.core.settings import Settings, get_settings


@pytest.mark.parametrize(
    "variable", ["TASTEMAKER_POOL_PROFILE", "TASTEMAKER_SANDBOX_SEED", "TASTEMAKER_LOG_LEVEL"]
)
def test_a_refusal_names_the_variable_and_never_its_value(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "canary")
    get_settings.cache_clear()
    with pytest.raises(InvalidInput) as raised:
        get_settings()
    assert str(raised.value) == f"A setting in the environment cannot be understood: {variable}."
    get_settings.cache_clear()


def test_a_log_level_may_be_written_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASTEMAKER_LOG_LEVEL", "debug")
    assert Settings().log_level == "DEBUG"
