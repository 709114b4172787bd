"""Artifacts of fused pictures: circles and heatmaps, injected corruptions whose truth is known, and how heatmaps agree."""

from models.artifacts.circles import Disk, disks_of, heatmap
from models.artifacts.corruptions import CORRUPTIONS, Injected, inject
from models.artifacts.truth import CRITERIA, true_scores

__all__ = ["CORRUPTIONS", "CRITERIA", "Disk", "Injected", "disks_of", "heatmap", "inject", "true_scores"]
