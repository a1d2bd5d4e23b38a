"""Data sets in the formats that others read. Each exporter writes `dataset/` in its step's folder."""
