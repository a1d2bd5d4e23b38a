"""Recipes become plans, plans become steps on disk."""
