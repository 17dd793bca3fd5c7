"""Reads creators and posts from tables as people have them: any layout, dirty numbers, shifted columns."""
