"""Enrichment: bio, e-mail, links and what else only the profile of a creator tells."""
