"""Preferences: observers, votes, agreement and global scores."""
