"""A finished run as one page to look at: counted, drawn, sampled. Nothing here decides anything."""
