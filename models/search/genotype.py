"""A found architecture: which operations each node keeps, and with which weights."""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass
from typing import Any

from models.search.space import NODES, OPERATIONS
from pictures import parse_json, shortened

FORMAT = "loupe-genotype-1"
_TOLERANCE = 1e-4
_TRIES = 20_000

Node = tuple[tuple[str, float], ...]


class GenotypeError(ValueError):
    """A genotype that fits no network of this project; the message names the node and what to change."""


@dataclass(frozen=True)
class Genotype:
    """The operations of the 15 nodes, in the order of `space.NODES`: (name, weight), heaviest first.

    Weights are positive and sum to one at each node. Raises `GenotypeError`: another number of nodes, a node without
    operation, an unknown or repeated operation, weights that are not positive, finite or of sum one.
    """

    nodes: tuple[Node, ...]

    def __post_init__(self) -> None:
        if len(self.nodes) != len(NODES):
            raise GenotypeError(f"a genotype has {len(NODES)} nodes ({', '.join(NODES)}), this one {len(self.nodes)}")
        for name, node in zip(NODES, self.nodes, strict=True):
            if not node:
                raise GenotypeError(f"node {name!r} has no operation")
            for operation, weight in node:
                if operation not in OPERATIONS:
                    known = ", ".join(OPERATIONS)
                    raise GenotypeError(f"node {name!r}: no operation is called {operation!r:.60}; known are {known}")
                if not (math.isfinite(weight) and weight > 0):
                    raise GenotypeError(f"node {name!r}: the weight of {operation} should be positive, not {weight}")
            if len({operation for operation, _ in node}) != len(node):
                raise GenotypeError(f"node {name!r} names an operation twice: {', '.join(o for o, _ in node)}")
            total = sum(weight for _, weight in node)
            if abs(total - 1) > _TOLERANCE:
                raise GenotypeError(f"node {name!r}: the weights sum to {total:.6g}, not to 1")

    def node(self, name: str) -> dict[str, float]:
        """Operation -> weight of one node."""
        return dict(self.nodes[NODES.index(name)])

    def taps(self) -> int:
        """Weights of all operations for each pair of channels: what the parameter count depends on, beside their number."""
        return sum(OPERATIONS[operation].taps for node in self.nodes for operation, _ in node)

    def to_json(self) -> str:
        """As text that `from_json` reads: one line a node."""
        lines = [
            f"    {json.dumps(name)}: {json.dumps([list(pair) for pair in node])}"
            for name, node in zip(NODES, self.nodes, strict=True)
        ]
        return f'{{\n  "format": "{FORMAT}",\n  "nodes": {{\n' + ",\n".join(lines) + "\n  }\n}\n"

    @classmethod
    def from_json(cls, text: str) -> Genotype:
        """Read `to_json`'s text. Raises `GenotypeError` that says what is wrong where."""
        try:
            content = parse_json(text)
        except ValueError as error:
            raise GenotypeError(f"a genotype is JSON; this is not: {error}") from error
        if (
            not isinstance(content, dict)
            or content.get("format") != FORMAT
            or not isinstance(content.get("nodes"), dict)
        ):
            raise GenotypeError(f'a genotype is {{"format": "{FORMAT}", "nodes": {{...}}}}')
        nodes: dict[str, Any] = content["nodes"]
        missing = [name for name in NODES if name not in nodes]
        unknown = [name for name in nodes if name not in NODES]
        if missing or unknown:
            parts = [f"missing {', '.join(missing)}"] * bool(missing) + [
                f"unknown {shortened(', '.join(unknown), 120)}"
            ] * bool(unknown)
            raise GenotypeError(f"a genotype has {len(NODES)} nodes: {'; '.join(parts)}")
        return cls(tuple(_node(name, nodes[name]) for name in NODES))


def _node(name: str, content: Any) -> Node:
    """One node from JSON: a list of [operation, weight]."""
    if not isinstance(content, list):
        raise GenotypeError(f"node {name!r} should be a list of [operation, weight], not {shortened(repr(content))}")
    pairs = []
    for pair in content:
        match pair:
            case [str(operation), int() | float() as weight] if not isinstance(weight, bool):
                pairs.append((operation, float(weight)))
            case _:
                raise GenotypeError(f"node {name!r}: {shortened(repr(pair))} should be [operation, weight]")
    return tuple(pairs)


def balanced(retain: int = 3) -> Genotype:
    """A genotype that uses all operations equally often, with equal weights: node i takes `retain` from place i * retain on.

    For counting parameters and for tests; nothing was searched.
    """
    names = list(OPERATIONS)
    picked = [[names[(i * retain + k) % len(names)] for k in range(retain)] for i in range(len(NODES))]
    return Genotype(tuple(tuple((name, 1 / retain) for name in node) for node in picked))


def random_like(genotype: Genotype, seed: int) -> Genotype:
    """A random genotype with exactly as many parameters as the given one, for the question whether the search matters.

    Each node has as many operations as the given one's, with the same weights in their order; operations are drawn
    uniformly, then exchanged at random until the taps are as many, which makes the parameters as many at every width.
    Same seed, same result. Raises `GenotypeError` where no other genotype of that size is found.
    """
    chance = random.Random(seed)
    names = list(OPERATIONS)
    nodes = [chance.sample(names, len(node)) for node in genotype.nodes]
    given = [[operation for operation, _ in node] for node in genotype.nodes]
    gap = sum(OPERATIONS[name].taps for node in nodes for name in node) - genotype.taps()
    for _ in range(_TRIES):
        if gap == 0 and any(set(one) != set(other) for one, other in zip(nodes, given, strict=True)):
            break
        node = chance.choice(nodes)
        outside = [name for name in names if name not in node]
        if not outside:
            continue
        place, new = chance.randrange(len(node)), chance.choice(outside)
        changed = gap + OPERATIONS[new].taps - OPERATIONS[node[place]].taps
        # A few steps uphill, so that it does not stop where every single exchange overshoots.
        if abs(changed) <= abs(gap) or chance.random() < 0.05:
            node[place], gap = new, changed
    else:
        raise GenotypeError(f"no other genotype of {genotype.taps()} taps was found in {_TRIES} exchanges")
    return Genotype(
        tuple(
            tuple(zip(names, (weight for _, weight in old), strict=True))
            for names, old in zip(nodes, genotype.nodes, strict=True)
        )
    )
