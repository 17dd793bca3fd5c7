"""`python -m tastemaker.cli` is the program too, where it is not installed."""

from tastemaker.cli.program import main

main()
