"""docs/reference/events.md has a row for every event type: its aggregate, version and payload."""

import re
from collections.abc import Iterator, Mapping

from tastemaker.events.names import FORMER_NAMES, Aggregate, EventType, Source
from tastemaker.events.payloads import Payload, payload_models
from tests.rules.markdown import table_rows
from tests.rules.source import ROOT

PAGE = "docs/reference/events.md"
COLUMNS = 6


def differences(page: str, models: Mapping[EventType, type[Payload]]) -> Iterator[str]:
    rows = [row for row in table_rows(page) if len(row) == COLUMNS]
    written = {row[0].strip("`"): row for row in rows}
    for event_type, model in models.items():
        row = written.pop(event_type.value, None)
        fields = ", ".join(f"`{name}`" for name in model.model_fields)
        expected = [f"`{event_type}`", f"`{model.aggregate}`", str(model.version), fields]
        if row is None or list(row[:4]) != expected:
            yield f"{PAGE} lacks | {' | '.join(expected)} | … | … |"
        elif not all(row[4:]):
            yield f"{PAGE}: who writes {event_type}, and what does it mean?"
    yield from (f"{PAGE}: there is no event type `{name}`" for name in written)


def test_every_event_type_is_documented() -> None:
    found = list(differences((ROOT / PAGE).read_text(), payload_models()))
    assert not found, "\n" + "\n".join(found)


def test_every_word_is_documented() -> None:
    words = set(re.findall(r"`([a-z_]+)`", (ROOT / PAGE).read_text()))
    assert {*FORMER_NAMES, *(source.value for source in Source)} <= words
    assert {model.aggregate for model in payload_models().values()} <= set(Aggregate)


def test_every_event_type_has_its_model() -> None:
    assert payload_models().keys() == set(EventType)


def test_planted_differences_are_found() -> None:
    head = "| Type | Aggregate | Version | Payload | Written by | Means |\n|---|---|---|---|---|---|\n"
    row = "| `user_registered` | `user` | 1 | `plan` | accounts | somebody |\n"
    models = {EventType.USER_REGISTERED: payload_models()[EventType.USER_REGISTERED]}
    assert list(differences(head + row, models)) == []
    assert len(list(differences(head, models))) == 1
    assert len(list(differences(head + row.replace("`plan`", "`name`"), models))) == 1
    assert len(list(differences(head + row.replace("| 1 |", "| 2 |"), models))) == 1
    assert len(list(differences(head + row.replace("somebody", ""), models))) == 1
    assert len(list(differences(head + row + row.replace("user_registered", "gone"), models))) == 1
