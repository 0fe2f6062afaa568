"""Which elements a token must have passed to be where it is: the dominators of a flow graph, scope by scope.

An element dominates another where every way from a start of their scope to that one leads through it. Going back to a
dominator is safe: nothing that was not passed is needed, and all that it alone leads to can be walked again.

Source: Cooper, Harvey, Kennedy, "A Simple, Fast Dominance Algorithm" (the data-flow equations, solved in rounds).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.bpmn.model import LinkEvent, NodeType

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bpm_server.bpmn.model import Process


def dominators(process: Process, scope: str) -> dict[str, tuple[str, ...]]:
    """For each element of a scope that can be reached: what dominates it, nearest first, itself at the head."""
    ways = _ways(process, scope)
    before: dict[str, set[str]] = {}
    for source, targets in ways.items():
        for target in targets:
            before.setdefault(target, set()).add(source)
    starts = [key for key in process.children.get(scope, ()) if key not in before and not _is_inside(process, key)]
    order = _in_order(ways, starts)
    found: dict[str, set[str]] = {}
    changed = True
    while changed:
        changed = False
        for key in order:
            known = [found[source] for source in before.get(key, ()) if source in found]
            new = {key} | (set.intersection(*known) if known and key not in starts else set())
            if found.get(key) != new:
                found[key] = new
                changed = True
    return {key: tuple(sorted(those, key=lambda one: -len(found[one]))) for key, those in found.items()}


def _ways(process: Process, scope: str) -> Mapping[str, list[str]]:
    """From element to element inside a scope: over flows, links and boundary events."""
    ways: dict[str, list[str]] = {key: [] for key in process.children.get(scope, ())}
    for key in ways:
        node = process.nodes[key]
        ways[key] += [process.flows[flow].target for flow in node.outgoing]
        ways[key] += list(_links(process, scope, key))
        if node.attached_to in ways:
            ways[node.attached_to].append(key)
    return ways


def _links(process: Process, scope: str, key: str) -> Iterator[str]:
    event = process.nodes[key].event
    if isinstance(event, LinkEvent) and process.nodes[key].type is NodeType.THROW_EVENT:
        for other in process.children[scope]:
            catching = process.nodes[other]
            same = isinstance(catching.event, LinkEvent) and catching.event.name == event.name
            if same and catching.type is NodeType.CATCH_EVENT:
                yield other


def _is_inside(process: Process, key: str) -> bool:
    """Whether no token of the scope's own flow begins there: what its event or a compensation starts."""
    node = process.nodes[key]
    return node.type is NodeType.EVENT_SUB_PROCESS or node.compensation


def _in_order(ways: Mapping[str, list[str]], starts: list[str]) -> list[str]:
    """What can be reached, each after what leads there, as far as there are no circles."""
    done: list[str] = []
    seen: set[str] = set()
    for start in starts:
        agenda: list[tuple[str, bool]] = [(start, False)]
        while agenda:
            key, is_left = agenda.pop()
            if is_left:
                done.append(key)
            elif key not in seen:
                seen.add(key)
                agenda.append((key, True))
                agenda += [(target, False) for target in ways[key] if target not in seen]
    return done[::-1]
