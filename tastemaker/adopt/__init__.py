"""Brings the original product's database over: its tables step aside, ours are built, every row is mapped.

`docs/operating/adoption.md` says what an operator sees; decision record "adoption" says why it works so.
"""
