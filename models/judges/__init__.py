"""Judges: picture (and what it was made of) -> score. `create(name, **options)` builds a registered one, or a user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.core.registry import built
from models.judges.registry import GROUP, JUDGES
from models.own import is_own

if TYPE_CHECKING:
    from models.judges.base import Judge

__all__ = ["GROUP", "JUDGES", "UnknownJudge", "create"]


class UnknownJudge(ValueError):
    """No judge is registered under the name, or it does not take an option."""


def create(name: str, **options: Any) -> Judge:
    """Build the judge registered as `name`, or a user's own (`models.own`), with its constructor's options, untrained.

    Raises `UnknownJudge` for an unknown name or option, `OwnModelError` for a judge of the user's that cannot be used.
    """
    if name not in JUDGES and is_own(name, GROUP):
        from models.own.judges import own_judge

        return own_judge(name, options)
    judge: Judge = built("judge", name, JUDGES, options, UnknownJudge)
    return judge
