"""Where a request can be returned to: tasks that were passed on every way here; the others with the reason why not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from bpm_server.bpmn.dominators import dominators
from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpm_server.bpmn.model import Process

INITIATOR = "initiator"
PREVIOUS = "previous"


class WhyHidden(StrEnum):
    """Why a passed task is no target."""

    NOT_ON_EVERY_WAY = "not-on-every-way"
    """It was passed, but there are ways here without it."""
    ELSEWHERE = "elsewhere"
    """It is inside another sub-process, or outside of this one."""
    NOT_ALLOWED = "not-allowed"
    """The process does not name it as a target."""


@dataclass(frozen=True, slots=True)
class Passed:
    """A task that was done in this case."""

    element_id: str
    done_by: str | None


@dataclass(frozen=True, slots=True)
class Target:
    """Where to return.

    Attributes:
        name: What to say: ``initiator``, ``previous`` or an element id.
        element_id: Of the task; None where the initiator corrects the request right here.
        hidden: Why it cannot be; None where it can.
    """

    name: str
    element_id: str | None
    hidden: WhyHidden | None = None


def targets(
    process: Process, element_id: str, passed: Sequence[Passed], initiator: str | None, allowed: Sequence[str]
) -> list[Target]:
    """All that was passed, nearest first, and the initiator where there is one.

    Args:
        process: The process.
        element_id: The task that returns.
        passed: What was done in its instance, oldest first.
        initiator: Who made the request.
        allowed: Names that the policy allows; empty: any.
    """
    node = process.nodes[element_id]
    on_the_way = dominators(process, node.scope).get(element_id, ())[1:]
    done_by = {one.element_id: one.done_by for one in passed if one.element_id in process.nodes}
    safe = [key for key in on_the_way if key in done_by]
    found = []
    if initiator is not None:
        own = next((key for key in safe if done_by[key] == initiator), None)
        found.append(Target(INITIATOR, own, _unless(INITIATOR, allowed)))
    if safe:
        found.append(Target(PREVIOUS, safe[0], _unless(PREVIOUS, allowed)))
    found += [Target(key, key, _unless(key, allowed)) for key in safe]
    for key in reversed(done_by):
        if key != element_id and key not in safe:
            same = process.nodes[key].scope == node.scope
            found.append(Target(key, key, WhyHidden.NOT_ON_EVERY_WAY if same else WhyHidden.ELSEWHERE))
    return found


def _unless(name: str, allowed: Sequence[str]) -> WhyHidden | None:
    return None if not allowed or name in allowed else WhyHidden.NOT_ALLOWED


def choose(found: Sequence[Target], name: str) -> Target:
    """The target of a name.

    Raises:
        InvalidInput: there is none, or it cannot be; says which can.
    """
    chosen = next((one for one in found if one.name == name), None)
    if chosen is not None and chosen.hidden is None:
        return chosen
    names = ", ".join(one.name for one in found if one.hidden is None) or "nothing (nothing was passed)"
    why = "" if chosen is None else f", which is {chosen.hidden}"
    message = f"Expected one of {names} to return to, but found '{name[:80]}'{why}"
    raise InvalidInput(message, field="target")


def first_of(process: Process, element_id: str, passed: Sequence[Passed]) -> str | None:
    """The first task on every way here, where all is walked again from; None where this one is the first."""
    done = {one.element_id for one in passed}
    on_the_way = dominators(process, process.nodes[element_id].scope).get(element_id, ())[1:]
    return next((key for key in reversed(on_the_way) if key in done), None)
