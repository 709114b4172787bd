"""Fusers: several exposures -> one picture. `create(name, **options)` builds a registered one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.core.registry import built
from models.fusers.registry import FUSERS, GROUP
from models.own import is_own

if TYPE_CHECKING:
    from models.fusers.base import Fuser


class UnknownFuser(ValueError):
    """No fuser is registered under the name, or it does not take an option."""


def create(name: str, **options: Any) -> Fuser:
    """Build the fuser registered as `name`, or a user's own (`models.own`), with its options, freshly initialised.

    Raises `UnknownFuser` for an unknown name or option, `OwnModelError` for a fuser of the user's that cannot be used.
    """
    if name not in FUSERS and is_own(name, GROUP):
        from models.own.fusers import own_fuser

        return own_fuser(name, options)
    fuser: Fuser = built("fuser", name, FUSERS, options, UnknownFuser)
    return fuser
