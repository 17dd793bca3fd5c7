from typing import Annotated

import typer

from tastemaker.cli.help_page import Json, Limit, group

app = group("The work behind everything: what waits, what runs, what was given up.")

Reference = Annotated[str, typer.Argument(metavar="JOB", help="An id, or the start of one.")]
Type = Annotated[str | None, typer.Option("--type", metavar="NAME", help="Only jobs of this type.")]


@app.command("list")
def show_all(
    *,
    status: Annotated[
        str | None,
        typer.Option("--status", metavar="WORD", help="pending, processing, completed, failed or cancelled."),
    ] = None,
    job_type: Type = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Show jobs, the newest first. Those that failed for good: --status failed."""
    from tastemaker.cli.job_commands import show_jobs
    from tastemaker.cli.session import in_session

    in_session(
        lambda session: show_jobs(session, status=status, job_type=job_type, limit=limit, as_json=as_json)
    )


@app.command("show")
def show_one(job: Reference, *, as_json: Json = False) -> None:
    """Show a job: what it carries, how often it was tried, and why it failed."""
    from tastemaker.cli.job_commands import show_job
    from tastemaker.cli.session import in_session

    in_session(lambda session: show_job(session, job, as_json=as_json))


@app.command()
def retry(
    job: Annotated[
        str | None, typer.Argument(metavar="[JOB]", help="An id, or the start of one; none is all of a type.")
    ] = None,
    *,
    job_type: Type = None,
    as_json: Json = False,
) -> None:
    """Put a job that was given up back into the queue, or all of a type."""
    from tastemaker.cli.job_commands import retry as again
    from tastemaker.cli.session import in_session

    in_session(lambda session: again(session, job, job_type=job_type, as_json=as_json))


@app.command()
def cancel(job: Reference, *, as_json: Json = False) -> None:
    """Stop a job for good, whether it waits or runs."""
    from tastemaker.cli.job_commands import cancel as stop
    from tastemaker.cli.session import in_session

    in_session(lambda session: stop(session, job, as_json=as_json))
