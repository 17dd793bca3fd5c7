"""Configuration kept in the database (`system_configurations`), typed on the way out."""
