"""What a connector is: a job type, what it takes, and a function that does the work outside any transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bpm_server.connectors.http import Policy


class TemporaryError(Exception):
    """The outside did not work this time: tried again after ``delay_s`` (None: by the job's own back-off)."""

    def __init__(self, message: str, *, delay_s: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.delay_s = delay_s


class PermanentError(Exception):
    """Trying again cannot help. ``code``: offered to the process as a BPMN error first; else an incident."""

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


@dataclass(frozen=True, slots=True)
class Request:
    """One piece of work.

    Attributes:
        key: The job's key: the same over all tries; use it as idempotency key.
        variables: What the element sees, its input mappings first.
        attempt: 1 for the first try.
        now: Engine time.
        policy: Where calls may go, see ``connectors.http``.
    """

    key: int
    instance_key: int
    element_id: str
    headers: Mapping[str, str]
    variables: Mapping[str, Any]
    attempt: int
    now: datetime
    policy: Policy


@dataclass(frozen=True, slots=True)
class Result:
    """What came back: variables for the process (JSON values).

    Attributes:
        local: Values that stay at the element, for its output mappings.
    """

    variables: Mapping[str, Any] = field(default_factory=dict)
    local: Mapping[str, Any] = field(default_factory=dict)


class Handler(Protocol):
    """Does the work.

    Raises:
        TemporaryError: try again later.
        PermanentError: trying again cannot help.
    """

    def __call__(self, request: Request, /) -> Result:
        """The result, as variables."""
        ...


@dataclass(frozen=True, slots=True)
class Connector:
    """One connector of the installation.

    Attributes:
        type: Job type that it serves.
        name: For people, by language.
        outbox: Its work is a signed webhook that the outbox delivers; it has no handler of its own.
        inputs: Names of the inputs, with whether they are required.
        retries: Tries before an incident.
        lease_s: How long one try may take before another worker tries.
        url_input: Input that holds the URL it will call; each host is then a channel of its own (ADR 16).
        most_at_once: So many run at once in one worker process; None: as the installation sets it.
        most_per_minute: So many begin in a minute, over all workers; None: no limit.
    """

    type: str
    name: Mapping[str, str]
    handler: Handler | None = None
    outbox: bool = False
    inputs: Mapping[str, bool] = field(default_factory=dict)
    retries: int = 3
    lease_s: int = 120
    url_input: str | None = None
    most_at_once: int | None = None
    most_per_minute: int | None = None
