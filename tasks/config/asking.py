"""The `labels` section of a kind: who answers, what is asked, and in which phases."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from tasks.config.base import Few, Fraction, Many, NonNegative, Number, Positive, Section, Seed, Side, unknown_metrics


class Simulated(Section):
    """Simulated observers; see `models.preference.observers`. `utility` weighs registered metrics, `noise` is in its units."""

    observers: Few
    utility: Annotated[dict[str, Number], Field(min_length=1)]
    noise: NonNegative
    lapse: Fraction
    position_bias: Number
    seed: Seed

    @model_validator(mode="after")
    def _metrics_known(self) -> Simulated:
        fault = unknown_metrics("utility", list(self.utility))
        if fault:
            raise ValueError(fault)
        if any(weight <= 0 for weight in self.utility.values()):
            raise ValueError("utility weights must be positive (a metric's direction is known to the registry)")
        return self


class Raters(Section):
    """Simulated experts who know what was injected; see `models.preference.raters`. noise, bias: points of 1 to 5."""

    noise: NonNegative = 0.4
    bias: NonNegative = 0.3
    lapse: Fraction = 0.02
    miss: Fraction = 0.1
    jitter: Fraction = 0.15


class Experts(Section):
    """Who rates first. pictures: how many (null: all that the round asks about); raters: of each of them."""

    pictures: Many | None
    raters: Few


class Review(Section):
    """How many of the pictures that the language model rated experts review: accept, correct or reject."""

    pictures: Many


class Ratings(Section):
    """Scores and circles of single pictures. pictures: of a round; question: about each; strategy: where candidates differ most,
    or random; injected: share of the candidates that are corrupted, the truth known; weight: of what a language model rated and
    nobody reviewed, where a person's has 1. A phase that is null is left out.
    """

    pictures: Many
    question: str = "How good is this picture?"
    strategy: Literal["spread", "random"] = "spread"
    injected: Fraction = 0.5
    experts: Experts | None
    review: Review | None = None
    weight: Annotated[float, Field(gt=0, le=1)] = 0.5
    simulated: Raters = Raters()


class Price(Section):
    """Of a million tokens, in any currency."""

    input: NonNegative
    output: NonNegative


class Budget(Section):
    """Of a round: requests, and money in the currency of the price; what is spent stays spent when the run starts again."""

    requests: Many
    money: NonNegative


class Llm(Section):
    """A language model behind an OpenAI-compatible endpoint; its key is in the environment (OPENAI_API_KEY), nowhere else.

    base_url: null is OpenAI's. side: pixels to which pictures are reduced for it. examples: of the experts' ratings, shown to
    it; check: how many others of these it rates blindly, to measure its agreement. attempts: at an answer that fits; what gets
    none is counted and left out. retries: of a request that the endpoint refused for a while (429, 5xx, no connection).
    """

    base_url: str | None = None
    model: Annotated[str, Field(min_length=1, max_length=200)]
    side: Side = 768
    examples: Annotated[int, Field(ge=0, le=20)] = 3
    check: Annotated[int, Field(ge=0, le=1000)] = 8
    attempts: Annotated[int, Field(ge=1, le=20)] = 3
    concurrency: Annotated[int, Field(ge=1, le=256)] = 8
    timeout: Positive = 120.0
    retries: Annotated[int, Field(ge=0, le=50)] = 5
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    price: Price = Price(input=0.0, output=0.0)
    budget: Budget

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, address: str | None) -> str | None:
        if address is not None and not address.startswith(("http://", "https://")):
            raise ValueError(
                "base_url is the address of an OpenAI-compatible endpoint, such as http://localhost:8000/v1"
            )
        return address


class Labels(Section):
    """Who answers, and how questions are shown to people; what has a default came later than version 0.1's files.

    asks: which of two pictures is better, or scores and circles of single ones (`ratings`). source: of votes, who votes; of
    ratings, who the experts are. llm: the language model that votes (source: llm), or rates what experts did not. route: pairs
    on which it cannot decide go to people. consensus: what the judge learns of the votes on a pair: their majority (HiLLIE), or
    what is most probable, votes counting by how far their observers can be relied on (docs/observers.md). observers: from whose
    votes it learns; null: everybody's.
    """

    source: Literal["simulated", "people", "llm"]
    asks: Literal["pairs", "ratings"] = "pairs"
    votes: Few
    consensus: Literal["majority", "reliability"] = "majority"
    observers: Annotated[list[str], Field(min_length=1)] | None = None
    question: str
    allow_tie: bool = False
    allow_unsure: bool = False
    repeats: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    training: Annotated[int, Field(ge=0, le=100)] = 0
    simulated: Simulated
    ratings: Ratings | None = None
    llm: Llm | None = None
    route: bool = False

    @model_validator(mode="after")
    def _phases_fit(self) -> Labels:
        found = self.ratings
        if self.asks == "ratings":
            if found is None:
                raise ValueError("asks is ratings, so `ratings` says how many pictures, and who rates them; it is null")
            if self.source == "llm":
                raise ValueError("source says who the experts are, people or simulated; `llm` adds the language model")
            if found.experts is None and self.llm is None:
                raise ValueError("nobody rates: ratings.experts and llm are both null")
            if found.review is not None and self.llm is None:
                raise ValueError("ratings.review is about what a language model rated, and llm is null")
        elif self.source == "llm" and self.llm is None:
            raise ValueError("source is llm, so `llm` says which; it is null")
        if self.route and (self.asks, self.source) != ("pairs", "llm"):
            raise ValueError("route is for pairs on which a language model votes (source: llm)")
        return self

    @model_validator(mode="after")
    def _enough_observers(self) -> Labels:
        if self.source == "simulated" and self.simulated.observers < self.votes:
            raise ValueError(
                f"votes is {self.votes} but simulated.observers only {self.simulated.observers}: "
                "each vote on a pair comes from another observer"
            )
        return self
