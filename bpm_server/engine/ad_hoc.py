"""An ad-hoc sub-process that a worker leads: it decides at the beginning and after each flow inside.

Source: Camunda 8 documentation, "Ad-hoc sub-processes", Job worker implementation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.domain import events
from bpm_server.engine import variables as v
from bpm_server.engine.jobs import create_job
from bpm_server.engine.outcome import Stuck
from bpm_server.engine.scopes import AdHocSubProcess
from bpm_server.engine.token import Phase, Token

if TYPE_CHECKING:
    from collections.abc import Mapping

ELEMENTS = "adHocSubProcessElements"
"""The variable that tells the worker what it may activate."""


class LedByWorker(AdHocSubProcess):
    """Has one job at a time; ``fulfilled`` once the worker has said that it is done."""

    def work(self, token: Token) -> bool:
        """Asks the worker what to do first."""
        self._begin_collecting(token)
        found = [
            {
                "elementId": node.id,
                "elementName": node.name,
                "documentation": node.documentation,
                "properties": dict(node.properties),
            }
            for node in self.startable()
        ]
        v.set_local(token, {ELEMENTS: found})
        if not self._begins_inside(token):
            self._ask(token)
        return False

    def _ask(self, token: Token) -> None:
        work: Any = self.node.work
        if token.recall("job"):
            token.remember("job", None)
            token.workflow.emit(events.JobCanceled(token.id))
        create_job(token, work.job, "ad-hoc")

    def decided(self, token: Token, values: Mapping[str, Any], choice: Mapping[str, Any]) -> None:
        """The worker has decided: what starts, or that it is done.

        Raises:
            InvalidInput: an element that is not inside, or has an incoming flow.
            WrongState: an event sub-process has taken over.
        """
        v.propagate(token, values)
        self.request(token, choice.get("activate") or [], "result.activateElements")
        if not choice.get("fulfilled"):
            return
        token.remember("fulfilled", 1)
        if choice.get("cancel"):
            self._cancel_remaining(token)
        self.child_left(token)

    def child_left(self, scope: Token) -> None:
        """A flow inside has ended: done, or the worker is asked again."""
        if scope.phase != Phase.WAITING:
            return
        if scope.recall("fulfilled") or scope.recall("taken-over"):
            if scope._children:
                return
            if scope.recall("job"):
                scope.remember("job", None)
                scope.workflow.emit(events.JobCanceled(scope.id))
            scope.phase = Phase.OUTPUTS
            scope.workflow.wake(scope)
            return
        try:
            self._ask(scope)
        except Stuck as stuck:
            scope.workflow.raise_incident(scope, stuck.kind, stuck.message)

    def retry(self, token: Token) -> None:
        """Asks again where asking had failed."""
        if token.phase == Phase.WAITING:
            self.child_left(token)
        else:
            super().retry(token)
