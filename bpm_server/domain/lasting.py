"""What a step leaves behind: its events without the work that it both began and called off.

Nobody has seen such work: no row is written for it, and nothing happens beside the instance. The journal keeps all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.domain import events as e

if TYPE_CHECKING:
    from collections.abc import Sequence

BEGINS: dict[type[e.Event], tuple[str, str]] = {
    e.UserTaskCreated: ("task", "key"),
    e.JobCreated: ("job", "element_key"),
    e.ProcessCalled: ("call", "element_key"),
    e.IncidentRaised: ("incident", "element_key"),
}
"""Kind of work, and the field that names it."""
CALLS_OFF: dict[type[e.Event], tuple[str, str]] = {
    e.UserTaskCanceled: ("task", "key"),
    e.JobCanceled: ("job", "element_key"),
    e.CallCanceled: ("call", "element_key"),
    e.IncidentResolved: ("incident", "element_key"),
}


def lasting(happened: Sequence[e.Event]) -> list[e.Event]:
    """The events of one step that count outside of it."""
    kinds = set(map(type, happened))
    if kinds.isdisjoint(CALLS_OFF) and e.SubscriptionsClosed not in kinds:
        return list(happened)
    begun: dict[tuple[str, int], int] = {}
    waits: dict[int, e.SubscriptionOpened] = {}
    left_out: set[int] = set()
    for index, event in enumerate(happened):
        if type(event) in BEGINS:
            kind, name = BEGINS[type(event)]
            begun[kind, getattr(event, name)] = index
        elif type(event) in CALLS_OFF:
            kind, name = CALLS_OFF[type(event)]
            first = begun.pop((kind, getattr(event, name)), None)
            left_out |= set() if first is None else {first, index}
        elif isinstance(event, e.SubscriptionOpened):
            waits[index] = event
        elif isinstance(event, e.SubscriptionsClosed):
            # The closing itself stays: it may end older ones too.
            closed = {at for at, wait in waits.items() if event.closes(wait)}
            left_out |= closed
            waits = {at: wait for at, wait in waits.items() if at not in closed}
    return [event for index, event in enumerate(happened) if index not in left_out]
