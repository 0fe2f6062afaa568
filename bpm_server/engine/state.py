"""The stored form of an instance: MessagePack, compressed where that pays.

``[format, parent key, token]`` with ``token = [key, element, state, phase, facts, [tokens inside]]``. Elements are
named by BPMN id, so that a state outlives a new compiler. Variables are not in it: they are rows of their own.
Each item of a parallel multi-instance is a chunk of its own, stored beside the instance's state (chunk 0).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from bpm_server.engine.instance import STOPS, Instance
from bpm_server.engine.multi_instance import MultiInstance
from bpm_server.engine.token import WAITING, Phase, Token
from bpm_server.engine.variables import Gathering
from bpm_server.kernel import json
from bpm_server.kernel.errors import BpmError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from bpm_server.engine.definition import Definition
    from bpm_server.engine.element import Element

FORMAT = 1
_COMPRESS_FROM = 400
_PLAIN, _DEFLATED = b"m", b"z"
Facts = dict[str, Any] | None


class BrokenState(BpmError):
    """A stored state cannot be read: it was written by another program, or names what is not in the model."""

    code = "broken_state"


@dataclass(frozen=True, slots=True)
class Stored:
    """What the store keeps of a live instance.

    Attributes:
        root: The instance's own chunk.
        chunks: Items of parallel multi-instances by key: all, or those that a command needs.
        complete: Whether ``chunks`` and ``outputs`` hold all of them.
        variables: ``(scope key, name, JSON text)`` of live scopes.
        outputs: Outputs of finished items by body key and index.
    """

    root: bytes
    chunks: Mapping[int, bytes] = field(default_factory=dict)
    complete: bool = True
    variables: Iterable[tuple[int, str, bytes]] = ()
    outputs: Mapping[int, dict[int, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Changes:
    """What to write after a step: enclosing chunk and bytes by chunk key; chunk 0 is the instance's own."""

    written: Mapping[int, tuple[int, bytes]]
    dropped: frozenset[int]


def changes(instance: Instance) -> Changes:
    """The stored form of everything that the last step touched."""
    written = {}
    for chunk in sorted(instance.dirty, key=lambda token: token.id):
        if not chunk.has_ended():
            parent = chunk.parent
            written[chunk.chunk_key] = (0 if parent is None else parent.chunk_key, _pack(chunk))
    return Changes(written, frozenset(instance.dropped))


def everything(instance: Instance) -> Stored:
    """The whole instance as it would be stored; for copies and tests."""
    roots = [instance.root, *(token for token in instance.tasks.values() if token.chunk is token)]
    chunks = {token.chunk_key: _pack(token) for token in roots if not token.has_ended()}
    variables = [
        (token.id, name, bytes(value) if type(value) is msgspec.Raw else json.dumps_bytes(value))
        for token in instance.tasks.values()
        for name, value in (token.data or {}).items()
        if type(value) is not Gathering
    ]
    outputs = {key: dict(items) for key, items in instance.outputs.items()}
    root = chunks.pop(0)
    return Stored(root, chunks, not instance.unloaded, variables, outputs)


def _pack(chunk: Token) -> bytes:
    return _packed(0 if chunk.parent is None else chunk.parent.id, _dump(chunk))


def _packed(parent: int, dump: list[Any]) -> bytes:
    data = msgspec.msgpack.encode([FORMAT, parent, dump])
    if len(data) < _COMPRESS_FROM:
        return _PLAIN + data
    return _DEFLATED + zlib.compress(data, 1)


def _dump(token: Token) -> list[Any]:
    element = token.task_spec
    if isinstance(element, MultiInstance) and not element.loop.sequential:
        inside = []  # each item is a chunk of its own; there may be many
    else:
        inside = [_dump(child) for child in token.children if child.chunk is not child]
    return [token.id, element.name, token.state, int(token.phase), token.facts or None, inside]


def _unpack(data: bytes) -> tuple[int, list[Any]]:
    try:
        plain = zlib.decompress(data[1:]) if data[:1] == _DEFLATED else data[1:]
        version, parent, dump = msgspec.msgpack.decode(plain)
    except (zlib.error, msgspec.DecodeError, ValueError, TypeError) as error:
        message = f"Expected the stored state of a process instance, but found: {error}"
        raise BrokenState(message) from error
    if version != FORMAT:
        message = f"Expected a state of format {FORMAT}, but found format {version}"
        raise BrokenState(message)
    return parent, dump


def renamed(stored: Stored, rename: Callable[[str, Facts], tuple[str, Facts]]) -> Stored:
    """A stored instance whose tokens are elsewhere: ``rename`` gives name and facts of each token's new place."""

    def moved(dump: list[Any]) -> list[Any]:
        key, name, state, phase, facts, inside = dump
        new_name, new_facts = rename(name, facts)
        return [key, new_name, state, phase, new_facts, [moved(child) for child in inside]]

    def repacked(data: bytes) -> bytes:
        parent, dump = _unpack(data)
        return _packed(parent, moved(dump))

    chunks = {key: repacked(data) for key, data in stored.chunks.items()}
    return Stored(repacked(stored.root), chunks, stored.complete, stored.variables, stored.outputs)


def token_keys(root: bytes, chunks: Mapping[int, bytes]) -> list[int]:
    """Keys of all tokens in stored parts: the scopes whose variables a step may need."""
    keys: list[int] = []
    agenda = [_unpack(root)[1], *(_unpack(data)[1] for data in chunks.values())]
    while agenda:
        dump = agenda.pop()
        keys.append(dump[0])
        agenda += dump[5]
    return keys


def load(definition: Definition, stored: Stored) -> Instance:
    """The live instance behind a stored one.

    Raises:
        BrokenState: unreadable, or an element of it is not in the definition.
    """
    instance = Instance(definition)
    _, dump = _unpack(stored.root)
    instance.root = _restore(instance, None, dump)
    instance.stops_after = frozenset(instance.root.recall(STOPS) or ())
    waiting = {key: _unpack(data) for key, data in stored.chunks.items()}
    while waiting:
        ready = [key for key, (parent, _) in waiting.items() if parent in instance.tasks]
        if not ready:
            message = f"Expected the chunks around {sorted(waiting)[:3]} too, but they were not loaded"
            raise BrokenState(message)
        for key in sorted(ready):  # in order of creation, as in the instance that was stored
            parent, dump = waiting.pop(key)
            _restore(instance, instance.tasks[parent], dump, chunk=True)
    for scope_key, name, value in stored.variables:
        token = instance.tasks.get(scope_key)
        if token is not None:
            if token.data is None:
                token.data = {}
            token.data[name] = msgspec.Raw(value)
    _restore_bodies(instance, stored)
    instance.dirty = set()
    return instance


def _restore(instance: Instance, parent: Token | None, dump: list[Any], *, chunk: bool = False) -> Token:
    key, name, state, phase, facts, inside = dump
    token = Token(instance, _element(instance.definition, name), parent, key)
    if chunk:
        token.chunk = token
    token._state, token.phase, token.facts = state, phase, facts
    if state == WAITING and parent is not None:
        instance.joins[parent.id, name] = token
    for child in inside:
        _restore(instance, token, child)
    if instance.definition.has_conditional:
        instance.conditions.restore(token)
    return token


def _element(definition: Definition, name: str) -> Element:
    element: Element | None = definition.workflow_spec.task_specs.get(name)
    if element is None:
        message = f"Expected element '{name}' in process '{definition.id}', but found none"
        raise BrokenState(message)
    return element


def _restore_bodies(instance: Instance, stored: Stored) -> None:
    for token in list(instance.tasks.values()):
        element = token.task_spec
        if not isinstance(element, MultiInstance) or token.phase != Phase.WAITING:
            continue
        if not stored.complete:
            instance.unloaded.add(token.id)
        name = element.loop.output_collection
        if name is not None:
            instance.outputs[token.id] = stored.outputs.get(token.id, {})
            token.data = {**(token.data or {}), name: Gathering(token)}
