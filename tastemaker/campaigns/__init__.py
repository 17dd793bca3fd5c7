"""Campaigns: the containers in which a user organises searches."""
