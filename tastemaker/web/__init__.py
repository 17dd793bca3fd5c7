"""HTTP only: middleware, error responses, idempotency, rate limit, health, server. It knows no feature."""
