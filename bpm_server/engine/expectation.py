"""What the tokens of a live instance need outside of the engine: the rows that must be there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.bpmn.model import TimerEvent
from bpm_server.domain.consistency import Needed
from bpm_server.engine.activities import CallActivity
from bpm_server.engine.migration_checks import open_catches
from bpm_server.engine.multi_instance import MultiInstance
from bpm_server.engine.token import Phase
from bpm_server.engine.user_tasks import UserTask
from bpm_server.engine.waiting import SUBSCRIBED

if TYPE_CHECKING:
    from bpm_server.engine.instance import Instance
    from bpm_server.engine.token import Token


def needed(instance: Instance) -> Needed:
    """Everything; the instance must have been loaded as a whole."""
    result = Needed()
    for token in instance.tasks.values():
        _add(result, token)
    return result


def _add(result: Needed, token: Token) -> None:
    element = token.task_spec
    if token.parent is not None and element.announces and token.phase > Phase.ACTIVATE:
        result.elements[token.id] = element.element_id
    if token.recall("job"):
        result.jobs.add(token.id)
    if token.recall("incident"):
        result.incidents.add(token.id)
    if token.phase == Phase.WAITING:
        if isinstance(element, UserTask):
            result.tasks.add(token.id)
        elif isinstance(element, CallActivity):
            result.calls.add(token.id)
        elif isinstance(element, MultiInstance):
            _count_items(result, token, element)
    for catch in open_catches(token, element):
        if isinstance(catch.event, TimerEvent):
            result.timers.add((token.id, catch.event_id))
        elif isinstance(catch.event, SUBSCRIBED):
            result.waits.add((token.id, catch.event_id))


def _count_items(result: Needed, body: Token, element: MultiInstance) -> None:
    if element.loop.sequential or body.recall("ended") or body.recall("ending"):
        return
    running = body.recall("n") - body.recall("done") - (body.recall("gone") or 0)
    if running > len(body.children):
        result.lost_items[body.id] = running - len(body.children)
