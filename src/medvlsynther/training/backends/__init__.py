"""Who trains: one file a backend."""
