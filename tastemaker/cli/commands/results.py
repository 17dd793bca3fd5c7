from typing import Annotated

import typer

from tastemaker.cli.help_page import Json
from tastemaker.searches.results.paging import Sort, make_filter


def results(
    reference: Annotated[
        str, typer.Argument(metavar="SEARCH|CAMPAIGN", help="An id, the start of one, or a campaign's name.")
    ],
    *,
    sort: Annotated[
        Sort, typer.Option("--sort", help="The largest first; position is the order of arrival.")
    ] = Sort.POSITION,
    min_followers: Annotated[
        int | None, typer.Option("--min-followers", metavar="N", help="Only with at least so many.")
    ] = None,
    max_followers: Annotated[
        int | None, typer.Option("--max-followers", metavar="N", help="Only with at most so many.")
    ] = None,
    has_email: Annotated[
        bool, typer.Option("--has-email", help="Only those who show an e-mail address.")
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option("--limit", metavar="N", min=1, help="How many; without it 20, and all with --json."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the creators that a search or a campaign found."""
    from tastemaker.cli.reading_commands import Question, show_results
    from tastemaker.cli.session import in_session

    wanted = make_filter(min_followers=min_followers, max_followers=max_followers, has_email=has_email)
    question = Question(reference=reference, sort=sort, wanted=wanted, limit=limit, as_json=as_json)
    in_session(lambda session: show_results(session, question))
