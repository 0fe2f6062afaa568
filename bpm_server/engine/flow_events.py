"""Start, end, catching and throwing events."""

from __future__ import annotations

from bpm_server.bpmn import model as m
from bpm_server.domain import events
from bpm_server.engine import variables as v
from bpm_server.engine.element import Element
from bpm_server.engine.token import Phase, Token
from bpm_server.kernel import json


class StartEvent(Element):
    """Where a scope begins; what it waited for has come already."""


class BoundaryEvent(Element):
    """Entered when what it waited for has come; ``values`` came with it while its host still had to end."""

    def work(self, token: Token) -> bool:
        """Takes those values."""
        self.take_results(token, json.loads(token.recall("values") or "{}"))
        return True


class CatchEvent(Element):
    """Waits for a message, timer, signal or condition (also a receive task)."""

    def work(self, token: Token) -> bool:
        """Subscribes, unless a gateway before it has waited for it already."""
        if token.recall("arrived"):
            return True
        if self.own_catch is not None:
            token.workflow.waiting.open(token, (self.own_catch,))
        return False


class LinkCatch(Element):
    """The landing place of a link; the compiler joins the throw to it."""


class SignalThrow(Element):
    """Broadcasts a signal."""

    def work(self, token: Token) -> bool:
        """With its input mappings as variables."""
        event = self.node.event
        assert isinstance(event, m.SignalEvent)  # noqa: S101
        name = v.text(event.name, token, "signal name")
        values = v.local_values(token)
        token.workflow.emit(events.SignalBroadcast(token.id, name, values))
        return True


class EscalationThrow(Element):
    """Throws an escalation and goes on, unless that interrupted it."""

    def work(self, token: Token) -> bool:
        """Whoever catches it runs beside or instead."""
        event = self.node.event
        assert isinstance(event, m.EscalationEvent)  # noqa: S101
        code = "" if event.code is None else v.text(event.code, token, "escalation code")
        token.workflow.throwing.escalation(token, code, v.local_values(token))
        return not token.has_ended()


class ErrorEnd(Element):
    """Throws a BPMN error; whoever catches it interrupts this token too."""

    def work(self, token: Token) -> bool:
        """Waits: for the interruption, or with an incident until somebody helps."""
        event = self.node.event
        assert isinstance(event, m.ErrorEvent)  # noqa: S101
        code = "" if event.code is None else v.text(event.code, token, "error code")
        token.workflow.throwing.error(token, code, event.message, v.local_values(token))
        return False

    def retry(self, token: Token) -> None:
        """Throws again: a migration or a changed model may catch it now."""
        token.phase = Phase.WORK
        token.workflow.wake(token)


class TerminateEnd(Element):
    """Ends everything else in its scope."""

    def completed(self, token: Token) -> None:
        super().completed(token)
        for child in token.scope.children:
            if child is not token:
                token.workflow.terminate(child)


class CancelEnd(Element):
    """Cancels the transaction around it, which undoes what was completed and leaves by its cancel event."""

    def completed(self, token: Token) -> None:
        super().completed(token)
        token.scope.task_spec.cancel_transaction(token.scope, token)


class CompensationThrow(Element):
    """Undoes what was completed; waits for the handlers."""

    lends_scope = True

    def work(self, token: Token) -> bool:
        """Handlers run as children of this token."""
        event = self.node.event
        assert isinstance(event, m.CompensateEvent)  # noqa: S101
        return not token.workflow.compensation.throw(token, event.activity)

    def child_left(self, scope: Token) -> None:
        if not scope.children:
            self.finish(scope, {})


class NoneThrow(Element):
    """Goes on at once: none events, and messages that nobody implements."""
