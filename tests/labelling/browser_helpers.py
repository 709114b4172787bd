"""The real labelling app on a real port, pictures to judge, and what tests ask a headless Chromium."""

from __future__ import annotations

import base64
import hashlib
import io
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import uvicorn
from PIL import Image
from playwright.sync_api import BrowserContext, Page, Request, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labelling.desk.tokens import observer_link
from labelling.exchange.criteria import FUSION_CRITERIA
from labelling.store import Store
from labelling.store.records import Options, PairImages, RatingItem, SourceImage, pair_key
from labelling.web import create_app

# The shell without a window does with three quarters of the processor.
BROWSERS = (Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium"))
CHROMIUM = next((path for path in BROWSERS if path.exists()), BROWSERS[-1])
QUESTION = "Which one looks better?"


def png_of(pixels: np.ndarray) -> bytes:
    """PNG of (H, W, 3) uint8."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def noise(seed: int, width: int = 900, height: int = 600) -> np.ndarray:
    """(H, W, 3) uint8 in which every pixel differs from its neighbours: a shift by one pixel shows."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def sha_of(png: bytes) -> str:
    return hashlib.sha256(png).hexdigest()


def source(name: str, pixels: np.ndarray) -> SourceImage:
    png = png_of(pixels)
    return SourceImage(name=name, sha256=sha_of(png), png=png)


def pair_of(first: np.ndarray, second: np.ndarray, sources: tuple[SourceImage, ...] = ()) -> PairImages:
    a, b = png_of(first), png_of(second)
    return PairImages(
        key=pair_key(sha_of(a), sha_of(b)), first_sha256=sha_of(a), second_sha256=sha_of(b), first_png=a, second_png=b,
        sources=sources,
    )  # fmt: skip


def noise_pairs(count: int, width: int = 900, height: int = 600) -> list[PairImages]:
    return [pair_of(noise(2 * i, width, height), noise(2 * i + 1, width, height)) for i in range(count)]


def register_ratings(
    store: Store, pictures: int, raters: int = 1, round: str = "ratings", size: int = 600
) -> list[str]:
    """Pictures of `size` x 400 with their sources to be rated; returns their sha256."""
    items = []
    for i in range(pictures):
        png = png_of(noise(100 + i, size, 400))
        both = source("infrared", noise(200 + i, size, 400)), source("visible", noise(300 + i, size, 400))
        items.append(RatingItem(sha256=sha_of(png), png=png, sources=both))
    options = Options(criteria=FUSION_CRITERIA)
    store.register_ratings(round, "people", items, raters, "How good is this fusion?", options)
    return [item.sha256 for item in items]


class App:
    """The labelling app on a loopback port, in a thread; it can be stopped and started again on the same port.

    `sent` has the path and body of every response.
    """

    def __init__(self, store: Store, finish: Callable[[str], str] = lambda _: "The waiting run goes on.") -> None:
        self.store = store
        self._finish = finish
        self.sent: list[tuple[str, bytes]] = []
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        config = uvicorn.Config(
            self._recorded(create_app(self.store, finish=self._finish)), host="127.0.0.1", port=self.port, log_level="critical",
            server_header=False, access_log=False, timeout_graceful_shutdown=1,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        deadline = time.monotonic() + 20
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise RuntimeError("the labelling app did not start")
            time.sleep(0.01)

    def _recorded(self, app: ASGIApp) -> ASGIApp:
        async def recorded(scope: Scope, receive: Receive, send: Send) -> None:
            body = bytearray()

            async def keep(message: Message) -> None:
                body.extend(message.get("body", b""))
                await send(message)

            await app(scope, receive, keep)
            if scope["type"] == "http":
                self.sent.append((scope["path"], bytes(body)))

        return recorded

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(20)

    def link(self, name: str = "anna", role: str = "observer") -> str:
        """The personal link of an observer, who is added where not known yet."""
        self.store.add_observer(name, role)
        return observer_link(self.store, name, self.address)


def open_page(context: BrowserContext, link: str) -> Page:
    """Follow a personal link, and wait until there is something to answer."""
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.goto(link)
    return page


def ready(page: Page, button: str = "#left") -> None:
    """Wait until the showing on screen can be answered."""
    page.locator(f"{button}[aria-disabled=false]").wait_for()
    page.wait_for_timeout(300)  # sooner, an answer is taken for a double click


def canvas(page: Page, number: int = 0) -> np.ndarray:
    """Pixels of pane `number`: (H, W, 3) uint8."""
    url: str = page.locator("canvas").nth(number).evaluate("canvas => canvas.toDataURL()")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB"))


def find(
    seen: np.ndarray, pixels: np.ndarray, at: tuple[int, int] | None = None, patch: int = 24
) -> tuple[int, int] | None:
    """Where (x, y) of `pixels` what is `seen` `at` (x, y), else in the middle, at 100 % comes from; None: nowhere."""
    x, y = at or (seen.shape[1] // 2, seen.shape[0] // 2)
    part = seen[y : y + patch, x : x + patch]
    for row, column in np.argwhere((pixels[: 1 - patch, : 1 - patch] == part[0, 0]).all(-1)):
        if (pixels[row : row + patch, column : column + patch] == part).all():
            return int(column), int(row)
    return None


class Received:
    """What the pages of a context asked for and were answered, by the browser's own account; bodies: App.sent."""

    def __init__(self, context: BrowserContext) -> None:
        self.tiles: list[str] = []
        self.responses: list[Response] = []
        context.on("response", self._answered)
        context.on("request", self._asked)

    def _answered(self, response: Response) -> None:
        self.responses.append(response)

    def _asked(self, request: Request) -> None:
        if "/tile/" in request.url:
            self.tiles.append(request.url)

    def heads(self) -> bytes:
        """Addresses and headers."""
        return b"\n".join(
            response.url.encode() + repr(response.headers_array()).encode() for response in self.responses
        )
