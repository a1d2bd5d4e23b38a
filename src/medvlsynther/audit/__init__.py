"""The audit's tools: sets of items made comparable, images registered, planted copies, and the report."""
