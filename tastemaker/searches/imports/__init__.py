"""Imports of files: creators and results that other tools have, as rows of a campaign."""
