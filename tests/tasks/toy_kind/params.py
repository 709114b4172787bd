"""The section of params.yaml for flat pictures."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tasks.config.base import Few, Positive, Section, Side, Training
from tasks.config.rounds import KindSection


class Dataset(Section):
    """Pictures that are drawn. count: of them, a third to validate on; side: of each, in pixels."""

    count: Annotated[Few, Field(ge=3)]
    side: Side


class Stretcher(Section):
    """limit: how much contrast the network can give at most."""

    limit: Positive


class Start(Training):
    """spread: the standard deviation that the first model gives to a picture's values."""

    spread: Positive
    checkpoints: Annotated[int, Field(ge=2, le=1000)]


class Toy(KindSection):
    dataset: Dataset
    model: Stretcher
    start: Start


SECTION = Toy
