"""docs/reference/emails.md has a row for every e-mail, with the previews of it."""

from collections.abc import Iterable, Iterator

from tastemaker.db.enums import EmailStatus
from tastemaker.mail.kinds import KINDS, Kind
from tastemaker.mail.sequence import AT_SIGN_UP, AT_TRIAL_START
from tests.rules.markdown import table_rows
from tests.rules.source import ROOT

PAGE = "docs/reference/emails.md"
COLUMNS = 5


def row_of(kind: Kind) -> list[str]:
    name = kind.type.value
    previews = f"[HTML](emails/{name}.html), [text](emails/{name}.txt)"
    return [f"`{name}`", kind.cause, "yes" if kind.is_marketing else "no", previews, kind.meaning]


def differences(page: str, kinds: Iterable[Kind]) -> Iterator[str]:
    rows = [list(row) for row in table_rows(page) if len(row) == COLUMNS and row[0].startswith("`")]
    expected = [row_of(kind) for kind in kinds]
    yield from (f"{PAGE} lacks | {' | '.join(row)} |" for row in expected if row not in rows)
    yield from (f"{PAGE}: there is no e-mail | {' | '.join(row)} |" for row in rows if row not in expected)


def test_every_email_is_documented() -> None:
    found = list(differences((ROOT / PAGE).read_text(), KINDS.values()))
    assert not found, "\n" + "\n".join(found)


def test_planted_differences_are_found() -> None:
    (kind, *_) = KINDS.values()
    head = "| Type | Scheduled by | Marketing | Preview | Meaning |\n|---|---|---|---|---|\n"
    row = f"| {' | '.join(row_of(kind))} |\n"
    assert not list(differences(head + row, [kind]))
    assert list(differences(head, [kind]))
    assert list(differences(head + row.replace(kind.cause, "chance"), [kind]))
    assert len(list(differences(head + row, []))) == 1


def test_every_status_is_documented() -> None:
    page = (ROOT / PAGE).read_text()
    assert not [status for status in EmailStatus if f"| `{status}` |" not in page]


def test_every_delay_is_documented() -> None:
    page = (ROOT / PAGE).read_text()
    for email, delay in (*AT_SIGN_UP, *AT_TRIAL_START):
        assert f"| `{email}` | `{delay.name}` (" in page, f"{PAGE}: when is {email} due?"
