"""Why PostgreSQL does not let us in, out of the many lines in which libpq says so."""

import psycopg


def reason_of(error: psycopg.Error) -> str:
    """The last thing that libpq says; its questions ("Is the server running ...?") are no reasons."""
    lines = [line.strip() for line in str(error).splitlines()]
    said = [line for line in lines if line and not line.endswith("?")]
    return said[-1] if said else type(error).__name__
