"""A running instance goes on by another definition: same tokens, same variables, same tasks, other elements.

Every active element is mapped to one of the same kind in the same (mapped) scope. What waits stays as it is where its
event is mapped too: a timer keeps its due time, a message its key. Events that are not mapped stop waiting, events of
the target that nothing is mapped to begin to wait.

Source: Camunda 8 documentation, "Process instance migration".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bpm_server.bpmn.model import TimerEvent
from bpm_server.domain import events
from bpm_server.engine.migration_checks import Obstacle, open_catches, problems
from bpm_server.engine.outcome import ChunkNeeded, Outcome, Stuck
from bpm_server.engine.renaming import Renaming
from bpm_server.engine.state import everything, load, renamed
from bpm_server.engine.variables import local_values
from bpm_server.engine.waiting import SUBSCRIBED
from bpm_server.kernel.errors import InvalidInput, WrongState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpm_server.bpmn.model import Process
    from bpm_server.domain.commands import MigrateInstance
    from bpm_server.engine.definition import Catch, Definition
    from bpm_server.engine.instance import Instance
    from bpm_server.engine.outcome import Context
    from bpm_server.engine.token import Token


def same_ids(source: Process, target: Process) -> dict[str, str]:
    """The mapping that suggests itself: elements of the same id and type."""
    nodes = target.nodes
    return {key: key for key, node in source.nodes.items() if key in nodes and nodes[key].type is node.type}


def obstacles(instance: Instance, target: Definition, mapping: Mapping[str, str]) -> list[Obstacle]:
    """Why an instance cannot go on by the target; empty where it can. Changes nothing.

    Raises:
        InvalidInput: the mapping names elements that are not there.
    """
    check_mapping(instance.definition, target, mapping)
    return problems(instance, Renaming(instance.definition, target, mapping))


def check_mapping(source: Definition, target: Definition, mapping: Mapping[str, str]) -> None:
    """The ids of a mapping must exist.

    Raises:
        InvalidInput: one of them does not.
    """
    for ids, definition in ((mapping.keys(), source), (mapping.values(), target)):
        for element_id in ids:
            if element_id not in definition.process.nodes:
                message = f"Expected an element '{element_id}' in process '{definition.id}', but found none"
                raise InvalidInput(message)


def migrate(instance: Instance, target: Definition, command: MigrateInstance, context: Context) -> Outcome:
    """Moves an instance to another definition; uses ``instance`` up.

    Raises:
        InvalidInput: the mapping names elements that are not there, or one twice.
        WrongState: an active element cannot be migrated; ``details["obstacles"]`` has all of them.
        ChunkNeeded: items of a multi-instance were not loaded.
    """
    if instance.unloaded:
        raise ChunkNeeded
    mapping = dict(command.mapping)
    if len(mapping) < len(command.mapping):
        message = "Expected each element to be mapped once, but one is mapped twice"
        raise InvalidInput(message)
    found = obstacles(instance, target, mapping)
    if found:
        message = f"Expected process instance '{instance.key}' to fit '{target.id}', but {found[0].reason}"
        raise WrongState(message, retry=False, obstacles=[one.as_json() for one in found])
    renaming = Renaming(instance.definition, target, mapping)
    tokens = sorted(
        instance.tasks.values(), key=lambda token: token.id
    )  # whatever was loaded when: a replay repeats it
    moves = [_Waits(token, renaming) for token in tokens]
    result = load(target, renamed(everything(instance), renaming))
    result.begin(context)
    result.emit(events.InstanceMigrated(result.key, command.target_key, command.process_id, command.version))
    for waits in moves:
        waits.announce(result)
    for waits in moves:
        waits.begin(result)
    result.dirty = {result.root, *(token for token in result.tasks.values() if token.chunk is token)}
    result.run()
    finished = result.root.has_ended()
    variables = local_values(result.root) if finished else {}
    happened = result.events
    result.end()
    return Outcome(result, happened, finished, variables)


@dataclass(slots=True)
class _Kept:
    old: str
    new: str
    interrupting: bool


class _Waits:
    """What happens to the events that one token waits for."""

    def __init__(self, token: Token, renaming: Renaming) -> None:
        self._key = token.id
        self._announces = token.task_spec.announces
        old = open_catches(token, token.task_spec)
        counterpart = renaming.element(token.task_spec.name)
        assert counterpart is not None  # noqa: S101 - checked before
        new = {catch.event_id: catch for catch in open_catches(token, counterpart)}
        self._closed: list[Catch] = []
        self._kept: list[_Kept] = []
        for catch in old:
            there = new.pop(renaming.mapping.get(catch.event_id, ""), None)
            if there is None:
                self._closed.append(catch)
            elif isinstance(catch.event, (TimerEvent, *SUBSCRIBED)):
                self._kept.append(_Kept(catch.event_id, there.event_id, there.interrupting))
        self._opened = list(new.values())

    def announce(self, result: Instance) -> None:
        """Says where the token is now, and which of its events go on."""
        token = result.tasks[self._key]
        element = token.task_spec
        if self._announces:
            result.emit(events.ElementMigrated(token.id, element.element_id, element.node.name))
        if self._closed:
            ids = tuple(catch.event_id for catch in self._closed)
            result.emit(events.TimersCanceled(token.id, ids))
            result.emit(events.SubscriptionsClosed(token.id, ids))
        for kept in self._kept:
            result.emit(events.WaitMigrated(token.id, kept.old, kept.new, kept.interrupting))

    def begin(self, result: Instance) -> None:
        """Lets the token wait for what is new.

        Raises:
            WrongState: a name, key or time cannot be evaluated.
        """
        token = result.tasks[self._key]
        try:
            result.waiting.open(token, self._opened)
        except Stuck as stuck:
            message = f"Expected '{token.task_spec.element_id}' to wait for its events, but {stuck.message}"
            raise WrongState(message, retry=False) from stuck
