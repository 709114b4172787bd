"""A file that fine-tunes the model on what experts rated, in the provider's format, and the job that does it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from labelling.llm.asking import prepared
from labelling.llm.endpoint import Endpoint, EndpointError, client_of
from labelling.llm.pictures import Pictures
from labelling.llm.ratings import Example, answer_of, rating_request
from labelling.store import Criterion


def training_lines(
    rated: Sequence[Example], criteria: Sequence[Criterion], question: str, endpoint: Endpoint, pictures: Pictures
) -> Iterator[str]:
    """A line of JSON a rating: the question as the model will be asked it, and the expert's answer."""
    for one in sorted(rated, key=lambda one: (one.rating.item, one.rating.observer)):
        request = rating_request(one.rating.item, one.sources, criteria, question, ())
        messages = prepared(request, endpoint, pictures)
        messages.append({"role": "assistant", "content": answer_of(one, criteria)})
        yield json.dumps({"messages": messages}, ensure_ascii=False)


def start_job(file: Path, endpoint: Endpoint) -> tuple[str, str]:
    """Upload the file and start the job: its id and its state. Raises NoKey, EndpointError."""
    import openai

    client = client_of(endpoint)
    try:
        with file.open("rb") as stream:
            uploaded = client.files.create(file=stream, purpose="fine-tune")
        job = client.fine_tuning.jobs.create(model=endpoint.model, training_file=uploaded.id)
    except openai.OpenAIError as error:
        raise EndpointError(f"the endpoint does not start the job: {' '.join(str(error).split())[:300]}") from error
    finally:
        client.close()
    return job.id, str(job.status)
