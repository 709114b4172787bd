"""Exposures of one scene: what the kind is, its dataset, the search of network and loss, its first model."""
