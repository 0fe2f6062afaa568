"""What is different between two versions of a process, element by element."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bpm_server.bpmn.model import Node, Process


@dataclass(frozen=True, slots=True)
class Differences:
    """Ids of flow nodes; ``changed``: those that both versions have, with another kind, name or place."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


def compare(source: Process, target: Process) -> Differences:
    """What the target has that the source has not, and the other way round; elements are the same by their ids."""
    before, after = source.nodes, target.nodes
    both = [key for key in before if key in after]
    return Differences(
        added=tuple(key for key in after if key not in before),
        removed=tuple(key for key in before if key not in after),
        changed=tuple(key for key in both if _drawn(before[key], source) != _drawn(after[key], target)),
    )


def _drawn(node: Node, process: Process) -> tuple[Any, ...]:
    """What one sees of a node in a drawing; the process itself may have another id."""
    scope = "" if node.scope == process.id else node.scope
    return node.type, type(node.event), type(node.work), node.name, scope, node.attached_to, node.loop is None
