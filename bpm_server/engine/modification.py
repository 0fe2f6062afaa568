"""Moving tokens by hand: activating elements, terminating element instances, moving from one to another.

Scopes around an activated element that are not active are entered without their start event; those that are empty
after a termination end too. Activations come before terminations, so that a move never empties the instance.

Source: Camunda 8 documentation, "Process instance modification"; REST API 8.9, ``modifyProcessInstance``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bpm_server.bpmn.model import NodeType
from bpm_server.domain.commands import Activation
from bpm_server.engine import variables as v
from bpm_server.engine.multi_instance import MultiInstance
from bpm_server.engine.outcome import ChunkNeeded
from bpm_server.engine.scopes import enter_inside
from bpm_server.engine.token import Phase
from bpm_server.kernel.errors import InvalidInput, WrongState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bpm_server.bpmn.model import Node, Process
    from bpm_server.domain.commands import ModifyInstance, Move
    from bpm_server.engine.instance import Instance
    from bpm_server.engine.token import Token

NOT_ACTIVATED = {
    NodeType.START_EVENT: "a start event",
    NodeType.BOUNDARY_EVENT: "a boundary event",
    NodeType.EVENT_SUB_PROCESS: "an event sub-process, which its event starts",
}


def why_not_activated(process: Process, node: Node) -> str | None:
    """What an element is that cannot be activated by hand; None where it can."""
    if node.compensation:
        return "a compensation handler"
    sources = (process.nodes[process.flows[flow_id].source] for flow_id in node.incoming)
    if any(source.type is NodeType.EVENT_BASED_GATEWAY for source in sources):
        return "an event behind an event-based gateway: activate the gateway"
    return NOT_ACTIVATED.get(node.type)


@dataclass(slots=True)
class Entry:
    """An element that is about to be entered, and what is entered inside it instead of its start event."""

    element_id: str
    values: dict[str, Any] = field(default_factory=dict)
    inside: list[Entry] = field(default_factory=list)

    def as_list(self) -> list[Any]:
        """As :func:`enter_inside` takes it."""
        return [self.element_id, self.values, [entry.as_list() for entry in self.inside]]


class Activations:
    """What is activated where; scopes that are missing are shared by the activations that need them."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._process = instance.definition.process
        self._entries: list[tuple[Token, Entry]] = []
        self._shared: dict[tuple[int, tuple[str, ...]], Entry] = {}

    def add(self, wanted: Activation) -> None:
        """Plans one activation.

        Raises:
            InvalidInput: the element cannot be activated, or it is not clear in which scope.
            WrongState: the scope that is named is not active.
        """
        node = self._checked(wanted.element_id)
        path = [*self._scopes(node), node.id]
        at, missing = self._existing(path, wanted)
        entries = self._missing(at, missing, share=wanted.ancestor_key is None)
        self._set(wanted, node, at, entries)

    def enter(self) -> None:
        """Enters everything that was planned."""
        for parent, entry in self._entries:
            enter_inside(parent, [entry.as_list()])

    def plan(self) -> list[Any]:
        """Everything that was planned at the process, which has not begun, as :func:`enter_inside` takes it."""
        return [entry.as_list() for _, entry in self._entries]

    # --- what can be activated --------------------------------------------------------------------------

    def _checked(self, element_id: str) -> Node:
        node = self._process.nodes.get(element_id)
        if node is None:
            message = f"Expected an element '{element_id}' in process '{self._process.id}', but found none"
            raise InvalidInput(message)
        found = why_not_activated(self._process, node)
        if found is not None:
            message = f"Expected an element that can be activated, but '{element_id}' is {found}"
            raise InvalidInput(message)
        return node

    def _scopes(self, node: Node) -> list[str]:
        """Ids of the scopes around a node, outermost first, without the process."""
        path: list[str] = []
        at = node.scope
        while at != self._process.id:
            path.insert(0, at)
            at = self._process.nodes[at].scope
        return path

    # --- where ------------------------------------------------------------------------------------------

    def _existing(self, path: list[str], wanted: Activation) -> tuple[Token, list[str]]:
        """The innermost active scope, and the ids from there to the element."""
        if wanted.ancestor_key is not None:
            at = self._ancestor(wanted.ancestor_key, path)
            known = 0 if at is self._instance.root else path.index(at.task_spec.element_id) + 1
            return at, path[known:]
        at = self._instance.root
        for number, scope_id in enumerate(path[:-1]):
            active = [token for token in _inside(at) if _is_scope(token, scope_id)]
            if not active:
                return at, path[number:]
            if len(active) > 1:
                message = (
                    f"Expected one active instance of scope '{scope_id}' around '{path[-1]}', but found {len(active)}: "
                    "name one of them as ancestor"
                )
                raise InvalidInput(message)
            at = active[0]
        return at, path[-1:]

    def _ancestor(self, key: int, path: list[str]) -> Token:
        at = self._instance.find(key)
        if at is not self._instance.root and at.task_spec.element_id not in path[:-1]:
            message = f"Expected an ancestor of element '{path[-1]}', but '{key}' is at '{at.task_spec.element_id}'"
            raise InvalidInput(message)
        if isinstance(at.task_spec, MultiInstance):
            message = f"Expected one item of multi-instance '{at.task_spec.element_id}' as ancestor, but '{key}' is all"
            raise InvalidInput(message)
        if at.phase != Phase.WAITING:
            message = f"Expected scope '{key}' to be active, but it has not begun or is ending"
            raise WrongState(message, retry=False)
        return at

    def _missing(self, at: Token, missing: list[str], *, share: bool) -> list[Entry]:
        """Entries for the ids from an active scope to the element."""
        for scope_id in missing[:-1]:
            if self._process.nodes[scope_id].loop is not None:
                message = f"Expected an active item of multi-instance '{scope_id}' to activate in, but there is none"
                raise InvalidInput(message)
        entries: list[Entry] = []
        for number, element_id in enumerate(missing):
            place = (at.id, tuple(missing[: number + 1]))
            is_scope = number < len(missing) - 1
            entry = self._shared.get(place) if share and is_scope else None
            if entry is None:
                entry = Entry(element_id)
                if entries:
                    entries[-1].inside.append(entry)
                else:
                    self._entries.append((at, entry))
                if share and is_scope:
                    self._shared[place] = entry
            entries.append(entry)
        return entries

    # --- variables --------------------------------------------------------------------------------------

    def _set(self, wanted: Activation, node: Node, at: Token, entries: list[Entry]) -> None:
        for scope_id, values in wanted.variables:
            entry = next((one for one in entries if one.element_id == scope_id), None)
            if entry is not None:
                entry.values.update(values)
                continue
            token: Token | None = at
            while token is not None and token.parent is not None and token.task_spec.element_id != scope_id:
                token = token.parent
            if token is None or (token.parent is None and scope_id not in ("", self._process.id)):
                message = f"Expected '{node.id}' or a scope around it for variables, but found '{scope_id}'"
                raise InvalidInput(message)
            v.set_local(token, values)


def modify(instance: Instance, command: ModifyInstance) -> None:
    """Applies a modification.

    Raises:
        InvalidInput: an element that is not there or cannot be activated, an unclear scope, nothing to do.
        WrongState: an element instance that is not active.
        ChunkNeeded: items of a multi-instance were not loaded.
    """
    if instance.unloaded:
        raise ChunkNeeded
    if not (command.activate or command.move or command.terminate):
        message = "Expected something to activate, move or terminate, but found nothing"
        raise InvalidInput(message)
    activations = Activations(instance)
    for wanted in command.activate:
        activations.add(wanted)
    ending: dict[int, Token] = {}
    for move in command.move:
        for source in _named(instance, move.source):
            ending[source.id] = source
            activations.add(_activation(instance, move, source))
    for name in command.terminate:
        ending.update({token.id: token for token in _named(instance, name)})
    activations.enter()
    _terminate(instance, ending.values())


def _activation(instance: Instance, move: Move, source: Token) -> Activation:
    ancestor = move.ancestor_key
    if move.ancestor == "source-parent":
        ancestor = source.scope.id
    elif move.ancestor == "inferred":
        ancestor = _common_scope(instance, source, move.target_id).id
    return Activation(move.target_id, ancestor, move.variables)


def _common_scope(instance: Instance, source: Token, target_id: str) -> Token:
    """The innermost scope around a token that encloses the target too."""
    process = instance.definition.process
    around: set[str] = set()
    node = process.nodes.get(target_id)
    while node is not None:
        around.add(node.scope)
        node = process.nodes.get(node.scope)
    at = source.scope
    while at.parent is not None and (at.task_spec.element_id not in around or isinstance(at.task_spec, MultiInstance)):
        at = at.scope
    return at


def _named(instance: Instance, name: str | int) -> list[Token]:
    """The element instance with a key, or all active ones with an element id."""
    if isinstance(name, int):
        token = instance.find(name)
        if token.parent is None or not token.task_spec.announces:
            message = f"Expected the key of an element instance, but '{name}' is none: cancel the instance to end it"
            raise InvalidInput(message)
        return [token]
    if name not in instance.definition.process.nodes:
        message = f"Expected an element '{name}' in process '{instance.definition.id}', but found none"
        raise InvalidInput(message)
    found = [
        token
        for token in instance.tasks.values()
        if token.task_spec.element_id == name and token.task_spec.announces and token.task_spec.item_of is None
    ]
    return sorted(found, key=lambda token: token.id)  # whatever was loaded when: a replay repeats it


def _terminate(instance: Instance, tokens: Iterable[Token]) -> None:
    """Ends tokens, and the scopes that are empty then."""
    emptied = []
    for token in tokens:
        if token.has_ended():
            continue  # it was inside another one of them
        scope = token.scope
        instance.terminate(token)
        if isinstance(scope.task_spec, MultiInstance):
            scope.remember("gone", (scope.recall("gone") or 0) + 1)
        emptied.append(scope)
    for scope in emptied:
        at: Token | None = scope
        while at is not None and not at.has_ended() and all(child.recall("ending") for child in at.children):
            parent = at.parent
            instance.terminate(at)
            at = parent


def _inside(scope: Token) -> Iterable[Token]:
    for child in scope.children:
        yield child
        yield from _inside(child)


def _is_scope(token: Token, scope_id: str) -> bool:
    """Whether a token is an active instance of a scope: of a multi-instance, one item."""
    element = token.task_spec
    if element.element_id != scope_id or isinstance(element, MultiInstance) or not element.announces:
        return False
    return token.phase == Phase.WAITING
