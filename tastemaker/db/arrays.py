"""Lists on their way to the server: those of plain strings or numbers are written as one text.

psycopg writes them item by item, and a page of a search sends seven lists of fifty.
"""

from collections.abc import Sequence
from typing import Any

from psycopg.abc import Buffer
from psycopg.types.array import ListDumper


class QuickListDumper(ListDumper):
    """The same arrays; what is not plain goes psycopg's way. Registered for every pooled connection."""

    def dump(self, obj: list[Any]) -> Buffer | None:
        types = set(map(type, obj))
        if types == {int}:
            return f"{{{','.join(map(str, obj))}}}".encode()
        plain = self.sub_dumper.dump('","'.join(obj)) if types == {str} and self.sub_dumper else None
        if plain is None or not _needs_no_escape(bytes(plain), obj):
            return super().dump(obj)
        return b'{"' + plain + b'"}'


def _needs_no_escape(plain: bytes, items: Sequence[str]) -> bool:
    return b"\\" not in plain and plain.count(b'"') == 2 * (len(items) - 1)
