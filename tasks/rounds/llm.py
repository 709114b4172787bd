"""The language model of a kind's labels: its endpoint by params.yaml, and votes on pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from labelling.llm import Endpoint, Outcome, Pictures, Replies, ask, pair_requests, verdicts
from labelling.llm.pairs import described
from labelling.store import PairImages, Store, StoredVote
from tasks.config.asking import Labels, Llm


def endpoint_of(settings: Llm) -> Endpoint:
    """The endpoint that a section `llm` describes."""
    return Endpoint(
        model=settings.model,
        base_url=settings.base_url,
        side=settings.side,
        attempts=settings.attempts,
        concurrency=settings.concurrency,
        timeout=settings.timeout,
        retries=settings.retries,
        temperature=settings.temperature,
        input_price=settings.price.input,
        output_price=settings.price.output,
        requests=settings.budget.requests,
        money=settings.budget.money,
    )


def spent_of(outcome: Outcome[Any], replies: Replies, round_name: str) -> dict[str, Any]:
    """What a summary says of the asking: what the round has cost, and what never got an answer that fits.

    Nothing of this run alone: the same answers give the same summary.
    """
    spent = replies.spent(round_name)
    return {"requests": spent.requests, "money": round(spent.money, 6), "failed": len(outcome.failed)}


def waits(outcome: Outcome[Any], round_name: str, kind: str, before: int = 0) -> bool:
    """Say why the model's answers are not all in, where they are not. before: answers that were in already."""
    if not outcome.left:
        return False
    have = before + len(outcome.answers) + len(outcome.failed)
    print(
        f"round {round_name} waits for the language model: {have} of {have + len(outcome.left)} answers are in, and kept; "
        f"{outcome.stopped}.\nMend that ({kind}.labels.llm in params.yaml, or the endpoint), then run `dvc repro` again.",
        flush=True,
    )
    return True


def said(line: str) -> None:
    print(line, flush=True)


def votes_on_pairs(
    store: Store, round_name: str, kind: str, settings: Labels, offered: Sequence[PairImages]
) -> tuple[list[StoredVote], dict[str, Any]] | None:
    """The model's votes on pairs that are registered, both orders asked, and a summary; None where it waits."""
    assert settings.llm is not None
    endpoint, replies = endpoint_of(settings.llm), Replies()
    pairs: dict[str, tuple[str, str]] = {}
    requests = []
    for pair in offered:
        low, high = sorted((pair.first_sha256, pair.second_sha256))
        pairs[pair.key] = (low, high)
        sources = [(source.name, source.sha256) for source in pair.sources]
        requests += pair_requests(pair.key, (low, high), sources, settings.question)
    outcome = ask(requests, endpoint, Pictures(store.picture, endpoint.side), replies, round_name, said)
    found = verdicts(outcome.answers, pairs, settings.question, endpoint.model, round_name)
    store.add_votes(found.votes)
    if waits(outcome, round_name, kind):
        return None
    votes = [vote for vote in store.votes(list(pairs), "llm", settings.question) if vote.observer == endpoint.model]
    summary = {"model": endpoint.model, **described(found), **spent_of(outcome, replies, round_name)}
    print(
        f"round {round_name}: {endpoint.model} decided {found.decided} of {len(pairs)} pairs; {found.flips} flips of position "
        f"are ties; {len(outcome.failed)} answers never fitted"
    )
    return votes, summary
