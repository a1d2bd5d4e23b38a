"""Training as stages."""
