"""Errors and escalations: who catches them, and what happens when nobody does.

They walk up token by token: first the boundary events of the element, then the event sub-processes of its scope
(not when coming out of one of them), then the scope's own boundary events, and so on. An exact code goes before a
catch-all at the same place.

Source: Camunda 8 documentation, "Error events" and "Escalation events"; BPMN 2.0.2, 10.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.bpmn.model import ErrorEvent, EscalationEvent, NodeType
from bpm_server.domain import events
from bpm_server.engine.variables import Visible

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bpm_server.engine.definition import Catch
    from bpm_server.engine.instance import Instance
    from bpm_server.engine.token import Token


class Throwing:
    """Errors and escalations inside one instance."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def error(self, origin: Token, code: str, message: str | None, values: Mapping[str, Any]) -> None:
        """Throws a BPMN error at an element; uncaught, it is offered to the caller (``ErrorEscaped``)."""
        found = self._find(origin, ErrorEvent, code, self._instance.now)
        if found is None:
            self._instance.emit(events.ErrorEscaped(origin.id, code, message, dict(values), origin.chunk_key))
            return
        holder, catch = found
        event = catch.event
        assert isinstance(event, ErrorEvent)  # noqa: S101
        extra = {event.code_variable: code, event.message_variable: message}
        named = {name: value for name, value in extra.items() if name is not None}
        self._enter(holder, catch, {**values, **named})

    def escalation(self, origin: Token, code: str, values: Mapping[str, Any]) -> None:
        """Throws an escalation; uncaught, it is offered to the caller, and otherwise has no effect."""
        found = self._find(origin, EscalationEvent, code, self._instance.now)
        if found is None:
            self._instance.emit(events.EscalationEscaped(origin.id, code, dict(values), origin.chunk_key))
            return
        holder, catch = found
        event = catch.event
        assert isinstance(event, EscalationEvent)  # noqa: S101
        named = {} if event.code_variable is None else {event.code_variable: code}
        self._enter(holder, catch, {**values, **named})

    def catches_error(self, origin: Token, code: str, now: datetime) -> bool:
        """Whether somebody from here outwards would catch the error; may be asked while no command runs."""
        return self._find(origin, ErrorEvent, code, now) is not None

    def catches_escalation(self, origin: Token, code: str, now: datetime) -> bool:
        """Whether somebody from here outwards would catch the escalation; may be asked while no command runs."""
        return self._find(origin, EscalationEvent, code, now) is not None

    def _enter(self, holder: Token, catch: Catch, values: Mapping[str, Any]) -> None:
        self._instance.emit(events.EventTriggered(holder.id, catch.event_id))
        if catch.role == "boundary":
            self._instance.waiting.enter_boundary(holder, catch, values)
        else:
            self._instance.waiting.enter_event_sub_process(holder, catch, values)

    def _find(
        self, origin: Token, kind: type[ErrorEvent | EscalationEvent], code: str, now: datetime
    ) -> tuple[Token, Catch] | None:
        at = origin
        while True:
            catch = self._match(at, "boundary", kind, code, now)
            if catch is not None:
                return at, catch
            scope = at.parent
            if scope is None:
                return None
            comes_out = at.task_spec.node.type is NodeType.EVENT_SUB_PROCESS
            if not comes_out and not scope.recall("taken-over"):
                catch = self._match(scope, "event-sub-process", kind, code, now)
                if catch is not None:
                    return scope, catch
            at = scope

    def _match(
        self, token: Token, role: str, kind: type[ErrorEvent | EscalationEvent], code: str, now: datetime
    ) -> Catch | None:
        catch_all = None
        for catch in token.task_spec.throw_catches:
            event = catch.event
            if catch.role != role or not isinstance(event, kind):
                continue
            if event.code is None:
                catch_all = catch_all or catch
            elif event.code.evaluate(Visible(token), now=now).value == code:
                return catch
        return catch_all
