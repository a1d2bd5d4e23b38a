"""Articles and figures in: one file a kind of source."""
