"""How well a detector or a segmentation network does on pictures that are labelled: what fusion is judged by downstream."""

from models.downstream.base import IGNORED, Boxes, Detections, Detector, SegmentationNetwork
from models.downstream.boxes import read_coco, read_yolo
from models.downstream.classes import Classes, read_classes, translation
from models.downstream.detection import DetectionScore, average_precision
from models.downstream.errors import DownstreamError, LabelError
from models.downstream.estimates import Estimate
from models.downstream.masks import find_masks, read_mask
from models.downstream.registry import DETECTORS, detector, segmentation_network
from models.downstream.segmentation import SegmentationScore, mean_overlap, overlap_counts

__all__ = [
    "DETECTORS",
    "IGNORED",
    "Boxes",
    "Classes",
    "DetectionScore",
    "Detections",
    "Detector",
    "DownstreamError",
    "Estimate",
    "LabelError",
    "SegmentationNetwork",
    "SegmentationScore",
    "average_precision",
    "detector",
    "find_masks",
    "mean_overlap",
    "overlap_counts",
    "read_classes",
    "read_coco",
    "read_mask",
    "read_yolo",
    "segmentation_network",
    "translation",
]
