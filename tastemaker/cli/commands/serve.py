from typing import Annotated

import typer

from tastemaker.cli.help_page import Json


def serve(
    *,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="Where to listen; 0.0.0.0 is everywhere.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", metavar="N", min=0, max=65535, help="0 is a free one.")
    ] = 8000,
    proxies: Annotated[
        str | None,
        typer.Option("--proxies", metavar="ADDRESSES", help="Whose X-Forwarded headers are believed."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Serve the HTTP interface until Ctrl-C."""
    from tastemaker.cli.serve_command import serve as go

    go(host=host, port=port, proxies=proxies, as_json=as_json)
