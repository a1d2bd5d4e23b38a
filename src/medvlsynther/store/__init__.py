"""How things lie on disk."""
