"""The `finetune` stage of a round: f(n) becomes f(n+1) under the ranker g(n) of the same round (HiLLIE, Sec. 3.3).

Reads the dataset, the model before (data/pretrain/TASK or data/finetune/PREVIOUS) and data/ranker/ROUND;
writes data/finetune/ROUND: model.safetensors and live/ (curves).
"""

from __future__ import annotations

from pictures import sha256_file
from tasks import loop
from tasks.config import View
from tasks.finetuning import finetune
from tasks.ranker_data import load_ranker, ranker_path
from tasks.runtime import stage

PARAMS = ("seed", "loop", "enhancer", "ranker.network", "finetune")


def run(params: View, round: str) -> None:
    weights = loop.weights_before(params.loop.task, round)
    model = loop.load(params, weights)
    out = loop.weights_of(round)
    outcome = finetune(
        model,
        load_ranker(params, round),
        params,
        name=f"finetune@{round}",
        data=sha256_file(weights) + sha256_file(ranker_path(round)),
        live=out.parent / "live",
    )
    loop.models(params).store(model, out)
    outcome.discard_state()


if __name__ == "__main__":
    stage(__doc__, run, PARAMS, {"round": "r00, r01, ..."})
