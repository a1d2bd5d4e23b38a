"""The audit: what a set of items shares with sets that it should not know."""
