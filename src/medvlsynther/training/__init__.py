"""Training in a process of its own: what is trained, what is launched, and what is left when it ends."""
