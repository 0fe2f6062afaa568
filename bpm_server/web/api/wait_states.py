"""``/v2/element-instances/wait-states``: what element instances wait for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bpm_server.kernel import json
from bpm_server.reports import wait_states as report
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.elements import OUR_TYPES, TYPES, ElementType
from bpm_server.web.api.fields import Data, Key, Reply, Text
from bpm_server.web.api.jobs import JobKind, ListenerEvent
from bpm_server.web.api.searching import Filter, SearchTable
from bpm_server.web.api.tenants import TheTenant

if TYPE_CHECKING:
    from collections.abc import Callable

    from bpm_server.reports.query import Page, Query
    from bpm_server.reports.wait_states import WaitLine

api = ApiBlueprint("wait-states", tag="Element instance")
WAIT_TYPES: dict[str, tuple[str, ...]] = {
    "CONDITION": ("condition",),
    "JOB": ("job",),
    "MESSAGE": ("message",),
    "SIGNAL": ("signal",),
    "TIMER": ("timer",),
    "USER_TASK": ("user-task",),
}
_WORD = {ours: word for word, all_ours in WAIT_TYPES.items() for ours in all_ours}
CHANGES = frozenset({"create", "update"})
FOR_EVER = -1
"""Repetitions of a timer that never ends."""
_kind, _event = JobKind().writer(), ListenerEvent().writer()


def _job(line: WaitLine) -> dict[str, Any]:
    return {
        "jobKey": str(line.key),
        "jobType": line.job_type,
        "jobKind": _kind(line.job_kind or ""),
        "listenerEventType": None if line.listener_event is None else _event(line.listener_event),
        "retries": line.retries,
    }


def _timer(line: WaitLine) -> dict[str, Any]:
    due = None if line.due_at is None else int(line.due_at.timestamp() * 1000)
    return {"dueDate": due, "repetitions": FOR_EVER if line.repetitions is None else line.repetitions}


def _user_task(line: WaitLine) -> dict[str, Any]:
    return {"taskKey": str(line.key), "dueDate": None if line.due_at is None else json.timestamp(line.due_at)}


def _condition(line: WaitLine) -> dict[str, Any]:
    if line.condition is None:
        return {"expression": "", "events": []}
    return {"expression": line.condition.condition.source, "events": sorted(line.condition.changes & CHANGES)}


_DETAILS: dict[str, Callable[[WaitLine], dict[str, Any]]] = {
    "job": _job,
    "timer": _timer,
    "user-task": _user_task,
    "message": lambda line: {"messageName": line.name, "correlationKey": line.correlation_key},
    "signal": lambda line: {"signalName": line.name},
    "condition": _condition,
}


class WaitState(Reply):
    """Something that an element instance waits for; the members of ``details`` depend on its ``waitStateType``."""

    root_process_instance_key = Key(of="root_key")
    process_instance_key = Key(of="instance_key")
    element_instance_key = Key(of="element_key")
    element_id = Text()
    element_type = ElementType()
    tenant_id = TheTenant()
    bpmn_process_id = Text(of="process_id")
    details = Data()


SEARCH = SearchTable(
    report.SEARCH,
    WaitState,
    {
        "elementInstanceKey": "element_key",
        "processInstanceKey": "instance_key",
        "rootProcessInstanceKey": "root_key",
        "elementId": "element_id",
        "elementType": Filter("element_type", TYPES, OUR_TYPES),
        "waitStateType": Filter("type", tuple(WAIT_TYPES), WAIT_TYPES),
    },
    sorts=("elementId", "elementInstanceKey", "processInstanceKey", "rootProcessInstanceKey"),
)


def _find(call: Call, query: Query) -> Page[Any]:
    with call.server.database.read() as connection:
        page: Page[Any] = report.with_conditions(
            call.server, connection, report.SEARCH.page(connection, call.actor, query)
        )
    return replace(page, items=[_with_details(line) for line in page.items])


def _with_details(line: WaitLine) -> dict[str, Any]:
    details = {"waitStateType": _WORD[line.type], **_DETAILS[line.type](line)}
    return {"details": details, **{name: getattr(line, name) for name in line.__slots__}}


api.search("/element-instances/wait-states/search", "searchElementInstanceWaitStates", SEARCH, _find)
