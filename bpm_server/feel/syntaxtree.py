"""Questions about syntax trees. None of them recurses, so any tree that parses can be asked."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Final

from bpm_server.feel import nodes

if TYPE_CHECKING:
    from collections.abc import Iterator


def left_of(node: nodes.Node) -> nodes.Node | None:
    """The operand that a left-leaning chain goes on in; None at its end."""
    match node:
        case nodes.Arithmetic() | nodes.Comparison():
            return node.left
        case nodes.Path() | nodes.Filter() | nodes.Between() | nodes.In() | nodes.InstanceOf():
            return node.value
        case nodes.Call() if not isinstance(node.function, nodes.Name):
            return node.function
    return None


_FIELDS: Final = {
    class_: tuple(field.name for field in fields(class_) if field.name not in {"start", "end"})
    for class_ in nodes.Node.__subclasses__()
}


def children(node: nodes.Node) -> Iterator[nodes.Node]:
    """The nodes directly inside a node."""
    for name in _FIELDS[type(node)]:
        value = getattr(node, name)
        if isinstance(value, nodes.Node):
            yield value
        elif isinstance(value, tuple):
            yield from _in_tuple(value)


def _in_tuple(value: tuple[object, ...]) -> Iterator[nodes.Node]:
    for part in value:
        if isinstance(part, nodes.Node):
            yield part
        elif isinstance(part, tuple):
            yield from _in_tuple(part)


def walk(node: nodes.Node) -> Iterator[nodes.Node]:
    """A node and everything inside it."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting.extend(children(current))


def contains(node: nodes.Node, what: type[nodes.Node] | nodes.Node) -> bool:
    """Whether a node of a class, or equal to another, is somewhere in a tree."""
    if isinstance(what, type):
        return any(isinstance(found, what) for found in walk(node))
    return any(type(found) is type(what) and found == what for found in walk(node))


def looks_at_tested_value(node: nodes.Node) -> bool:
    """Whether a test has a ``?`` that is not that of an inner ``in``."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if isinstance(current, nodes.Name) and current.name == "?":
            return True
        waiting.extend([current.value] if isinstance(current, nodes.In) else children(current))
    return False


def free_names(node: nodes.Node) -> set[str]:
    """Names that a tree reads and does not bind itself. In a filter, entries of the items are among them."""
    found: set[str] = set()
    waiting: list[tuple[nodes.Node, frozenset[str]]] = [(node, frozenset())]
    while waiting:
        current, bound = waiting.pop()
        if isinstance(current, nodes.Name):
            if current.name not in bound:
                found.add(current.name)
        else:
            waiting.extend(_scoped_children(current, bound))
    return found


def _scoped_children(node: nodes.Node, bound: frozenset[str]) -> Iterator[tuple[nodes.Node, frozenset[str]]]:
    match node:
        case nodes.Context(entries):
            for key, value in entries:
                yield value, bound | {key} if isinstance(value, nodes.Function) else bound
                bound |= {key}
        case nodes.For(iterators, body) | nodes.Quantified(_, iterators, body):
            for name, domain in iterators:
                yield domain, bound
                bound |= {name}
            yield body, bound | {"partial"} if isinstance(node, nodes.For) else bound
        case nodes.Function(parameters, body):
            yield body, bound.union(name for name, _ in parameters)
        case nodes.Filter(value, condition):
            yield value, bound
            yield condition, bound | {"item"}
        case nodes.In(value, tests):
            yield value, bound
            yield from ((test, bound | {"?"}) for test in tests)
        case nodes.UnaryTests(tests):
            yield from ((test, bound | {"?"}) for test in tests)
        case _:
            yield from ((child, bound) for child in children(node))


def renamed(node: nodes.Node, name: str, to: str) -> nodes.Node:
    """A tree in which a variable has another name."""
    if isinstance(node, nodes.Name):
        return replace(node, name=to) if node.name == name else node
    changes = {}
    for field_name in _FIELDS[type(node)]:
        value = getattr(node, field_name)
        changed = _renamed_part(value, name, to)
        if changed is not value:
            changes[field_name] = changed
    return replace(node, **changes) if changes else node


def _renamed_part(value: Any, name: str, to: str) -> Any:
    if isinstance(value, nodes.Node):
        return renamed(value, name, to)
    if isinstance(value, tuple):
        parts = tuple(_renamed_part(part, name, to) for part in value)
        return parts if any(new is not old for new, old in zip(parts, value, strict=True)) else value
    return value
