"""Aligners by name. A new one is a new file and a line here; the names are known without importing torch."""

from __future__ import annotations

# name -> MODULE:CLASS, an `Aligner` that is built from its options
ALIGNERS: dict[str, str] = {
    "ranker_loss": "models.aligners.ranker_loss:RankerLoss",
    "preferred": "models.aligners.preferred:PreferredPictures",
    "direct": "models.aligners.direct:Direct",
    "grpo": "models.aligners.policy:Grpo",
    "ppo": "models.aligners.policy:Ppo",
    "dpo": "models.aligners.policy:Dpo",
}
# Those whose class says `uses_regions`: known here, so that finding regions does not depend on how they work.
ASK_ABOUT_REGIONS = frozenset({"grpo", "ppo", "dpo"})
