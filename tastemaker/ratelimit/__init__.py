"""What all workers of an installation share when they call outside: pace, pauses, trouble, quotas, budgets.

It knows no provider: who calls says how fast, how many at once and how much. Everything is on rows of the
database, so any number of workers on any number of machines keep the same limits.
"""
