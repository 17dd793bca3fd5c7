"""Rows as the JSON of `--json`: every field by its name, exact numbers, times in UTC."""

from dataclasses import asdict
from typing import Any

from tastemaker.campaigns.queries import Campaign
from tastemaker.searches.results.queries import FoundCreator
from tastemaker.searches.types import Run, Search

Document = dict[str, Any]


def campaign_document(campaign: Campaign) -> Document:
    return asdict(campaign)


def search_document(search: Search) -> Document:
    document = asdict(search)
    del document["user_id"]
    return document


def run_document(run: Run) -> Document:
    return asdict(run)


def creator_document(found: FoundCreator) -> Document:
    return asdict(found)
