from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tastemaker.cli.help_page import Json


class Format(StrEnum):
    CSV = "csv"


def export(
    reference: Annotated[
        str, typer.Argument(metavar="SEARCH|CAMPAIGN", help="An id, the start of one, or a campaign's name.")
    ],
    *,
    file_format: Annotated[  # noqa: ARG001 - there is one, and Typer has checked it
        Format, typer.Option("--format", help="The kind of file.")
    ] = Format.CSV,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where to; - is standard output. Without it a new file here.",
        ),
    ] = None,
    bom: Annotated[bool, typer.Option("--bom", help="Begin with a byte order mark, for Excel.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
    as_json: Json = False,
) -> None:
    """Write the creators that a search or a campaign found into a file."""
    from tastemaker.cli.output_path import STANDARD_OUTPUT, refuse_unwritable
    from tastemaker.cli.reading_commands import Order
    from tastemaker.cli.reading_commands import export as write
    from tastemaker.cli.session import in_session
    from tastemaker.core.errors import InvalidInput

    if as_json and output == STANDARD_OUTPUT:
        raise InvalidInput("With --json standard output is taken; name a file with -o.")
    refuse_unwritable(output, overwrite=overwrite)
    order = Order(reference=reference, output=output, bom=bom, overwrite=overwrite, as_json=as_json)
    in_session(lambda session: write(session, order))
