"""Tastemaker: self-hosted influencer discovery on PostgreSQL."""

__version__ = "0.1.0"
