from typing import Annotated

import typer

from tastemaker.cli.help_page import Json, group

app = group("What calls to providers cost, what they may cost, and what holds them back.")


@app.command("show")
def show_costs(
    *,
    by: Annotated[
        str,
        typer.Option("--by", metavar="WHAT", help="provider, user, campaign, search, day or month."),
    ] = "provider",
    user: Annotated[str | None, typer.Option("--user", metavar="ID", help="Only this user's.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="DATE", help="From this day on (UTC).")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="DATE", help="Up to and with this day (UTC).")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=1000)] = 50,
    as_json: Json = False,
) -> None:
    """Show what was spent, of the ledger of all calls."""
    from tastemaker.cli.cost_commands import show_spent
    from tastemaker.cli.session import in_session

    in_session(
        lambda session: show_spent(
            session, by=by, user=user, since=since, until=until, limit=limit, as_json=as_json
        )
    )


@app.command()
def budget(
    *,
    installation: Annotated[
        str | None,
        typer.Option("--installation", metavar="USD", help="What everybody's calls may cost a month."),
    ] = None,
    per_user: Annotated[
        str | None, typer.Option("--per-user", metavar="USD", help="What one user's calls may cost a month.")
    ] = None,
    user: Annotated[
        str | None, typer.Option("--user", metavar="ID", help="Show this user's, or set it with --own.")
    ] = None,
    own: Annotated[
        str | None,
        typer.Option("--own", metavar="USD", help="What this user's may cost; `default` is as each user's."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show this month's budgets, or set them; `none` is no limit."""
    from tastemaker.cli.cost_commands import Wanted, show_budgets
    from tastemaker.cli.session import in_session

    wanted = Wanted(installation=installation, per_user=per_user, user=user, own=own)
    in_session(lambda session: show_budgets(session, wanted, as_json=as_json))


@app.command()
def limits(*, as_json: Json = False) -> None:
    """Show each account at a provider: pauses, failures, calls under way, quotas."""
    from tastemaker.cli.limit_commands import show_limits
    from tastemaker.cli.session import in_session

    in_session(lambda session: show_limits(session, as_json=as_json))


@app.command()
def release(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="As `costs limits` names it.")],
    *,
    as_json: Json = False,
) -> None:
    """End an account's pause now: its credits are there again, or its quota was raised."""
    from tastemaker.cli.limit_commands import release as go
    from tastemaker.cli.session import in_session

    in_session(lambda session: go(session, account, as_json=as_json))
