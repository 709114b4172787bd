"""A language model as observer, behind any OpenAI-compatible endpoint: ratings with circles, and votes on pairs.

Every reply is kept with what was asked (`Replies`), so that the same question is never paid for twice. What it says enters the
label store as answers of kind "llm", which are never counted among people's.
"""

from __future__ import annotations

from labelling.llm.asking import InvalidAnswer, Outcome, Request, ask, prepared
from labelling.llm.endpoint import Endpoint, EndpointError, NoKey, client_of
from labelling.llm.finetune import start_job, training_lines
from labelling.llm.pairs import PairAnswer, pair_requests, verdicts
from labelling.llm.pictures import Pictures
from labelling.llm.ratings import Example, RatedAnswer, examples_of, rating_request, ratings_of
from labelling.llm.replies import Replies

__all__ = [
    "Endpoint", "EndpointError", "Example", "InvalidAnswer", "NoKey", "Outcome", "PairAnswer", "Pictures", "RatedAnswer",
    "Replies", "Request", "ask",
    "client_of", "examples_of", "pair_requests", "prepared", "rating_request", "ratings_of", "start_job", "training_lines",
    "verdicts",
]  # fmt: skip
