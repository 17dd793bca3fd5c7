"""What leaves the database: written in the change's own transaction, sent by a relay afterwards."""
