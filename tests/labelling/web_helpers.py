"""A browser without a screen: follows a personal link, and talks to the app as the pages do."""

from __future__ import annotations

import io
import re
import uuid
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from labelling.desk.tokens import observer_link
from labelling.store import Store
from labelling.web import create_app

BASE = "http://127.0.0.1:8000"


class Browser:
    """One observer's browser; remembers every byte it received."""

    def __init__(self, app: FastAPI, store: Store, name: str = "anna", role: str = "observer") -> None:
        self.observer = store.add_observer(name, role)
        self.client = TestClient(app, base_url=BASE, raise_server_exceptions=False)
        self.received: list[bytes] = []
        self.link = observer_link(store, name, BASE)
        self.get(self.link.removeprefix(BASE))
        self.code = ""
        self.read_code()

    def read_code(self) -> None:
        """Take the session's code from a page."""
        found = re.search(r'name="session" content="([^"]+)"', self.get("/", follow_redirects=True).text)
        self.code = found[1] if found else ""

    def get(self, path: str, follow_redirects: bool = False, **headers: str) -> Any:
        response = self.client.get(path, headers=headers, follow_redirects=follow_redirects)
        self._keep(response)
        return response

    def post(self, path: str, body: Any, **headers: str) -> Any:
        response = self.client.post(path, json=body, headers={"X-Loupe-Session": self.code} | headers)
        self._keep(response)
        return response

    def sets(self) -> list[tuple[str, str]]:
        """(task, set) of everything on this observer's list, in order."""
        first = self.get("/")
        if first.status_code == 303:
            return [tuple(first.headers["location"].strip("/").split("/"))]  # type: ignore[list-item]
        return re.findall(r'href="/(compare|rate|review)/([\w-]+)"', first.text)

    def set(self, task: str = "compare") -> str:
        return dict(self.sets())[task]

    def next(self, set: str | None = None, *skip: str) -> Any:
        return self.post("/api/next", {"set": set or self.set(), "skip": list(skip)}).json()

    def vote(self, showing: str, answer: str = "left", /, **changes: Any) -> Any:
        body = {"id": str(uuid.uuid4()), "showing": showing, "answer": answer, "seconds": 1.5}
        return self.post("/api/vote", body | changes)

    def tile(self, picture: dict[str, Any] | str, level: int = 0, x: int = 0, y: int = 0) -> Any:
        id = picture if isinstance(picture, str) else picture["id"]
        return self.get(f"/tile/{id}/{level}/{x}/{y}")

    def grey(self, picture: dict[str, Any]) -> int:
        """The grey of a picture of `label_helpers.png`, by which it is known."""
        with Image.open(io.BytesIO(self.tile(picture).content)) as image:
            return int(image.getpixel((0, 0))[0])  # type: ignore[index]

    def _keep(self, response: Any) -> None:
        headers = "\n".join(f"{name}: {value}" for name, value in response.headers.items())
        self.received += [headers.encode(), response.content]


def make_app(store: Store, **options: Any) -> FastAPI:
    """The app over `store`; nothing is called after the last vote unless `finish` is given."""
    options.setdefault("finish", lambda round: f"All labels of round {round} are in.")
    return create_app(store, **options)
