"""Boxed expressions to FEEL syntax trees (DMN 1.5, 10.2.1: each box is defined by the FEEL that it means)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.dmn import elements, index
from bpm_server.dmn.itemtypes import ANY, ItemType, ItemTypes
from bpm_server.dmn.tables import Constant, Table
from bpm_server.feel import FeelSyntaxError, nodes
from bpm_server.feel.compiler import Kind, parse_tree
from bpm_server.feel.dialects import Dialect
from bpm_server.feel.errors import Source
from bpm_server.feel.syntaxtree import renamed
from bpm_server.feel.values import described

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from bpm_server.feel.errors import Place
    from bpm_server.feel.evaluation import Run
    from bpm_server.feel.types import Type
    from bpm_server.feel.values import Value

    Report = Callable[[str, str, elements.Text], None]

_RESULT = "\0result"
"""Key of the result of a boxed context: one that no entry can have."""


class Builder:
    """Builds the trees of one model."""

    def __init__(
        self,
        dialect: Dialect,
        language: str,
        types: ItemTypes,
        members: Collection[str],
        report: Report,
    ) -> None:
        """A builder.

        Args:
            dialect: How FEEL is read.
            language: Of texts that do not name theirs.
            types: Named types.
            members: Names of entries that may follow a dot.
            report: Takes the rule, the message and the place of an error.
        """
        self._dialect = dialect
        self._language = language
        self._types = types
        self._plain_types: dict[str, Type] | None = None
        self._members = frozenset(members)
        self._report = report

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
                return self.text(box.text, names, owner)
            case elements.DecisionTable():
                return self._table(box, names, owner)
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
                inner = names | self._members | {"item"}
                return nodes.Filter(
                    self.build(box.values, names, owner), self.build(box.condition, inner, owner)
                )
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
        items = [
            (each.name, self._types.named(each.type, box.line) if each.type else ANY)
            for each in box.parameters
        ]
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
        return nodes.Embedded((condition,), (then, otherwise), _chosen)

    def _iterator(self, box: elements.BoxedIterator, names: frozenset[str], owner: str) -> nodes.Node:
        values = self.build(box.values, names, owner)
        iterators = ((box.variable, values),)
        body = self.build(box.body, names | {box.variable, "partial"}, owner)
        turns = nodes.For(iterators, body)
        if box.kind == "for":
            return turns
        return nodes.Embedded((turns,), (), _some if box.kind == "some" else _every)

    # ------------------------------------------------------------------ texts

    def text(
        self, text: elements.Text, names: frozenset[str], owner: str, kind: Kind = "expression"
    ) -> nodes.Node:
        """The tree of a text; where it is not an expression, that is reported and the tree is null."""
        if not text.text:
            return nodes.AnyValue() if kind == "unary" else nodes.Null()
        language = (text.language or self._language).lower()
        if language and "feel" not in language:
            return self._foreign(text, language, owner, kind)
        source = Source(text.text, owner)
        if self._plain_types is None:
            self._plain_types = self._types.plain()
        try:
            tree = parse_tree(source, kind, self._dialect, names, self._members, self._plain_types)
        except FeelSyntaxError as error:
            self._report("feel-syntax", f"{owner}: {error.message}", text)
            tree = nodes.Embedded((), (), _broken(error.message))
        return nodes.Sourced(tree, source)

    def _foreign(self, text: elements.Text, language: str, owner: str, kind: Kind) -> nodes.Node:
        self._report("dmn-language", f"{owner}: Expected FEEL, but found the language '{language}'", text)
        return nodes.Null() if kind == "expression" else nodes.UnaryTests((nodes.Null(),))

    # ------------------------------------------------------------------ tables

    def _table(self, box: elements.DecisionTable, names: frozenset[str], owner: str) -> nodes.Node:
        inputs = tuple(
            self._input(clause, names, owner, number) for number, clause in enumerate(box.inputs, 1)
        )
        parts: list[nodes.Node] = []
        conditions: list[dict[int, int]] = [{} for _ in box.rules]
        columns = []
        for number, clause in enumerate(box.inputs):
            cells = []
            for rule_number, rule in enumerate(box.rules):
                where = f"{owner}, rule {rule_number + 1}, input '{_title(clause, number)}'"
                node = self._condition(rule.inputs[number], clause, names, where)
                cell = index.read_cell(node.node if isinstance(node, nodes.Sourced) else node)
                cells.append(cell)
                if cell is None:
                    conditions[rule_number][number] = len(parts)
                    parts.append(node)
            columns.append(index.ColumnIndex(cells, boolean_tests=self._dialect.boolean_tests))
        outputs = [
            self._results(box, rule, number, names, owner, parts) for number, rule in enumerate(box.rules, 1)
        ]
        defaults = [
            None
            if clause.default is None or not clause.default.text
            else self._entry(clause.default, names, f"{owner}, default output", parts)
            for clause in box.outputs
        ]
        priorities = [self._priorities(clause, box, names, owner) for clause in box.outputs]
        table = Table(box, columns, conditions, outputs, defaults, priorities)
        return nodes.Embedded(inputs, tuple(parts), table.evaluate)

    def _input(
        self, clause: elements.InputClause, names: frozenset[str], owner: str, number: int
    ) -> nodes.Node:
        node = self.text(clause.expression, names, f"{owner}, input {number}")
        if not clause.type:
            return node
        item = self._types.named(clause.type, clause.expression.line)
        return node if item is ANY else node

    def _condition(
        self, text: elements.Text, clause: elements.InputClause, names: frozenset[str], owner: str
    ) -> nodes.Node:
        inner = names | {clause.variable} if clause.variable else names
        node = self.text(text, inner, owner, "unary")
        if isinstance(node, nodes.AnyValue) or (
            isinstance(node, nodes.Sourced) and node.node == nodes.AnyValue()
        ):
            allowed = clause.allowed
            if allowed is None or not allowed.text or self._dialect.boolean_tests:
                return nodes.AnyValue()
            return self.text(allowed, names, f"{owner}, allowed values", "unary")
        if clause.variable and isinstance(node, nodes.Sourced):
            return nodes.Sourced(renamed(node.node, clause.variable, "?"), node.source)
        return node

    def _results(
        self,
        box: elements.DecisionTable,
        rule: elements.Rule,
        number: int,
        names: frozenset[str],
        owner: str,
        parts: list[nodes.Node],
    ) -> list[Constant | int]:
        entries = []
        for clause, text in zip(box.outputs, rule.outputs, strict=False):
            where = f"{owner}, rule {number}, output '{clause.name or clause.label or owner}'"
            entries.append(self._entry(text, names, where, parts))
        return entries

    def _entry(
        self, text: elements.Text, names: frozenset[str], owner: str, parts: list[nodes.Node]
    ) -> Constant | int:
        node = self.text(text, names, owner)
        inner = node.node if isinstance(node, nodes.Sourced) else node
        value = index.literal(inner)
        if value is not None or isinstance(inner, nodes.Null):
            return Constant(value)
        parts.append(node)
        return len(parts) - 1

    def _priorities(
        self, clause: elements.OutputClause, box: elements.DecisionTable, names: frozenset[str], owner: str
    ) -> list[Value]:
        """The allowed values of an output in their order, as far as they are literals."""
        if clause.allowed is not None and clause.allowed.text:
            node = self.text(clause.allowed, names, f"{owner}, output values", "unary")
            tree = node.node if isinstance(node, nodes.Sourced) else node
            tests = tree.tests if isinstance(tree, nodes.UnaryTests) else ()
        else:
            tests = self._allowed_of_type(clause, box)
        return [value for test in tests if (value := index.literal(test)) is not None]

    def _allowed_of_type(
        self, clause: elements.OutputClause, box: elements.DecisionTable
    ) -> tuple[nodes.Node, ...]:
        if not clause.type:
            return ()
        allowed = self._types.named(clause.type, box.line).allowed
        return (
            allowed.tree.tests if allowed is not None and isinstance(allowed.tree, nodes.UnaryTests) else ()
        )


def _title(clause: elements.InputClause, number: int) -> str:
    return clause.label or clause.expression.text or str(number + 1)


# ---------------------------------------------------------------------- embedded constructs


def conforming(node: nodes.Node, item: ItemType) -> nodes.Node:
    """A tree whose value is made to conform to a type."""
    if item == ANY:
        return node

    def conform(run: Run, place: Place, _variables: object, inputs: list[Value], _parts: object) -> Value:
        return item.conformed(run, place, inputs[0])

    return nodes.Embedded((node,), (), conform)


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
        return run.fail(
            place, "type", "Expected a condition that is true or false, but found {}", described(condition)
        )
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
            return run.fail(
                place, "type", "Expected a condition that is true or false, but found {}", described(result)
            )
    if decisive in results:
        return decisive
    return None if None in results else not decisive


def _broken(message: str) -> Callable[..., Value]:
    def fail(run: Run, place: Place, _variables: object, _inputs: object, _parts: object) -> Value:
        return run.fail(place, "function", "{}", message)

    return fail
