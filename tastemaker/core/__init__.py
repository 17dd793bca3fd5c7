"""What everything stands on: settings, errors, clock, ids, logging, text. Imports nothing of ours."""
