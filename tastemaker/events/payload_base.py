"""What every event's payload model is."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from tastemaker.events.names import Aggregate, EventType


class Payload(BaseModel):
    """A version rises when a reader of the old form would misread the new one.

    Version 1 of what the original product wrote under the same name is the original's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    event_type: ClassVar[EventType]
    aggregate: ClassVar[Aggregate]
    version: ClassVar[int] = 1
