"""Goes with its last caller."""

from tastemaker.db.bridge import Later, Message, in_one_message

__all__ = ["Later", "Message", "in_one_message"]
