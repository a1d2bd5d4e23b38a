"""Pure functions on records: no files, no clock, no network, no model."""
