"""Building what is registered by name: enhancers, fusers, judges and aligners alike."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from models.own import faults_of_options


def built(
    what: str, name: str, places: Mapping[str, str], options: Mapping[str, Any], unknown: type[ValueError]
) -> Any:
    """What is registered as `name`, built with its options.

    what: its word for messages (enhancer). places: name -> MODULE:CALLABLE. Raises `unknown`: for the name, for options that the
    callable does not take or needs, all at once and before it is called, and for values that it refuses by ValueError.
    """
    if name not in places:
        raise unknown(f"no {what} is called {name!r}; known are {', '.join(sorted(places))}")
    module, _, builder = places[name].partition(":")
    build = getattr(import_module(module), builder)
    if faults := faults_of_options(f"{what} {name!r}", build, options):
        raise unknown("; ".join(faults))
    try:
        return build(**options)
    except (TypeError, ValueError) as error:
        raise unknown(f"{what} {name!r} with options {dict(options)}: {error}") from error
