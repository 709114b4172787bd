"""What single fused pictures are scored by; see `tasks.kinds.base.Kind.criteria`."""

from labelling.exchange.criteria import FUSION_CRITERIA

CRITERIA = FUSION_CRITERIA
