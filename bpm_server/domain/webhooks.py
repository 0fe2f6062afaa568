"""What the webhook connector takes, and a delivery on its way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta


@dataclass(frozen=True, slots=True)
class WebhookInputs:
    """Inputs of a ``webhook`` job: endpoint name, event type, data."""

    endpoint: str
    event_type: str
    data: Any


def read_inputs(values: Mapping[str, Any]) -> WebhookInputs:
    """The inputs from the element's local variables.

    Raises:
        InvalidInput: ``endpoint`` or ``eventType`` is missing; names it.
    """
    for name in ("endpoint", "eventType"):
        if not isinstance(values.get(name), str) or not values[name]:
            found = "nothing" if values.get(name) is None else repr(values[name])
            message = f"Expected input '{name}' of the webhook to be text, but found {found}"
            raise InvalidInput(message, field=name)
    return WebhookInputs(values["endpoint"], values["eventType"], values.get("data"))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an attempt means.

    Attributes:
        outcome: ``delivered``; ``retry`` later; ``gone``: trying again cannot help.
        pause: The receiver wants a pause of the whole endpoint.
    """

    outcome: Literal["delivered", "retry", "gone"]
    pause: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery that a worker has leased.

    Attributes:
        problem: Why it cannot even be tried.
        trace_context: Which request it comes from (``kernel.context``).
    """

    key: int
    webhook_id: str
    payload: bytes
    lease: str
    attempts: int
    url: str
    secrets: tuple[str, ...]
    problem: str | None
    endpoint_name: str
    instance_key: int | None = None
    trace_context: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one try."""

    status: int | None
    answer: str | None
    error: str | None
    duration_ms: int
    verdict: Verdict
