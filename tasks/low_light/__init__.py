"""Photos taken in the dark: what the kind is, its dataset, its first model."""
