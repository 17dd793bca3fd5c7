"""Limits that all workers share when they call a provider: rate, pauses, circuit breaker, quotas, budgets.

It knows no provider: the caller gives the limits. The state is rows of the database, so that any number of
workers on any number of machines keep the same limits.
"""
