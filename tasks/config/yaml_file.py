"""YAML as DVC reads it (1.2), and no more of it than a configuration has: bounded in bytes, depth and what aliases repeat."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pictures import FileFault, read_text, shortened

MAX_BYTES = 256 << 10
MAX_DEPTH = 32
MAX_VALUES = 20_000


class ConfigError(ValueError):
    """params.yaml is absent, unreadable or wrong; the message lists every fault with its path."""


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML 1.2 file; `ConfigError` when it is absent, no YAML, no mapping, or endless."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    if not path.exists() and not path.is_symlink():
        raise ConfigError(f"{path} is missing in {Path.cwd()}; `loupe preset demo` writes one")
    try:
        text = read_text(path, MAX_BYTES)
    except FileFault as error:
        raise ConfigError(f"{error}: it is not readable YAML; `loupe preset demo` writes a file that is") from error
    try:
        _check_size(text, path)
        value = YAML(typ="safe", pure=True).load(text)
        YAML(typ="safe").load(text)  # DVC's parser takes less: no colon in a word within [ ] or { }
    except ConfigError:
        raise
    except (YAMLError, ValueError, TypeError, AttributeError, LookupError, OverflowError, RecursionError) as error:
        told = str(error) or type(error).__name__
        hint = (
            '; a word with a colon within [ ] or { } needs quotes: "module:function"'
            if "unexpected ':'" in told
            else ""
        )
        raise ConfigError(f"{path} is not readable YAML: {shortened(told, 600)}{hint}") from error
    if not isinstance(value, dict):
        raise ConfigError(f"{path} must be a mapping of sections; `loupe preset demo` writes a whole one")
    return value


def _check_size(text: str, path: Path) -> None:
    """Count values and depth while nothing is built yet: aliases of aliases grow without bounds."""
    from ruamel.yaml import YAML
    from ruamel.yaml import events as kinds

    anchors: dict[str, tuple[int, int]] = {}  # name -> values, depth
    places: list[tuple[str | None, int, int]] = [(None, 0, 0)]  # of what is open: anchor, values, depth below it
    for event in YAML(typ="safe", pure=True).parse(text):
        if isinstance(event, kinds.SequenceStartEvent | kinds.MappingStartEvent):
            places.append((event.anchor, 0, 0))
            if len(places) > MAX_DEPTH:
                raise ConfigError(
                    f"{path} is nested deeper than {MAX_DEPTH}; `loupe preset demo` writes one that is not"
                )
            continue
        if isinstance(event, kinds.SequenceEndEvent | kinds.MappingEndEvent):
            anchor, values, depth = places.pop()
            values, depth = values + 1, depth + 1
        elif isinstance(event, kinds.ScalarEvent):
            anchor, values, depth = event.anchor, 1, 0
        elif isinstance(event, kinds.AliasEvent):
            if event.anchor not in anchors:
                raise ConfigError(f"{path}: the alias *{event.anchor:.60} refers to nothing before it, or to itself")
            anchor, (values, depth) = None, anchors[event.anchor]
        else:
            continue
        if anchor is not None:
            anchors[anchor] = values, depth
        outer, so_far, below = places[-1]
        places[-1] = outer, so_far + values, max(below, depth)
        if so_far + values > MAX_VALUES or len(places) + depth > MAX_DEPTH:
            raise ConfigError(
                f"{path} has more than {MAX_VALUES} values, or nests deeper than {MAX_DEPTH}, with what its aliases repeat"
            )
