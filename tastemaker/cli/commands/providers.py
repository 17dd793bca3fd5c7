from typing import Annotated

import typer

from tastemaker.cli.help_page import Json, Limit, group

app = group("The services that creators come from, and which of them answers.")


@app.command("list")
def show_all(*, as_json: Json = False) -> None:
    """Show every provider in the order in which they are asked, and what each is used for."""
    from tastemaker.cli.provider_commands import show_providers

    show_providers(as_json=as_json)


@app.command()
def samples(
    sample: Annotated[
        str | None, typer.Argument(metavar="SAMPLE", help="The beginning of its id; none: all of them.")
    ] = None,
    *,
    provider: Annotated[
        str | None, typer.Option("--provider", metavar="NAME", help="Only what this one sent.")
    ] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Show what providers sent that could not be understood, the latest first, or one of them in full."""
    from tastemaker.cli.sample_commands import show_sample, show_samples
    from tastemaker.cli.session import in_session

    if sample is None:
        in_session(lambda session: show_samples(session, provider=provider, limit=limit, as_json=as_json))
    else:
        in_session(lambda session: show_sample(session, sample, as_json=as_json))
