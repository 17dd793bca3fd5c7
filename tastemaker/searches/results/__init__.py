"""Found creators: read page by page, and exported."""
