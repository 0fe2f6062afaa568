"""The finance system of the demo company: receives the webhooks of approved orders and books each order once.

It stands for a system of another company, and so asks nobody who is signed in: the signature is its only proof.
"""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, current_app, request
from werkzeug.exceptions import NotFound

from bpm_server.connectors.webhooks import verify
from bpm_server.domain.demo import COMPANY
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput
from bpm_server.services.webhook_secrets import signing_secrets
from bpm_server.web import access
from bpm_server.web.pages import answers, formats
from bpm_server.web.pages.visitor import signed_in

if TYPE_CHECKING:
    from datetime import datetime

pages = Blueprint("finance_system", __name__)
PATH = "/demo/finance-system"
MOST_KEPT = 500


@dataclass(frozen=True, slots=True)
class Booking:
    """An order as finance has it. ``times``: how often its message came; it was applied the first time."""

    webhook_id: str
    event_type: str
    data: dict[str, Any]
    received_at: datetime
    times: int = 1


class Ledger:
    """What was received, by webhook id; in memory, as befits a demo."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bookings: OrderedDict[str, Booking] = OrderedDict()

    def receive(self, booking: Booking) -> Booking:
        """Books a message once; the same id again only counts."""
        with self._lock:
            known = self._bookings.get(booking.webhook_id)
            kept = (
                booking
                if known is None
                else Booking(known.webhook_id, known.event_type, known.data, known.received_at, known.times + 1)
            )
            self._bookings[booking.webhook_id] = kept
            while len(self._bookings) > MOST_KEPT:
                self._bookings.popitem(last=False)
            return kept

    def all(self) -> list[Booking]:
        """Newest first."""
        with self._lock:
            return list(self._bookings.values())[::-1]


def _ledger() -> Ledger:
    found: Ledger = current_app.extensions.setdefault("bpm_server.finance_system", Ledger())
    return found


def _only_in_the_demo() -> None:
    if not access.server().settings.demo:
        raise NotFound


@pages.post(PATH)
def receive() -> Response:
    """Takes a webhook with a valid signature."""
    _only_in_the_demo()
    server = access.server()
    body = request.get_data()
    given = {name.lower(): value for name, value in request.headers.items()}
    keys = signing_secrets(server, COMPANY.endpoint)
    if not verify(given, body, keys, server.clock.now()):
        return Response("the signature is missing, wrong or too old", 401, content_type="text/plain")
    try:
        message = json.loads_untrusted(body)
        event_type, data = str(message["type"]), dict(message["data"])
    except (InvalidInput, KeyError, TypeError, ValueError):
        return Response("expected type and data", 400, content_type="text/plain")
    kept = _ledger().receive(Booking(request.headers["webhook-id"], event_type, data, formats.now()))
    answer = {"received": True, "applied": kept.times == 1, "voucher": _voucher(kept)}
    return Response(json.dumps_bytes(answer), content_type="application/json")


def _voucher(booking: Booking) -> str:
    """A number that is the same each time the message comes."""
    return f"FV-{zlib.crc32(booking.webhook_id.encode()) % 1_000_000:06d}"


@pages.get(PATH)
def show() -> Response:
    """The orders that finance has."""
    _only_in_the_demo()
    signed_in()
    bookings = [(one, _voucher(one)) for one in _ledger().all()]
    return answers.html("demo/finance_system.html", bookings=bookings)
