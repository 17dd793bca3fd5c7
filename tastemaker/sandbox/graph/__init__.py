"""Meta's Graph API, imitated as far as `business_discovery` goes."""

from tastemaker.sandbox.call import Answer
from tastemaker.sandbox.graph.discovery import discover

ROOT = "/graph"
"""What stands for the real service's version in a path."""

ANSWERS: dict[str, Answer] = {f"{ROOT}/{{ig_user_id}}": discover}
