"""Boxed expressions to FEEL syntax trees (DMN 1.5, 10.2.1: each box is defined by the FEEL that it means)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.dmn import elements
from bpm_server.dmn.checks import TableCheck, conforming_check
from bpm_server.dmn.itemtypes import ANY, ItemType, ItemTypes
from bpm_server.dmn.tablebuilder import TableBuilder
from bpm_server.feel import nodes, types
from bpm_server.feel.typerules import joined
from bpm_server.feel.values import described

if TYPE_CHECKING:
    from collections.abc import Callable

    from bpm_server.dmn.texts import Texts
    from bpm_server.feel.checking import Checker
    from bpm_server.feel.errors import Place
    from bpm_server.feel.evaluation import Run
    from bpm_server.feel.values import Value

_RESULT = "\0result"
"""Key of the result of a boxed context: one that no entry can have."""


class Builder:
    """Builds the trees of one model."""

    def __init__(self, texts: Texts, types: ItemTypes) -> None:
        """A builder.

        Args:
            texts: Reads the texts of the model.
            types: Named types.
        """
        self._texts = texts
        self._types = types
        self.tables: list[tuple[TableCheck, str]] = []
        """The tables that were built, and what they belong to."""

    # ------------------------------------------------------------------ boxes

    def build(self, box: elements.Boxed | None, names: frozenset[str], owner: str) -> nodes.Node:
        """The tree of a box.

        Args:
            box: The box; None is null.
            names: Variables in scope.
            owner: What the box belongs to, for messages.
        """
        if box is None:
            return nodes.Null()
        node = self._built(box, names, owner)
        if not box.type:
            return node
        return conforming(node, self._types.named(box.type, box.line))

    def _built(self, box: elements.Boxed, names: frozenset[str], owner: str) -> nodes.Node:
        match box:
            case elements.BoxedText():
                return self._texts.expression(box.text, names, owner)
            case elements.DecisionTable():
                table = TableBuilder(box, self._texts, self._types, names, owner)
                self.tables.append((table.check, owner))
                return table.build()
            case elements.BoxedContext():
                return self._context(box, names, owner)
            case elements.BoxedInvocation():
                function = self.build(box.function, names, owner)
                arguments = tuple(self.build(each, names, owner) for _, each in box.bindings)
                return nodes.Call(function, arguments, tuple(name for name, _ in box.bindings))
            case elements.BoxedList():
                return nodes.ListOf(tuple(self.build(each, names, owner) for each in box.items))
            case elements.Relation():
                return self._relation(box, names, owner)
            case elements.BoxedFunction():
                return self.function(box, names, owner)
            case elements.BoxedConditional():
                return self._conditional(box, names, owner)
            case elements.BoxedFilter():
                inner = names | self._texts.members | {"item"}
                return nodes.Filter(self.build(box.values, names, owner), self.build(box.condition, inner, owner))
            case elements.BoxedIterator():
                return self._iterator(box, names, owner)
        raise NotImplementedError(type(box).__name__)

    def _context(self, box: elements.BoxedContext, names: frozenset[str], owner: str) -> nodes.Node:
        entries: list[tuple[str, nodes.Node]] = []
        has_result = False
        for entry in box.entries:
            key = _RESULT if entry.variable is None else entry.variable.name
            has_result = has_result or entry.variable is None
            inner = names | {key} if isinstance(entry.value, elements.BoxedFunction) else names
            node = self.build(entry.value, inner, f"{owner}, entry '{key}'" if entry.variable else owner)
            if entry.variable is not None:
                node = self._typed(node, entry.variable)
                names |= {key}
            entries.append((key, node))
        context = nodes.Context(tuple(entries))
        return nodes.Path(context, _RESULT) if has_result else context

    def _typed(self, node: nodes.Node, variable: elements.Variable) -> nodes.Node:
        if not variable.type or isinstance(node, nodes.Function):
            return node
        return conforming(node, self._types.named(variable.type))

    def _relation(self, box: elements.Relation, names: frozenset[str], owner: str) -> nodes.Node:
        rows = []
        for row in box.rows:
            entries = tuple(
                (column.name, self._typed(self.build(cell, names, owner), column))
                for column, cell in zip(box.columns, row, strict=False)
            )
            rows.append(nodes.Context(entries))
        return nodes.ListOf(tuple(rows))

    def function(self, box: elements.BoxedFunction, names: frozenset[str], owner: str) -> nodes.Node:
        """The tree of a boxed function; of one in Java or PMML only the parameters matter."""
        items = [(each.name, self._types.named(each.type, box.line) if each.type else ANY) for each in box.parameters]
        parameters = tuple((name, item.type) for name, item in items)
        if box.kind.upper() != "FEEL":
            return nodes.Function(parameters, nodes.Null(), external=True)
        body = self.build(box.body, names | {name for name, _ in parameters}, owner)
        for name, item in items:
            if item.is_constrained:
                body = _with_constrained(name, item, body)
        return nodes.Function(parameters, body)

    def _conditional(self, box: elements.BoxedConditional, names: frozenset[str], owner: str) -> nodes.Node:
        condition = self.build(box.condition, names, owner)
        then, otherwise = self.build(box.then, names, owner), self.build(box.otherwise, names, owner)
        return nodes.Embedded((condition,), (then, otherwise), _chosen, _check_chosen)

    def _iterator(self, box: elements.BoxedIterator, names: frozenset[str], owner: str) -> nodes.Node:
        values = self.build(box.values, names, owner)
        iterators = ((box.variable, values),)
        body = self.build(box.body, names | {box.variable, "partial"}, owner)
        turns = nodes.For(iterators, body)
        if box.kind == "for":
            return turns
        return nodes.Embedded((turns,), (), _some if box.kind == "some" else _every, _check_quantified)


# ---------------------------------------------------------------------- embedded constructs


def conforming(node: nodes.Node, item: ItemType) -> nodes.Node:
    """A tree whose value is made to conform to a type."""
    if item == ANY:
        return node

    def conform(run: Run, place: Place, _variables: object, inputs: list[Value], _parts: object) -> Value:
        return item.conformed(run, place, inputs[0])

    return nodes.Embedded((node,), (), conform, conforming_check(item))


def _with_constrained(name: str, item: ItemType, body: nodes.Node) -> nodes.Node:
    """A body in which a parameter is null where the constraints of its type do not allow the argument."""
    context = nodes.Context(((name, conforming(nodes.Name(name), item)), (_RESULT, body)))
    return nodes.Path(context, _RESULT)


def _chosen(
    run: Run, place: Place, variables: object, inputs: list[Value], parts: tuple[Callable[..., Value], ...]
) -> Value:
    """A boxed conditional: like ``if``, but its condition must be a boolean (10.2.1.8)."""
    condition = inputs[0]
    if condition is not None and type(condition) is not bool:
        run.fail(place, "type", "Expected a condition that is true or false, but found {}", described(condition))
        return None
    return parts[0 if condition else 1](variables, run, None)


def _some(run: Run, place: Place, _variables: object, inputs: list[Value], _parts: object) -> Value:
    return _quantified(run, place, inputs[0], decisive=True)


def _every(run: Run, place: Place, _variables: object, inputs: list[Value], _parts: object) -> Value:
    return _quantified(run, place, inputs[0], decisive=False)


def _quantified(run: Run, place: Place, results: list[Value] | None, *, decisive: bool) -> bool | None:
    """A boxed quantifier: like the textual one, but each result must be a boolean or null (10.2.1.10)."""
    if results is None:
        return None
    for result in results:
        if result is not None and type(result) is not bool:
            run.fail(place, "type", "Expected a condition that is true or false, but found {}", described(result))
            return None
    if decisive in results:
        return decisive
    return None if None in results else not decisive


def _check_chosen(checker: Checker, node: nodes.Embedded, found: list[types.Type]) -> types.Type:
    if found[0] not in {types.BOOLEAN, types.ANY, types.NULL}:
        checker.report(node.inputs[0], "feel-type", f"Expected true or false, but found {found[0]}")
    then, otherwise = (checker.type_of(part) for part in node.parts)
    return joined(then, otherwise)


def _check_quantified(_checker: Checker, _node: nodes.Embedded, _found: list[types.Type]) -> types.Type:
    return types.BOOLEAN
