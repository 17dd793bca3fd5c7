"""Searches for creators like one: what they look at, and how the best of it becomes their result."""
