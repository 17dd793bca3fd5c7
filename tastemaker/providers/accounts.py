"""Which account at a provider a call is made with: what limits, quotas and pauses are counted by."""

import hashlib


def account_of(provider: str, key: str) -> str:
    """The provider with a digest of the key: two keys never share limits, and the key cannot be read."""
    return f"{provider}:{hashlib.sha256(key.encode()).hexdigest()[:12]}"
