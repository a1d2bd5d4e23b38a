"""Where work on shards is done: by processes of this machine, or by a Ray cluster. Nothing of it reaches a result."""
