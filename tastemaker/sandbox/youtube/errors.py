"""The YouTube Data API's error bodies."""

from tastemaker.sandbox.call import Refusal

_QUOTA = (
    "The request cannot be completed because you have exceeded your"
    ' <a href="/youtube/v3/getting-started#quota">quota</a>.'
)


def refusal(status: int, domain: str, reason: str, message: str, *, parameter: str | None = None) -> Refusal:
    error = {"message": message, "domain": domain, "reason": reason}
    if parameter:
        error |= {"location": parameter, "locationType": "parameter"}
    return Refusal(status, {"error": {"code": status, "message": message, "errors": [error]}})


def key_invalid() -> Refusal:
    return refusal(400, "usageLimits", "keyInvalid", "Bad Request")


def quota_exceeded() -> Refusal:
    return refusal(403, "youtube.quota", "quotaExceeded", _QUOTA)


def rate_limited() -> Refusal:
    return refusal(429, "global", "rateLimitExceeded", "Too many requests, slow down.")


def server_error(status: int) -> Refusal:
    message = "Internal error encountered." if status == 500 else "The service is currently unavailable."  # noqa: PLR2004 - HTTP
    return refusal(status, "global", "backendError", message)


def missing(parameter: str) -> Refusal:
    return refusal(
        400,
        "youtube.parameter",
        "missingRequiredParameter",
        f"The request is missing a required parameter: {parameter}.",
        parameter=parameter,
    )


def invalid(parameter: str, value: str) -> Refusal:
    return refusal(
        400,
        "youtube.parameter",
        "invalidParameter",
        f"Invalid value '{value[:60]}' for parameter {parameter}.",
        parameter=parameter,
    )


def invalid_page_token() -> Refusal:
    return refusal(
        400,
        "youtube.parameter",
        "invalidPageToken",
        "The request specifies an invalid page token.",
        parameter="pageToken",
    )


def not_found(kind: str, parameter: str) -> Refusal:
    """`kind` is `channel`, `playlist` or `video`."""
    return refusal(
        404,
        f"youtube.{kind}",
        f"{kind}NotFound",
        f"The {kind} identified with the request's {parameter} parameter cannot be found.",
        parameter=parameter,
    )
