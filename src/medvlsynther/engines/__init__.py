"""The door to inference: one file an engine; the ledger stands before it."""
