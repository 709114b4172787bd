"""Which of a kind's models is used where nobody says: the one that the votes on validation pictures prefer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pictures import read_json, sha256_file
from tasks.config import Params
from tasks.kinds import Kind
from tasks.rounds import loop
from tasks.stage.places import Places


@dataclass(frozen=True)
class Best:
    """A model's weights, and why it is taken, as the end of a sentence."""

    weights: Path
    why: str


def best_of(kind: str, rounds: Sequence[str]) -> Best | None:
    """The model of these rounds (r00, r01, ...), f(0) included, that is preferred to f(0) in most of the evaluation's votes.

    f(0) counts as a half, and of equals the later is taken. None: nobody has voted on f(0) and the last model as they are here.
    """
    models, known = models_of(kind, rounds), votes_on(kind, rounds)
    first, last = models.pop("f0"), f"f{len(rounds)}"
    if last not in known:
        return None
    rates = {"f0": 0.5} | {name: float(one["rate"]) for name, one in known.items()}
    name = max(rates, key=lambda one: (rates[one], int(one[1:])))
    others = "" if last == name else f"; of the last, {last}, {share_of(known[last])} do"
    if name == "f0":
        return Best(
            first, f"no round's model is preferred to it in over half of the votes on validation pictures{others}"
        )
    apart = elsewhere_on(kind).get(name)
    others += f"; in light of another character {share_of(apart)} do" if apart else ""
    return Best(models[name], f"{share_of(known[name])} on validation pictures prefer it to f0{others}")


def models_of(kind: str, rounds: Sequence[str]) -> dict[str, Path]:
    """f0, and what each of these rounds made of it (f1, f2, ...): where their weights lie, or would."""
    made = {f"f{number + 1}": loop.weights_of(kind, name) for number, name in enumerate(rounds)}
    return {"f0": loop.first_weights(kind), **made}


def votes_on(kind: str, rounds: Sequence[str]) -> dict[str, dict[str, float]]:
    """What the evaluation's votes say of each model against f0 (`rate`, `votes`, `low`, `high`), of those whose weights here, and
    f0's, are the ones that were voted on."""
    at = Places(kind).evaluate
    if not all((at / name).is_file() for name in ("metrics.json", "models.json")):
        return {}
    metrics, voted_on = read_json(at / "metrics.json"), read_json(at / "models.json")
    if not isinstance(metrics, dict) or not isinstance(voted_on, dict):
        return {}
    said, models = metrics.get("preference_over_f0", {}), models_of(kind, rounds)
    same = {name for name, weights in models.items() if _same(weights, voted_on.get(name))}
    return {name: said[name] for name in models if name in said and {name, "f0"} <= same}


def elsewhere_on(kind: str) -> dict[str, dict[str, float]]:
    """What votes say of each model against f0 on the sample in light of another character; {} where nobody could vote."""
    path = Places(kind).evaluate / "elsewhere" / "summary.json"
    found = read_json(path) if path.is_file() else {}
    made = found.get("sample", {}) if isinstance(found, dict) else {}
    said: dict[str, dict[str, float]] = made.get("preference_over_f0", {}) if isinstance(made, dict) else {}
    return said


def weights_by_default(params: Params, kind: Kind) -> Path:
    """Of the model that is taken where nobody names a round: the best by the votes, which is said, else the last round's."""
    rounds = rounds_of(params, kind)
    best = best_of(kind.name, rounds)
    if best is None:
        return loop.weights_of(kind.name, rounds[-1])
    print(f"taking {best.weights}: {best.why}")
    return best.weights


def rounds_of(params: Params, kind: Kind) -> list[str]:
    """r00, r01, ...: those of a kind that params.yaml has."""
    return [f"r{number:02d}" for number in range(params.kinds[kind.name].rounds + 1)]


def _same(weights: Path, sha256: str | None) -> bool:
    return weights.is_file() and sha256_file(weights) == sha256


def share_of(one: dict[str, float]) -> str:
    """The share of votes and their number, in words."""
    return f"{one['rate']:.0%} of {int(one['votes'])} votes"
