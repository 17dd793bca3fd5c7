"""The command line: parse, one verb, print. `main` is the program, `app` its commands."""

from tastemaker.cli.program import app, main

__all__ = ["app", "main"]
