"""The Graph API's refusals: a code inside, and nearly always the status 400."""

from tastemaker.sandbox.call import Refusal

_TRACE = "AbCdEfGhIjKlMnOpQrStUv"


def error(status: int, code: int, message: str, *, subcode: int | None = None) -> Refusal:
    inner = {"message": message, "type": "OAuthException", "code": code}
    if subcode is not None:
        inner["error_subcode"] = subcode
    return Refusal(status, {"error": inner | {"fbtrace_id": _TRACE}})


def token_refused() -> Refusal:
    return error(401, 190, "Invalid OAuth access token - Cannot parse access token", subcode=463)


def rate_limited() -> Refusal:
    return error(400, 4, "(#4) Application request limit reached")


def used_up() -> Refusal:
    return error(400, 80002, "(#80002) There have been too many calls to this Instagram account.")


def server_error(status: int) -> Refusal:
    return error(status, 2, "An unexpected error has occurred. Please retry your request later.")


def not_discovered(handle: str) -> Refusal:
    message = f"Invalid user id: Cannot find User with username: {handle}"
    return error(400, 110, message, subcode=2207013)


def bad_fields(message: str) -> Refusal:
    return error(400, 100, f"(#100) {message}")
