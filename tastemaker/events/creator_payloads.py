"""What events of creators carry: imported, merged, suppressed."""

from tastemaker.events.names import Aggregate, EventType, Payload


class CreatorsImported(Payload):
    """A file was imported into the campaign: `added` creators that it did not have, of so many rows."""

    event_type = EventType.CREATORS_IMPORTED
    aggregate = Aggregate.CAMPAIGN

    import_id: str
    rows: int
    added: int
    refused: int


class CreatorMerged(Payload):
    """A creator known by its handle alone is the account, the aggregate, that a provider showed under it.

    `searches` held both and hold one now; the aggregate is the catalog's id.
    """

    event_type = EventType.CREATOR_MERGED
    aggregate = Aggregate.CREATOR

    platform: str
    searches: int
    charges_given_back: int


class CreatorSuppressed(Payload):
    """The aggregate is the keyed hash of who it is; `searches` held them until then."""

    event_type = EventType.CREATOR_SUPPRESSED
    aggregate = Aggregate.CREATOR

    platform: str
    searches: int


class SuppressionLifted(Payload):
    event_type = EventType.SUPPRESSION_LIFTED
    aggregate = Aggregate.CREATOR

    platform: str
