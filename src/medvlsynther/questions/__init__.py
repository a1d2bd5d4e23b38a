"""Questions in: benchmarks and other sets of questions, as their authors or we ourselves wrote them."""
