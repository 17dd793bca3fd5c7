"""The outside world's creators, one file per provider behind one contract (`base`)."""
