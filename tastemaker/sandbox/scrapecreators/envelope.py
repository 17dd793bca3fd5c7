"""What every ScrapeCreators answer has around it, and its refusals. Some errors come with status 200."""

from tastemaker.core.platforms import Platform
from tastemaker.sandbox.call import Body, Refusal, SandboxCall
from tastemaker.sandbox.store import CreatorRow

FULL_ACCOUNT = 1_000_000
"""Credits at the beginning, where no quota is set."""


def envelope(call: SandboxCall) -> Body:
    start = FULL_ACCOUNT if call.faults.quota_after is None else call.faults.quota_after
    return {"success": True, "credits_remaining": max(0, start - call.number), "credits_charged": 1}


def refusal(status: int, error: str, message: str) -> Refusal:
    return Refusal(status, {"success": False, "error": error, "message": message})


def unauthorized() -> Refusal:
    return refusal(401, "unauthorized", "Your API key is missing or invalid.")


def out_of_credits() -> Refusal:
    body = {"success": False, "error": "insufficient_credits", "message": "You are out of credits."}
    return Refusal(402, body | {"credits_remaining": 0})


def rate_limited() -> Refusal:
    return refusal(429, "rate_limited", "Too many requests at once.")


def server_error(status: int) -> Refusal:
    return refusal(status, "server_error", "Something went wrong on our side.")


def required(call: SandboxCall, *names: str) -> str:
    """The first of these parameters that is there."""
    for name in names:
        text = call.text(name)
        if text is not None:
            return text
    raise refusal(400, "bad_request", f"Missing parameter: {' or '.join(names)}.")


def number(call: SandboxCall, name: str, usual: int, *, most: int | None = None) -> int:
    text = call.text(name)
    if text is None:
        return usual
    if not text.isascii() or not text.isdigit() or (most is not None and int(text) > most):
        raise refusal(400, "bad_request", f"Parameter {name} is not a number in its range.")
    return int(text)


def visible(call: SandboxCall, platform: Platform, creator: CreatorRow | None) -> CreatorRow:
    """The account, if it exists and shows itself; closed ones are refused with status 200."""
    if creator is None:
        raise refusal(404, "not_found", f"There is no such {platform} account.")
    if creator.state != "public":
        message = f"This {platform} account is {creator.state}."
        raise Refusal(
            200, envelope(call) | {"success": False, "error": f"account_{creator.state}", "message": message}
        )
    return creator
