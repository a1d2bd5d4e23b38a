"""Results as people read them: tables, notes and plots of scores, and the result files of other harnesses."""
