"""A push service on a port of its own, and browsers that subscribe there.

It checks what a real one does (RFC 8030, RFC 8292) and opens what a browser does (RFC 8291), with keys of its own and
not by the product's code.
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import http_ece
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bpm_server.domain.pushes import Subscription

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY_S = 24 * 3600


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Received:
    """A message that arrived and could be opened."""

    browser: str
    payload: dict[str, Any]
    headers: dict[str, str]
    claims: dict[str, Any]
    size: int


@dataclass
class Browser:
    """A browser: what it subscribed with."""

    name: str
    endpoint: str
    server_key: str
    private_key: ec.EllipticCurvePrivateKey = field(repr=False)
    auth: bytes = field(repr=False)

    @property
    def p256dh(self) -> str:
        return encoded(self.private_key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))

    @property
    def subscription(self) -> Subscription:
        return Subscription(self.endpoint, self.p256dh, encoded(self.auth), self.server_key)

    def as_json(self) -> dict[str, Any]:
        """The body of ``POST /api/push-subscriptions``."""
        keys = {"p256dh": self.p256dh, "auth": encoded(self.auth)}
        return {"endpoint": self.endpoint, "keys": keys, "serverKey": self.server_key}

    def as_form(self) -> dict[str, str]:
        """What ``push.js`` sends."""
        return {
            "endpoint": self.endpoint,
            "p256dh": self.p256dh,
            "auth": encoded(self.auth),
            "server_key": self.server_key,
        }


class PushService:
    """Takes messages for browsers, or answers as it is told.

    Attributes:
        received: In the order of their arrival.
        asked: How often anything was asked for.
        answers: What it says next instead of taking a message: a status and headers.
    """

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.asked = 0
        self.answers: deque[tuple[int, dict[str, str]]] = deque()
        self.gone: set[str] = set()
        self.arrived = threading.Condition()
        self._browsers: dict[str, Browser] = {}
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status, headers = service._take(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def subscribe(self, name: str, server_key: str) -> Browser:
        """A browser subscribes with a server's public key."""
        path = f"/send/{secrets.token_urlsafe(24)}"
        private_key = ec.generate_private_key(ec.SECP256R1())
        found = Browser(name, self.url + path, server_key, private_key, secrets.token_bytes(16))
        self._browsers[path] = found
        return found

    # --- what arrives -----------------------------------------------------------------------------------

    def _take(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str]]:
        with self.arrived:
            self.asked += 1
            if self.answers:
                return self.answers.popleft()
            browser = self._browsers.get(path)
            if browser is None or browser.name in self.gone:
                return 410, {}
            claims = self._claims(headers, browser.server_key)
            if claims is None:
                return 403, {}
            if headers.get("content-encoding") != "aes128gcm" or not headers.get("ttl", "").isdecimal():
                return 400, {}
            if len(body) > 4096 or len(headers.get("topic", "")) > 32:
                return 413, {}
            plain = http_ece.decrypt(
                body, private_key=browser.private_key, auth_secret=browser.auth, version="aes128gcm"
            )
            self.received.append(Received(browser.name, json.loads(plain), headers, claims, len(plain)))
            self.arrived.notify_all()
            return 201, {}

    def _claims(self, headers: dict[str, str], server_key: str) -> dict[str, Any] | None:
        """What the signature says; None: it is not of the key that the browser subscribed with, or not for here."""
        scheme, _, rest = headers.get("authorization", "").partition(" ")
        parts = dict(part.strip().split("=", 1) for part in rest.split(",") if "=" in part)
        if scheme.lower() != "vapid" or parts.get("k") != server_key:
            return None
        signed, _, signature = parts["t"].rpartition(".")
        raw = decoded(signature)
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decoded(server_key))
        pair = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
        key.verify(pair, signed.encode(), ec.ECDSA(hashes.SHA256()))  # raises: the test fails
        head, claims = (json.loads(decoded(part)) for part in signed.split("."))
        left = claims["exp"] - time.time()  # noqa: TID251 - as a service elsewhere sees it
        if head != {"typ": "JWT", "alg": "ES256"} or claims["aud"] != self.url or not 0 < left <= DAY_S:
            return None
        found: dict[str, Any] = claims
        return found

    # --- what a test asks -------------------------------------------------------------------------------

    def names(self) -> list[str]:
        return [one.browser for one in self.received]

    def titles(self) -> list[str]:
        return [one.payload["title"] for one in self.received]

    def wait_for(self, count: int, timeout_s: float = 20.0) -> list[Received]:
        """So many messages; fails where they do not come."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.received) >= count, timeout_s), self.received
            return list(self.received)


@contextmanager
def push_service() -> Iterator[PushService]:
    """A push service as long as the block runs."""
    found = PushService()
    thread = threading.Thread(target=found._server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        found._server.shutdown()
        found._server.server_close()
        thread.join(10)
