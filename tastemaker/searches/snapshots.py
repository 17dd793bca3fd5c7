"""A search as it is now, for the log: whoever rebuilds it from its events begins there."""

from sqlalchemy import RowMapping

from tastemaker.core.ids import new_id
from tastemaker.events.names import Source
from tastemaker.events.payloads import SearchSnapshot
from tastemaker.events.service import NewEvent


def snapshot(search: RowMapping, source: Source) -> NewEvent:
    """Written when what a search holds changes in any other way than by a page."""
    return NewEvent(
        payload=SearchSnapshot(
            campaign_id=search["campaign_id"],
            platform=search["platform"],
            target=search["target_results"],
            status=search["status"],
            outcome=search["outcome"],
            stored=search["processed_results"],
            pages=search["processed_runs"],
        ),
        aggregate_id=str(search["id"]),
        identifier=str(new_id()),
        source=source,
        tenant_id=search["user_id"],
    )
