"""From answers to scores: marking an answer, gathering what models did with questions, and all numbers of a report."""
