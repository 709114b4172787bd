"""The `align` stage of a round: f(n) becomes f(n+1) under the judge g(n) of the same round (HiLLIE, Sec. 3.3).

Reads the dataset, the model before (data/KIND/start or data/KIND/models/PREVIOUS) and data/KIND/judges/ROUND;
writes data/KIND/models/ROUND: model.safetensors and live/ (curves).
"""

from __future__ import annotations

from pictures import sha256_file
from tasks.config import View
from tasks.rounds import loop
from tasks.rounds.aligning import align_model
from tasks.stage.places import Places
from tasks.stage.runtime import stage
from tasks.training.judges import judge_path, load_judge

PARAMS = ("seed", "{kind}.model", "{kind}.judge.name", "{kind}.judge.options", "{kind}.align")


def run(params: View, round: str) -> None:
    weights = loop.weights_before(params.kind, round)
    model = loop.load(params, weights)
    out = loop.weights_of(params.kind, round)
    outcome = align_model(
        model,
        load_judge(params, round),
        params,
        name=f"align@{params.kind}-{round}",
        data=sha256_file(weights) + sha256_file(judge_path(params.kind, round)),
        live=out.parent / "live",
        dataset=Places(params.kind).judge(round) / "dataset",
    )
    loop.models(params).store(model, out)
    outcome.discard_state()


if __name__ == "__main__":
    stage(__doc__, run, PARAMS, {"kind": "of pictures", "round": "r00, r01, ..."}, trains=("align",))
