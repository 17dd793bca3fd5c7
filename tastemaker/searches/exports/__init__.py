"""Exports of found creators as files: small ones at once, large ones in the background."""
