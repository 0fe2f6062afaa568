"""A webhook receiver for tests: checks signatures, applies each webhook-id once, fails as often as it is told to."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver:
    """Listens on a loopback port, a free one unless it is named.

    Attributes:
        applied: Payloads by webhook-id: what the finance system has booked.
        seen: How often each webhook-id arrived with a valid signature.
        refused: Requests with a wrong signature.
    """

    def __init__(self, secret: str = "", *, fails: float = 0.0, seed: int = 1, port: int = 0) -> None:
        self.secret = secret
        self.fails = fails
        self.applied: dict[str, dict[str, Any]] = {}
        self.seen: Counter[str] = Counter()
        self.refused = 0
        self._draw = random.Random(seed)
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                body = self.rfile.read(length)
                if len(body) < length:  # the sender was killed while it wrote
                    self.close_connection = True
                    return
                status = receiver.receive(dict(self.headers.items()), body)
                if status:
                    self.send_response(status)
                    self.send_header("content-length", "0")
                    self.end_headers()
                else:
                    self.close_connection = True

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def receive(self, headers: dict[str, str], body: bytes) -> int | None:
        """Status to answer; None drops the connection."""
        given = {name.lower(): value for name, value in headers.items()}
        if not self.is_signed(given, body):
            with self._lock:
                self.refused += 1
            return 401
        key = given["webhook-id"]
        with self._lock:
            self.seen[key] += 1
            failure = self._draw.choice(("before", "after", "drop")) if self._draw.random() < self.fails else None
            if failure != "before":
                self.applied.setdefault(key, json.loads(body))
        return {None: 204, "before": 500, "after": 503, "drop": None}[failure]

    def is_signed(self, headers: dict[str, str], body: bytes) -> bool:
        """Standard Webhooks 1.0, written here again from its text: not with the product's own code."""
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        signed = f"{headers.get('webhook-id')}.{headers.get('webhook-timestamp')}.".encode() + body
        expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        return any(hmac.compare_digest(expected, part) for part in headers.get("webhook-signature", "").split())
