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


class OnboardingAdvanced(Payload):
    """A step after the first and before the end."""

    event_type = EventType.ONBOARDING_ADVANCED
    aggregate = Aggregate.ONBOARDING

    step: str


class DataExported(Payload):
    """Somebody took along everything that is held about the person of the aggregate."""

    event_type = EventType.DATA_EXPORTED
    aggregate = Aggregate.USER
