"""The `finetune` stage of a round: f(n) becomes f(n+1) under the ranker g(n) of the same round (HiLLIE, Sec. 3.3).

Reads data/low_light, the enhancer before (data/pretrain or data/finetune/PREVIOUS) and data/ranker/ROUND;
writes data/finetune/ROUND: model.safetensors and live/ (curves).
"""

from __future__ import annotations

from models.storage import save_weights
from tasks import enhancers
from tasks.config import View
from tasks.files import sha256_file
from tasks.finetuning import finetune
from tasks.ranker_data import load_ranker, ranker_path
from tasks.runtime import stage

PARAMS = ("seed", "enhancer", "ranker.network", "finetune")


def run(params: View, round: str) -> None:
    weights = enhancers.weights_before(round)
    enhancer = enhancers.load(params, weights)
    out = enhancers.weights_of(round)
    outcome = finetune(
        enhancer,
        load_ranker(params, round),
        params,
        name=f"finetune@{round}",
        data=sha256_file(weights) + sha256_file(ranker_path(round)),
        live=out.parent / "live",
    )
    save_weights(enhancer, out)
    outcome.discard_state()


if __name__ == "__main__":
    stage(__doc__, run, PARAMS, {"round": "r00, r01, ..."})
