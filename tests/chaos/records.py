"""What a chaos run leaves behind, as JSON lines: what clients did, what the receiver heard, what the database says.

The checker needs nothing else: a run is judged again, elsewhere, from these three files.
"""

from __future__ import annotations

import threading
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

Kind = Literal["start", "complete", "publish", "find"]
Outcome = Literal["ok", "failed", "unknown"]


class Record(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """One line."""


class Begun(Record, frozen=True):
    """A client is about to send a request: written before it is sent.

    Attributes:
        key: Of the operation, the same for all its tries: its ``Idempotency-Key``, where it changes something.
        at: Seconds of a steady clock that all clients share.
        process: Of a start.
        amount: Of a start of an order's approval.
        task: Key of the task to complete.
        element: Where that task stands.
        decision: With what it is completed.
    """

    key: str
    at: float
    client: int
    kind: Kind
    order: str
    person: str
    process: str = ""
    amount: int = 0
    task: int = 0
    element: str = ""
    decision: str = ""


class Ended(Record, frozen=True):
    """What came of a try. ``status`` 0: no answer. ``told``: keys of the started instance, or of the open tasks."""

    key: str
    at: float
    outcome: Outcome
    status: int = 0
    told: tuple[int, ...] = ()


class Request(Record, frozen=True):
    """A request that the receiver got.

    Attributes:
        id: ``webhook-id``.
        is_signed: Whether its signature is right.
        body: SHA-256 of what was sent.
        is_applied: Whether the receiver acted on it (once for each id), whatever it answered.
        status: Its answer; 0: it hung up without one.
    """

    id: str
    is_signed: bool
    event: str = ""
    order: str = ""
    body: str = ""
    is_applied: bool = False
    status: int = 0


class Instance(Record, frozen=True):
    """A process instance; ``order`` is its business id."""

    key: int
    order: str
    process: str
    state: str
    started_at: datetime
    ended_at: datetime | None = None


class Task(Record, frozen=True):
    """A user task."""

    key: int
    instance: int
    element: str
    state: str
    ended_at: datetime | None = None
    ended_by: str = ""


class Completion(Record, frozen=True):
    """The audit log says that somebody completed a task."""

    task: int
    person: str


class Receipt(Record, frozen=True):
    """A message reached an instance; ``order`` is its correlation key."""

    order: str
    instance: int


class Step(Record, frozen=True):
    """A row of the journal."""

    instance: int
    sequence: int
    at: datetime


class Incident(Record, frozen=True):
    """An open incident."""

    instance: int
    element: str
    message: str


_Any = Begun | Ended | Request | Instance | Task | Completion | Receipt | Step | Incident
_DECODER: msgspec.json.Decoder[_Any] = msgspec.json.Decoder(_Any)


class Log:
    """A file of records, written by several threads; each line is in the file when ``write`` returns."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._lock = threading.Lock()

    def write(self, *records: Record) -> None:
        """Appends them."""
        lines = b"".join(msgspec.json.encode(record) + b"\n" for record in records)
        with self._lock:
            self._file.write(lines)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def read(path: Path) -> Iterator[_Any]:
    """The records of a file."""
    with path.open("rb") as file:
        for line in file:
            yield _DECODER.decode(line)


class Operation(msgspec.Struct, frozen=True):
    """What a client wanted, over all its tries.

    Attributes:
        begun: With the first try; its ``at`` is when the operation began.
        ended_at: When the last try ended; infinity where that is not known.
        outcome: ``ok`` where any try was, else that of the last one.
        told: What each successful try told.
    """

    begun: Begun
    ended_at: float
    outcome: Outcome
    tries: int
    told: tuple[tuple[int, ...], ...] = ()


def operations(records: Iterable[_Any]) -> list[Operation]:
    """The operations of a client journal, in the order in which they began. A try without an end is ``unknown``."""
    begun: dict[str, Begun] = {}
    tries: dict[str, int] = {}
    ended: dict[str, list[Ended]] = {}
    for record in records:
        if isinstance(record, Begun):
            begun.setdefault(record.key, record)
            tries[record.key] = tries.get(record.key, 0) + 1
        elif isinstance(record, Ended):
            ended.setdefault(record.key, []).append(record)
    return [_operation(one, tries[key], ended.get(key, [])) for key, one in begun.items()]


def _operation(begun: Begun, tries: int, ended: list[Ended]) -> Operation:
    successes = [one for one in ended if one.outcome == "ok"]
    if successes:
        return Operation(begun, successes[0].at, "ok", tries, tuple(one.told for one in successes))
    if len(ended) < tries:
        return Operation(begun, float("inf"), "unknown", tries)
    return Operation(begun, ended[-1].at, ended[-1].outcome, tries)
