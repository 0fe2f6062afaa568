"""The spine rule: what becomes of parallel joins when tokens are moved by hand.

Elements on the spine of a process, outside of every parallel block, can be entered at any time. A parallel join takes
one token from each of its flows: whoever moves a token into a branch must give the other branches one too, and whoever
moves one back before the fork must end those that are still in the branches. Otherwise the join waits for ever, or
keeps a token that nobody expects.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bpm_server.engine.gateways import ParallelGateway
from bpm_server.engine.reachability import reaches
from bpm_server.engine.state import everything, load
from bpm_server.engine.token import WAITING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpm_server.engine.instance import Instance
    from bpm_server.engine.token import Token


@dataclass(frozen=True, slots=True)
class Concern:
    """A parallel join that does not get the same number of tokens from each of its flows.

    Attributes:
        empty: Flows from which no token can come any more: the join waits for ever.
        surplus: Flows from which more tokens come than from others: one stays behind.
    """

    scope_key: int
    element_id: str
    empty: tuple[str, ...]
    surplus: tuple[str, ...]


def copy_of(instance: Instance) -> Instance:
    """The same instance once more, to try something out on it."""
    return load(instance.definition, everything(instance))


def concerns(instance: Instance) -> list[Concern]:
    """The joins of an instance at rest that are not served evenly."""
    return [found for join, scope in _joins(instance) if (found := _concern(join, scope)) is not None]


def _joins(instance: Instance) -> Iterator[tuple[ParallelGateway, Token]]:
    by_scope: dict[str, list[ParallelGateway]] = {}
    for element in instance.definition.elements.values():
        if isinstance(element, ParallelGateway) and len(element.flow_ids) > 1:
            by_scope.setdefault(element.node.scope, []).append(element)
    for token in sorted(instance.tasks.values(), key=lambda one: one.id):
        if token.children:
            for join in by_scope.get(token.task_spec.element_id, ()):
                yield join, token


def _concern(join: ParallelGateway, scope: Token) -> Concern | None:
    supply = dict.fromkeys(join.flow_ids, 0)
    ways = reaches(join.definition, join)
    for token in scope.children:
        if token.state == WAITING and token.task_spec is join:
            for flow_id, count in (token.recall("counts") or {}).items():
                supply[flow_id] += count
            continue
        for flow_id, places in ways.items():
            supply[flow_id] += token.task_spec.element_id in places
    least = min(supply.values())
    if least == max(supply.values()):
        return None
    empty = tuple(flow_id for flow_id, count in supply.items() if not count)
    surplus = tuple(flow_id for flow_id, count in supply.items() if count > least) if least else ()
    return Concern(scope.id, join.element_id, empty, surplus)
