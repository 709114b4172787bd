"""The `ablation` stage: the same number of fine-tunings as the rounds, without the judge or always with g0 (Table 2).

Reads the dataset, data/KIND/start and data/KIND/judges/r00; writes data/KIND/ablation/VARIANT: model.safetensors.
"""

from __future__ import annotations

from models.aligners import create
from pictures import sha256_file
from tasks.config import View
from tasks.rounds import loop
from tasks.rounds.aligning import align_model
from tasks.stage.places import MODEL, Places
from tasks.stage.runtime import stage
from tasks.training.judges import judge_path, load_judge

PARAMS = ("seed", "{kind}.model", "{kind}.judge.name", "{kind}.judge.options", "{kind}.align", "kinds.{kind}.rounds")
VARIANTS = ("content_only", "niqe_ranker")


class UnknownVariant(ValueError):
    """No such ablation."""


def run(params: View, variant: str) -> None:
    if variant not in VARIANTS:
        raise UnknownVariant(f"no ablation is called {variant!r}; known are {', '.join(VARIANTS)}")
    first = loop.first_weights(params.kind)
    model = loop.load(params, first)
    judge = load_judge(params, "r00") if variant == "niqe_ranker" else None
    if judge is None and not create(params.align.name, **params.align.options).judgeless:
        print(f"{variant}: {params.align.name} does nothing without a judge, so this is f0")
        loop.models(params).store(model, Places(params.kind).ablation(variant) / MODEL)
        return
    data = sha256_file(first) + (sha256_file(judge_path(params.kind, "r00")) if judge is not None else "")
    outcomes = []
    for name in ("r00", *params.rounds):
        before = {key: value.clone() for key, value in model.state_dict().items()}
        outcomes.append(
            align_model(
                model,
                judge,
                params,
                name=f"ablation@{params.kind}-{variant}-{name}",
                data=f"{data}/{variant}/{name}",
                live=None,
            )
        )
        if all(value.equal(before[key]) for key, value in model.state_dict().items()):
            # The content loss alone is zero at f(n): with nothing moved, every further round is this one again.
            print(f"{variant}: fine-tuning moved nothing, so the rounds after {name} would repeat it")
            break
    loop.models(params).store(model, Places(params.kind).ablation(variant) / MODEL)
    for outcome in outcomes:
        outcome.discard_state()


if __name__ == "__main__":
    stage(__doc__, run, PARAMS, {"kind": "of pictures", "variant": " or ".join(VARIANTS)}, trains=("align",))
