"""Creators that searches leave out: a user's exclusions and the operator's suppressions."""
