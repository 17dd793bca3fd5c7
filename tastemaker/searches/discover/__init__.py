"""Discover: the creators that the installation has found before, searched for nothing."""
