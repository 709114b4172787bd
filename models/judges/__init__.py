"""Judges: picture (and what it was made of) -> score. `create(name, **options)` builds a registered one, or a user's own."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from models.judges.registry import GROUP, JUDGES
from models.own import faults_of_options, is_own

if TYPE_CHECKING:
    from models.judges.base import Judge

__all__ = ["GROUP", "JUDGES", "UnknownJudge", "create"]


class UnknownJudge(ValueError):
    """No judge is registered under the name, or it does not take an option."""


def create(name: str, **options: Any) -> Judge:
    """Build the judge registered as `name`, or a user's own (`models.own`), with its constructor's options, untrained.

    Raises `UnknownJudge` for an unknown name or option, `OwnModelError` for a judge of the user's that cannot be used.
    """
    if name not in JUDGES:
        if is_own(name, GROUP):
            from models.own.judges import own_judge

            return own_judge(name, options)
        raise UnknownJudge(f"no judge is called {name!r}; known are {', '.join(sorted(JUDGES))}")
    module, _, builder = JUDGES[name].partition(":")
    build = getattr(import_module(module), builder)
    if faults := faults_of_options(f"judge {name!r}", build, options):
        raise UnknownJudge("; ".join(faults))
    try:
        judge: Judge = build(**options)
    except ValueError as error:
        raise UnknownJudge(f"judge {name!r}: {error}") from error
    return judge
