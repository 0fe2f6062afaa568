"""``/v2/clock``: pinning the engine's clock, in installations for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bpm_server.services import clock
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import Body, Number

api = ApiBlueprint("clock", tag="Clock")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST_MS = 253_402_300_799_000
"""The end of the year 9999."""


class ClockPin(Body):
    """Milliseconds since 1970."""

    timestamp = Number(least=0, most=LAST_MS, required=True)


@api.operation("PUT", "/clock", "pinClock", takes=ClockPin, status=204, body_required=True)
def pin_clock(call: Call) -> None:
    """Let the engine's time stand still."""
    clock.pin_clock(call.server, call.actor, EPOCH + timedelta(milliseconds=call.body["timestamp"]))


@api.operation("POST", "/clock/reset", "resetClock", status=204)
def reset_clock(call: Call) -> None:
    """Let the engine's time run again."""
    clock.reset_clock(call.server, call.actor)
