"""Per-photo genetic search of enhancement parameters (entropy-driven NSGA-II)."""
