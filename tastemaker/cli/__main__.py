"""`python -m tastemaker.cli` is the program too, where it is not installed."""

from tastemaker.cli import main

main()
