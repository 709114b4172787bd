"""What can be wrong with a user's own model."""

from __future__ import annotations


class OwnModelError(ValueError):
    """A model that is not ours cannot be found, built or used; the message says why and what it should do instead."""
