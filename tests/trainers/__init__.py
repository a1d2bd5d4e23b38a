"""What needs a trainer's own environment: `make test-verl` and `make test-trl`; skipped elsewhere."""
