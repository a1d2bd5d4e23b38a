"""How two sets of questions are compared: views of a text, exact joins, hashes, and the class of a pair. Pure."""
