"""From where a token gets to the flows of a join; compiled definitions only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.bpmn.model import NodeType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bpm_server.engine.definition import Definition
    from bpm_server.engine.gateways import Join


def reaches(definition: Definition, join: Join) -> dict[str, frozenset[str]]:
    """For each incoming flow of a join, from which elements a token gets to it without passing the join."""
    backwards: dict[str, set[str]] = {}
    for source, target in _steps(definition, join.node.scope):
        backwards.setdefault(target, set()).add(source)
    result = {}
    for key in join.flow_ids:
        reached: set[str] = set()
        agenda = [definition.process.flows[key].source]
        while agenda:
            at = agenda.pop()
            if at in reached or at == join.element_id:
                continue
            reached.add(at)
            agenda += backwards.get(at, ())
        result[key] = frozenset(reached)
    return result


def _steps(definition: Definition, scope_id: str) -> Iterable[tuple[str, str]]:
    """Every way from element to element inside a scope: flows, links, boundary events."""
    for key in definition.process.children[scope_id]:
        for edge in definition.elements[key].edges:
            yield key, edge.target.element_id
        node = definition.process.nodes[key]
        if node.type is NodeType.BOUNDARY_EVENT and node.attached_to:
            yield node.attached_to, key
