"""Leaving a user task for another element than its flows lead to: back to one that was passed, or straight forth again.

What only the target leads to is ended first, parallel branches and joins that wait for them too: all of it will be
walked again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.bpmn.dominators import dominators
from bpm_server.engine.modification import why_not_activated
from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from bpm_server.engine.instance import Instance
    from bpm_server.engine.token import Token


def check_going(token: Token, target: str) -> None:
    """The target must be an element of the same scope at which a token can begin.

    Raises:
        InvalidInput: it is none, or the task is an item of a multi-instance.
    """
    element, process = token.task_spec, token.workflow.definition.process
    node = process.nodes.get(target)
    found = "none" if node is None else why_not_activated(process, node)
    if node is not None and found is None and node.scope != element.node.scope:
        found = f"one in '{node.scope}'"
    if found is None and element.item_of is not None:
        found = f"an item of multi-instance '{element.element_id}'"
    if found is not None:
        message = f"Expected '{target}' as an element beside '{element.element_id}' to go to, but found {found}"
        raise InvalidInput(message, field="target")


def led_to(instance: Instance, token: Token, target: str) -> list[Token]:
    """Active tokens beside a task that only the target leads to."""
    node = token.task_spec.node
    known = dominators(instance.definition.process, node.scope)
    return [
        other
        for other in token.scope.children
        if other is not token and not other.has_ended() and target in known.get(other.task_spec.element_id, ())
    ]


def is_alone(instance: Instance, key: int, target: str) -> bool:
    """Whether nothing but the task with this key would end if it were left for an element."""
    return not led_to(instance, instance.find(key), target)


def go_on_at(token: Token, target: str) -> None:
    """Ends what only the target leads to, and enters it."""
    instance, scope = token.workflow, token.scope
    for other in led_to(instance, token, target):
        instance.terminate(other)
    instance.enter(instance.definition.elements[target], scope)
