"""Sealed tokens: what a browser may hold and hand back, and can neither read nor make.

A token is encrypted and authenticated with a key made from the label store's secret, so a server keeps nothing in
memory: killed and started again, or a second one beside it, it still knows what it once sealed.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import math
import os
import time
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from labelling.store import UnknownObserver

if TYPE_CHECKING:
    from labelling.store import Observer, Store

MAX_TOKEN = 1024  # characters; the longest one made here has about 500
_NONCE = 16  # bytes
_LATELY = 1.0  # seconds
_LATELY_KNOWN = 1000  # sessions
_BLOCK = 64  # bytes; payloads are filled up to a multiple, so that a token's length tells nothing


class BadToken(ValueError):
    """A token was not sealed by this store, or for another purpose, or it was changed."""


class NoAccess(Exception):
    """A personal link is forged, was revoked, or was replaced by a newer one."""


class Sealer:
    """Seals small JSON values with the store's secret (AES-SIV, RFC 5297; the key by HKDF with SHA-256).

    The `purpose` is part of what is authenticated: a token made for one purpose does not open for another.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) < 32:
            raise ValueError("the secret of the label store must have 32 bytes")
        keys = HKDF(algorithm=SHA256(), length=96, salt=None, info=b"loupe labelling tokens").derive(secret)
        self._cipher = AESSIV(keys[:64])
        self._signing = keys[64:]

    def seal(self, purpose: str, payload: Any, *, fresh: bool = True) -> str:
        """URL-safe token of `payload`; each call gives another one, unless `fresh` is False (same payload, same token)."""
        content = json.dumps(payload, separators=(",", ":")).encode("ascii")
        content = content.ljust(-(-len(content) // _BLOCK) * _BLOCK)
        nonce = os.urandom(_NONCE) if fresh else bytes(_NONCE)
        return _text(nonce + self._cipher.encrypt(content, [purpose.encode(), nonce]))

    def open(self, purpose: str, token: str) -> Any:
        """The payload of a token sealed for `purpose`. Raises BadToken."""
        refusal = BadToken(f"this {purpose} is not known here; open your personal link again")
        if not isinstance(token, str) or len(token) > MAX_TOKEN:
            raise refusal
        try:
            raw = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
            nonce, sealed = raw[:_NONCE], raw[_NONCE:]
            content = self._cipher.decrypt(sealed, [purpose.encode(), nonce])
        except (binascii.Error, UnicodeError, ValueError, InvalidTag):
            raise refusal from None
        if _text(raw) != token:  # base64 has several spellings of the same bytes; only one is ours
            raise refusal
        return json.loads(content)

    def sign(self, purpose: str, text: str) -> str:
        """A code for `text` that only the holder of the secret can make (HMAC-SHA-256, hex)."""
        return hmac.new(self._signing, f"{purpose}\n{text}".encode(), sha256).hexdigest()

    def is_signed(self, purpose: str, text: str, code: str) -> bool:
        """True if `code` is what `sign` gives; takes the same time for every wrong one."""
        return hmac.compare_digest(self.sign(purpose, text).encode(), code.encode("utf-8", "replace"))


@dataclass(frozen=True)
class Session:
    """The observer behind a cookie: who, the cookie itself, and the code that a page must send with every change."""

    observer: Observer
    cookie: str
    code: str


class Doorkeeper:
    """Personal links: who a token belongs to, as the store knows it at this moment."""

    def __init__(self, store: Store, sealer: Sealer) -> None:
        self._store = store
        self._sealer = sealer
        self._lately: dict[str, tuple[float, Session]] = {}

    def token(self, observer: Observer) -> str:
        """The token of an observer's personal link; the same one until the observer is revoked."""
        return self._sealer.seal("link", [observer.id, observer.serial], fresh=False)

    def admit(self, token: str) -> Session:
        """The session of a personal link or cookie. Raises NoAccess; StoreUnavailable where the store cannot tell."""
        try:
            id, serial = self._sealer.open("link", token)
            observer = self._store.observer(id)
        except (BadToken, UnknownObserver):
            raise NoAccess("this personal link is not valid here; ask for a new one") from None
        if observer.revoked_at is not None or observer.serial != serial:
            raise NoAccess("this personal link was withdrawn; ask for a new one")
        return Session(observer, token, self._sealer.sign("session", token))

    def admit_again(self, token: str) -> Session:
        """As `admit`, from memory where the token was admitted less than a second ago: a view has dozens of tiles."""
        when, session = self._lately.get(token, (-math.inf, None))
        if session is None or time.monotonic() - when > _LATELY:
            session = self.admit(token)
            if len(self._lately) >= _LATELY_KNOWN:
                self._lately.clear()
            self._lately[token] = time.monotonic(), session
        return session

    def is_code(self, session: Session, code: str) -> bool:
        """True if `code` is the one that pages of this session hold."""
        return self._sealer.is_signed("session", session.cookie, code)


def observer_link(store: Store, name: str, base: str) -> str:
    """The personal link of the observer called `name`, for a server at `base` (http://HOST:PORT).

    Raises UnknownObserver where nobody of that name may work here.
    """
    observer = store.observer_named(name)
    if observer.revoked_at is not None:
        raise UnknownObserver(f"there is no observer {name!r:.80}; add one with: loupe observers add NAME")
    return f"{base.rstrip('/')}/o/{Doorkeeper(store, Sealer(store.secret())).token(observer)}"


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
