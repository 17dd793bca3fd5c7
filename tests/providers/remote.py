"""The server that misbehaves is part of the conformance suite, which is in the package."""

from tastemaker.providers.conformance.remote import (
    Asked,
    Remote,
    Reply,
    Script,
    always,
    as_json,
    listening,
)

__all__ = ["Asked", "Remote", "Reply", "Script", "always", "as_json", "listening"]
