"""Published runs and data sets taken up again: figures, items and verdicts, without asking any model anew."""
