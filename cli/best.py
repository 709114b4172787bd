"""Which of a kind's models is used where nobody says: the one that the votes on validation pictures prefer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pictures import read_json
from tasks.rounds import loop
from tasks.stage.places import Places


@dataclass(frozen=True)
class Best:
    """A model's weights, and why it is taken, as the end of a sentence."""

    weights: Path
    why: str


def best_of(kind: str, rounds: Sequence[str]) -> Best | None:
    """The model of these rounds (r00, r01, ...), f(0) included, that is preferred to f(0) in most of the evaluation's votes.

    f(0) counts as a half, and of equals the later is taken. None: nobody has voted, or the weights are not here.
    """
    path = Places(kind).evaluate / "metrics.json"
    if not path.is_file():
        return None
    said = read_json(path).get("preference_over_f0", {})
    models = {f"f{number + 1}": loop.weights_of(kind, name) for number, name in enumerate(rounds)}
    known = {name: said[name] for name, weights in models.items() if name in said and weights.is_file()}
    first = loop.first_weights(kind)
    if not known or not first.is_file():
        return None
    rates = {"f0": 0.5} | {name: float(one["rate"]) for name, one in known.items()}
    name = max(rates, key=lambda one: (rates[one], int(one[1:])))
    last = list(models)[-1]
    others = "" if last in (name, "f0") or last not in known else f"; of the last, {last}, {_share(known[last])} do"
    if name == "f0":
        return Best(
            first, f"no round's model is preferred to it in over half of the votes on validation pictures{others}"
        )
    return Best(models[name], f"{_share(known[name])} on validation pictures prefer it to f0{others}")


def _share(one: dict[str, float]) -> str:
    return f"{one['rate']:.0%} of {int(one['votes'])} votes"
