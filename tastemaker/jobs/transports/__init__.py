"""How jobs reach who runs them, beside workers that ask the database: by the same ledger and fencing."""
