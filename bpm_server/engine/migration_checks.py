"""What stands in the way of migrating an instance, element by element."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from bpm_server.domain.approvals.policy import is_approval
from bpm_server.engine.gateways import Join
from bpm_server.engine.multi_instance import MultiInstance
from bpm_server.engine.renaming import COMPENSATION, ENTRIES
from bpm_server.engine.scopes import INSIDE
from bpm_server.engine.token import Phase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpm_server.bpmn.model import Loop, Node
    from bpm_server.engine.definition import Catch
    from bpm_server.engine.element import Element
    from bpm_server.engine.instance import Instance
    from bpm_server.engine.renaming import Renaming
    from bpm_server.engine.token import Token

LISTENING = (Phase.START_LISTENERS, Phase.END_LISTENERS)


class Hindrance(StrEnum):
    """What sort of thing stands in the way."""

    UNMAPPED = "unmapped"
    MISSING = "missing"
    OTHER_KIND = "other-kind"
    OTHER_SCOPE = "other-scope"
    OTHER_LOOP = "other-loop"
    OTHER_FLOW = "other-flow"
    LISTENING = "listening"
    NOT_BEGUN = "not-begun"
    OTHER_EVENT = "other-event"
    COMPENSATION = "compensation"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why one active element cannot be migrated; ``reason`` goes on after "but"."""

    element_key: int
    element_id: str
    kind: Hindrance
    reason: str

    def as_json(self) -> dict[str, str]:
        """For problem details; the key as text."""
        return {"elementInstanceKey": str(self.element_key), "elementId": self.element_id, "reason": self.reason}


def open_catches(token: Token, element: Element) -> list[Catch]:
    """The events that a token waits for, or would wait for at ``element`` in the same phase."""
    found: list[Catch] = []
    if token.recall("ending"):
        return found
    if Phase.SUBSCRIBE < token.phase < Phase.END_LISTENERS:
        taken_over = token.recall("taken-over")
        found += [c for c in element.catches.values() if not (c.role == "event-sub-process" and taken_over)]
    if token.phase == Phase.WAITING and element.own_catch is not None and not token.recall("arrived"):
        found.append(element.own_catch)
    return found


def problems(instance: Instance, renaming: Renaming) -> list[Obstacle]:
    """Everything that stands in the way."""
    return [
        Obstacle(token.id, token.task_spec.element_id, kind, reason)
        for token in instance.tasks.values()
        for kind, reason in _reasons(token, renaming)
    ]


def _reasons(token: Token, renaming: Renaming) -> Iterator[tuple[Hindrance, str]]:
    old = token.task_spec
    element_id = old.element_id
    if token.parent is not None:
        if element_id not in renaming.mapping and old.announces:
            yield Hindrance.UNMAPPED, f"active element '{element_id}' is not mapped"
            return
        new = renaming.element(old.name)
        if new is None:
            there = "a multi-instance" if "#" in old.name else f"an element '{renaming.name(old.name)}'"
            yield Hindrance.MISSING, f"'{element_id}' would need {there} in the target"
            return
        yield from _differences(token, old, new, renaming)
    else:
        new = renaming.target.root
    yield from _waits(token, new, renaming)
    for entry_id in _remembered(token.recall(COMPENSATION)):
        yield from _compensation(entry_id, renaming)
    for entry_id in _remembered(token.recall(ENTRIES)):
        yield from _compensation(entry_id, renaming)


def _differences(token: Token, old: Element, new: Element, renaming: Renaming) -> Iterator[tuple[Hindrance, str]]:
    a, b = old.node, new.node
    named = f"'{a.id}'" if a.id == b.id else f"'{a.id}' (to '{b.id}')"
    same = type(new) is type(old) and b.type is a.type and type(b.event) is type(a.event)
    if not same or is_approval(a.properties) != is_approval(b.properties):
        yield Hindrance.OTHER_KIND, f"{named} is {_kind(a)}, and {_kind(b)} in the target"
        return
    scope = renaming.mapping.get(a.scope, renaming.target.id if a.scope == renaming.source.id else a.scope)
    if b.scope != scope:
        yield Hindrance.OTHER_SCOPE, f"{named} is inside '{a.scope}', and inside '{b.scope}' in the target"
    if isinstance(old, MultiInstance) and isinstance(new, MultiInstance):
        yield from _loop_differences(named, old.loop, new.loop)
    if isinstance(new, Join) and isinstance(old, Join):
        missing = [flow for flow in token.recall("counts") or {} if flow not in new.flow_ids]
        if missing:
            reason = f"{named} has a token from flow '{missing[0]}', which does not lead there in the target"
            yield Hindrance.OTHER_FLOW, reason
    if (token.phase in LISTENING or token.recall("change")) and _listeners(a) != _listeners(b):
        yield Hindrance.LISTENING, f"{named} is calling its listeners, which are others in the target"
    if token.recall(INSIDE):
        yield Hindrance.NOT_BEGUN, f"{named} has not begun"


def _loop_differences(named: str, old: Loop, new: Loop) -> Iterator[tuple[Hindrance, str]]:
    if old.sequential != new.sequential:
        how = "one by one" if old.sequential else "at once"
        yield Hindrance.OTHER_LOOP, f"{named} takes its items {how}, and otherwise in the target"
    if (old.output_collection is None) != (new.output_collection is None):
        where = "the target" if old.output_collection is None else "the source"
        yield Hindrance.OTHER_LOOP, f"{named} collects outputs only in {where}"


def _kind(node: Node) -> str:
    event = type(node.event).__name__.removesuffix("Event").lower() if node.event is not None else ""
    work = type(node.work).__name__.removesuffix("Work").lower() if node.work is not None else ""
    work = "approval" if is_approval(node.properties) else work
    return " ".join(part for part in (event, str(node.type), f"({work})" if work else "") if part)


def _listeners(node: Node) -> list[tuple[str, str]]:
    work: Any = node.work
    found = [*node.listeners, *getattr(work, "listeners", ())]
    return [(listener.on, listener.job.type.source) for listener in found]


def _waits(token: Token, new: Element, renaming: Renaming) -> Iterator[tuple[Hindrance, str]]:
    """Events that would go on as events of another kind."""
    there = {catch.event_id: catch for catch in open_catches(token, new)}
    for catch in open_catches(token, token.task_spec):
        other = there.get(renaming.mapping.get(catch.event_id, ""))
        if other is not None and type(other.event) is not type(catch.event):
            yield Hindrance.OTHER_EVENT, f"event '{catch.event_id}' waits for something else in the target"


def _remembered(entries: list[Any] | None) -> Iterator[str]:
    """Ids of completed activities that could be compensated."""
    for entry in entries or ():
        if len(entry) > 1:
            yield from _remembered(entry[1])
        else:
            yield entry[0]


def _compensation(element_id: str, renaming: Renaming) -> Iterator[tuple[Hindrance, str]]:
    new = renaming.target.elements.get(renaming.mapping.get(element_id, element_id))
    if new is None or new.compensation_handler is None:
        reason = f"completed activity '{element_id}' could be compensated, and nothing compensates it in the target"
        yield Hindrance.COMPENSATION, reason
