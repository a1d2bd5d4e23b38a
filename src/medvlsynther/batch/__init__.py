"""Batch services: another way to fill the same ledger, at a lower price and a day's notice."""
