"""A webhook receiver for tests: checks signatures, applies each webhook-id once, fails as often as it is told to."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import threading
from collections import Counter
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

FAILURES = {"before": 500, "after": 503, "drop": None, "busy": 429}
"""How it fails: before and after it has acted, hanging up after that, asking for a second of peace; what it answers."""
LEFT_ALONE = frozenset({"before", "busy"})


@dataclass(frozen=True)
class Heard:
    """One request: whether it was signed, whether it is acted on, what is answered (None: nothing)."""

    headers: dict[str, str]
    body: bytes
    is_signed: bool
    is_applied: bool
    status: int | None


class Receiver:
    """Listens on a loopback port, a free one unless it is named.

    Attributes:
        applied: Payloads by webhook-id: what the finance system has booked.
        seen: How often each webhook-id arrived with a valid signature.
        refused: Requests with a wrong signature.
    """

    def __init__(
        self,
        secret: str = "",
        *,
        fails: float = 0.0,
        failures: tuple[str, ...] = ("before", "after", "drop"),
        seed: int = 1,
        port: int = 0,
        tell: Callable[[Heard], None] = lambda _: None,
    ) -> None:
        """Fails this share of requests, in these ways; each request is told to ``tell`` before it is answered."""
        self.secret = secret
        self.fails = fails
        self._failures = failures
        self._tell = tell
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
                    if status == FAILURES["busy"]:
                        self.send_header("retry-after", "1")
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
            self._tell(Heard(given, body, is_signed=False, is_applied=False, status=401))
            return 401
        key = given["webhook-id"]
        with self._lock:
            self.seen[key] += 1
            failure = self._draw.choice(self._failures) if self._draw.random() < self.fails else None
            is_applied = failure not in LEFT_ALONE
            if is_applied:
                self.applied.setdefault(key, json.loads(body))
        status = 204 if failure is None else FAILURES[failure]
        self._tell(Heard(given, body, is_signed=True, is_applied=is_applied, status=status))
        return status

    def is_signed(self, headers: dict[str, str], body: bytes) -> bool:
        """Standard Webhooks 1.0, written here again from its text: not with the product's own code."""
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        signed = f"{headers.get('webhook-id')}.{headers.get('webhook-timestamp')}.".encode() + body
        expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        return any(hmac.compare_digest(expected, part) for part in headers.get("webhook-signature", "").split())
