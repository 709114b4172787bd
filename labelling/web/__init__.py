"""The labelling app and the server that runs it."""

from labelling.web.app import create_app
from labelling.web.serve import serve

__all__ = ["create_app", "serve"]
