"""Judges: image -> score."""
