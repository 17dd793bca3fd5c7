"""Whether the interface keeps what its description says: schemathesis, and two generated clients."""
