"""What a command says instead of a traceback where the store refuses an argument."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class UserError(ValueError):
    """What was asked for cannot be done; the message says why and what to do."""


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn the ValueError of a malformed argument (a name, a question) into one line for the user."""
    try:
        yield
    except ValueError as error:
        if type(error) is not ValueError:  # one of Loupe's own
            raise
        raise UserError(str(error)) from error
