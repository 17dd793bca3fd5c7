"""What the events of a person's account carry: profile, credentials, members."""

from tastemaker.events.names import Aggregate, EventType, Payload


class ProfileChanged(Payload):
    """Which fields of the profile a person changed; the values are in the row of the user."""

    event_type = EventType.PROFILE_CHANGED
    aggregate = Aggregate.USER

    fields: list[str]


class CredentialsChanged(Payload):
    """How somebody signs in has changed. `change`: attached, password, reset or email."""

    event_type = EventType.CREDENTIALS_CHANGED
    aggregate = Aggregate.USER

    change: str


class MemberJoined(Payload):
    """Somebody may act in the account of the aggregate from now on."""

    event_type = EventType.MEMBER_JOINED
    aggregate = Aggregate.USER

    member: str
    role: str


class MemberLeft(Payload):
    """Left, or was removed by the actor in the metadata; refused from the next request on."""

    event_type = EventType.MEMBER_LEFT
    aggregate = Aggregate.USER

    member: str
