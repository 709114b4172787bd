"""What `loupe llm` does: a question from files, and a training file from the label store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cli.errors import UserError
from labelling.llm import (
    Endpoint,
    Example,
    Pictures,
    Replies,
    Request,
    ask,
    examples_of,
    pair_requests,
    rating_request,
    start_job,
    training_lines,
)
from labelling.store import Store, pair_key
from pictures import atomic_path, encode_png, read_uint8
from tasks import kinds
from tasks.config import load_whole
from tasks.config.asking import Labels
from tasks.rounds.llm import endpoint_of

EXAMPLE = "{base_url: http://localhost:8000/v1, model: NAME, budget: {requests: 500, money: 0.0}}"


def labels_of(kind: str | None) -> tuple[str, Labels, Endpoint]:
    """A kind, its labels section and its endpoint; the only kind that has one where none is named. Raises UserError."""
    params = load_whole()
    if kind is None:
        having = [name for name in params.kinds if params.of(name).labels.llm is not None]
        if len(having) > 1:
            raise UserError(f"several kinds have a language model, {', '.join(having)}: say which by --kind")
        if not having:
            raise UserError(
                f"labels.llm of every kind in params.yaml is null; say which model, and where: llm: {EXAMPLE}"
            )
        kind = having[0]
    if kind not in params.kinds:
        raise UserError(f"kinds of params.yaml does not name {kind!r}; it names {', '.join(params.kinds)}")
    labels: Labels = params.of(kind).labels
    if labels.llm is None:
        raise UserError(f"{kind}.labels.llm of params.yaml is null; say which model, and where: llm: {EXAMPLE}")
    return kind, labels, endpoint_of(labels.llm)


def experts_ratings(store: Store, round_name: str) -> list[Example]:
    """What people and simulated experts rated in a round, as far as it counts. Raises UserError where that is nothing."""
    batch = store.batch(round_name)
    if batch.task == "pairs":
        raise UserError(f"round {round_name} compares pairs; experts' ratings are wanted")
    found = [one for one in store.ratings(round_name) if one.kind != "llm"]
    if not found:
        raise UserError(f"experts have rated nothing in round {round_name} yet: `loupe label {round_name}`")
    return [Example(one, store.sources(round_name, one.item), store.picture_size(one.item)) for one in found]


def try_pictures(pictures: Sequence[Path], sources: Sequence[Path], kind: str | None, round_name: str | None) -> str:
    """The request and the reply as text. Raises UserError, ImageError."""
    kind, labels, endpoint = labels_of(kind)
    own = kinds.named(kind)
    names = own.source_names or ("source",)
    if len(pictures) > 2:
        raise UserError("one picture is rated, two are compared; more were given")
    if len(sources) > len(names):
        raise UserError(f"{kind} has {' and '.join(names)} beside a picture, and {len(sources)} sources were given")
    files: dict[str, bytes] = {}

    def known(path: Path) -> str:
        png = encode_png(read_uint8(path))
        sha256 = hashlib.sha256(png).hexdigest()
        files[sha256] = png
        return sha256

    shown = [(name, known(path)) for name, path in zip(names, sources, strict=False)]
    asked = [known(path) for path in pictures]
    requests: list[Request[Any]]
    store = Store.open() if round_name is not None else None
    try:
        examples = [] if store is None or round_name is None else experts_ratings(store, round_name)
        if len(asked) == 2 and asked[0] == asked[1]:
            raise UserError("both are the same picture")
        if len(asked) == 2:
            key = pair_key(*asked)
            requests = list(pair_requests(key, (asked[0], asked[1]), shown, labels.question))
        else:
            if not own.criteria:
                raise UserError(f"{kind} has no criteria to rate by; give two pictures to compare")
            question = labels.question if labels.ratings is None else labels.ratings.question
            chosen = examples_of(examples, labels.llm.examples if labels.llm is not None else 0)
            requests = [rating_request(asked[0], shown, own.criteria, question, chosen)]

        def png(sha256: str) -> bytes:
            return files[sha256] if sha256 in files or store is None else store.picture(sha256)

        with TemporaryDirectory(prefix="loupe-llm-") as folder:
            replies = Replies(Path(folder))
            outcome = ask(requests, replace(endpoint, requests=len(requests) * endpoint.attempts, money=0.0),
                          Pictures(png, endpoint.side), replies, "try")  # fmt: skip
            kept = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(replies.folder.glob("??/*.json"))]
    finally:
        if store is not None:
            store.close()
    if outcome.left:
        raise UserError(f"nothing was answered: {outcome.stopped}")
    parts = [f"endpoint: {endpoint.base_url or 'OpenAI'}, model: {endpoint.model}"]
    for one in kept:
        parts += [
            "request:",
            _pretty(one["asked"]["messages"]),
            "reply:",
            _pretty(one["reply"]),
            f"cost: {one['cost']:.6f}",
        ]
    parts += [f"{name[:12]}: {answer}" for name, answer in outcome.answers.items()]
    parts += [f"{name[:12]}: no answer that fits, {reason}" for name, reason in outcome.failed.items()]
    return "\n".join(parts)


def write_training(round_name: str, out: Path, kind: str | None, start: bool) -> str:
    """Write the file, and start the job where asked; returns what was done. Raises UserError, EndpointError."""
    if out.suffix != ".jsonl":
        raise UserError(f"{out} should end in .jsonl")
    kind, labels, endpoint = labels_of(kind)
    with Store.open() as store:
        rated = experts_ratings(store, round_name)
        criteria = store.options(round_name).criteria
        question = labels.question if labels.ratings is None else labels.ratings.question
        with atomic_path(out) as temporary, temporary.open("w", encoding="utf-8") as stream:
            for line in training_lines(rated, criteria, question, endpoint, Pictures(store.picture, endpoint.side)):
                stream.write(line + "\n")
    done = f"{len(rated)} ratings by experts written to {out}"
    if not start:
        return f"{done}; `loupe llm finetune {round_name} --out {out} --start` uploads it and starts the job"
    job, state = start_job(out, endpoint)
    return (
        f"{done}, uploaded; job {job} is {state}. When it has ended, name the model it made in {kind}.labels.llm.model"
    )


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
