"""What the miniature corpus is drawn and written from."""
