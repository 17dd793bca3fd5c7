"""The command line: parse, one verb, print. `main` is the program, from its first moment on."""

from tastemaker.cli.process import main

__all__ = ["main"]
