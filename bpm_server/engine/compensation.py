"""Compensation: a scope remembers what was completed, a throw undoes it, newest first.

A completed sub-process hands what it remembers, with its local variables, to its own scope; compensating it runs
the handlers inside with those variables.

Source: BPMN 2.0.2, 10.7; Camunda 8 documentation, "Compensation events".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.bpmn.model import CompensateEvent, NodeType
from bpm_server.engine.variables import local_values
from bpm_server.kernel import json

if TYPE_CHECKING:
    from bpm_server.engine.element import Element
    from bpm_server.engine.instance import Instance
    from bpm_server.engine.token import Token

Entry = list[Any]
"""``[element id, entries inside, local variables as JSON]``; the last two only for a sub-process."""


class Compensation:
    """What one instance could undo."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def record(self, token: Token) -> None:
        """Remembers a completed activity that has a handler."""
        self._add(self._keeper(token), [token.task_spec.element_id])

    def hand_over(self, scope: Token) -> None:
        """A sub-process completed: what it could undo now belongs to its own scope."""
        entries = scope.recall("undo")
        if entries and scope.parent is not None:
            data = json.dumps(local_values(scope))
            self._add(self._keeper(scope), [scope.task_spec.element_id, entries, data])

    def _keeper(self, token: Token) -> Token:
        """The nearest scope that is drawn as one; items of a multi-instance and bodies pass on to theirs."""
        scope = token.scope
        while scope.parent is not None and not scope.task_spec.keeps_compensation:
            scope = scope.parent
        return scope

    def _add(self, scope: Token, entry: Entry) -> None:
        scope.remember("undo", [*(scope.recall("undo") or []), entry])

    def throw(self, thrower: Token, activity: str | None) -> bool:
        """Starts the handlers as children of the throwing element; False if there is nothing to undo."""
        scope = self._keeper(thrower)
        if scope.task_spec.node.type is NodeType.EVENT_SUB_PROCESS and not scope.recall("undo"):
            scope = self._keeper(scope)
        entries: list[Entry] = scope.recall("undo") or []
        chosen = [entry for entry in entries if activity is None or entry[0] == activity]
        if not chosen:
            return False
        scope.remember("undo", [entry for entry in entries if entry not in chosen] or None)
        return self._start(thrower, chosen)

    def undo_all(self, thrower: Token, scope: Token) -> bool:
        """Undoes everything of a transaction that is being cancelled."""
        entries: list[Entry] = scope.recall("undo") or []
        scope.remember("undo", None)
        return self._start(thrower, entries) if entries else False

    def _start(self, parent: Token, entries: list[Entry]) -> bool:
        definition = self._instance.definition
        for entry in reversed(entries):
            element = definition.elements[entry[0]]
            handler = _handler_inside(element) if len(entry) > 1 else None
            if handler is not None:
                self._instance.enter(handler, parent)
            elif len(entry) > 1:
                self._reopen(element, parent, entry)
            elif element.compensation_handler is not None:
                self._instance.enter(element.compensation_handler, parent)
        return bool(parent.children)

    def _reopen(self, element: Element, parent: Token, entry: Entry) -> None:
        """Handlers of a completed sub-process see its variables, as they were at its end."""
        assert element.compensation_scope is not None  # noqa: S101
        scope = self._instance.enter(element.compensation_scope, parent)
        scope.data = json.loads(entry[2])
        scope.remember("entries", entry[1])

    def start_inside(self, scope: Token) -> bool:
        """The handlers of a reopened sub-process."""
        entries = scope.recall("entries")
        scope.remember("entries", None)
        return self._start(scope, entries)


def _handler_inside(element: Element) -> Element | None:
    """An event sub-process that compensates its scope, if it has one."""
    for catch in element.throw_catches:
        if isinstance(catch.event, CompensateEvent) and catch.role == "event-sub-process":
            return catch.target
    return None
