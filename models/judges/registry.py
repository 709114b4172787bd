"""Judges by name. A new one is a new file and a line here; the names are known without importing torch."""

from __future__ import annotations

GROUP = "loupe.judges"
"""Of the entry points by which an installed package offers judges of its own."""
# name -> MODULE:CALLABLE of what builds it from its options
JUDGES: dict[str, str] = {
    "ranker": "models.judges.ranker:Ranker",
    "metric": "models.judges.metric:MetricJudge",
    "reward": "models.judges.reward:RewardModel",
    "ensemble": "models.judges.ensemble:Ensemble",
}
