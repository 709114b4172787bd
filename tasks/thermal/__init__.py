"""Infrared and visible pictures of one scene: kind, dataset, model, pages."""
