"""The labelling app and the server that runs it."""

from labelling.app import create_app
from labelling.serve import serve

__all__ = ["create_app", "serve"]
