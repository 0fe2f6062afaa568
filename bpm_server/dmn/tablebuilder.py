"""Decision tables as written to compiled tables."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bpm_server.dmn import elements, index
from bpm_server.dmn.checks import TableCheck
from bpm_server.dmn.tables import Constant, Table
from bpm_server.dmn.texts import CELL_NAMES
from bpm_server.feel import nodes
from bpm_server.feel.syntaxtree import renamed

if TYPE_CHECKING:
    from bpm_server.dmn.itemtypes import ItemTypes
    from bpm_server.dmn.texts import Texts
    from bpm_server.feel.values import Value


class TableBuilder:
    """Builds one table.

    Attributes:
        check: What the checks of the model look at.
    """

    def __init__(
        self, table: elements.DecisionTable, texts: Texts, types: ItemTypes, names: frozenset[str], owner: str
    ) -> None:
        """A builder.

        Args:
            table: As written.
            texts: Reads the texts of the model.
            types: Named types.
            names: Variables in scope.
            owner: What the table belongs to, for messages.
        """
        self._table = table
        self._texts = texts
        self._types = types
        self._names = names
        self._owner = owner
        self._parts: list[nodes.Node] = []
        self.check = TableCheck(table, [[] for _ in table.rules], [[] for _ in table.rules])

    def build(self) -> nodes.Node:
        """The tree of the table: its inputs, the parts that are not literals, and what evaluates them."""
        inputs = tuple(self._input(clause, number) for number, clause in enumerate(self._table.inputs, 1))
        conditions: list[dict[int, int]] = [{} for _ in self._table.rules]
        columns = [self._column(number, conditions) for number in range(len(inputs))]
        outputs = [self._results(rule, number) for number, rule in enumerate(self._table.rules)]
        defaults = [self._default(clause) for clause in self._table.outputs]
        priorities = [self._priorities(clause) for clause in self._table.outputs]
        table = Table(self._table, columns, conditions, outputs, defaults, priorities)
        return nodes.Embedded(inputs, tuple(self._parts), table.evaluate, self.check)

    def _part(self, node: nodes.Node) -> int:
        self._parts.append(node)
        return len(self._parts) - 1

    # ------------------------------------------------------------------ inputs

    def _input(self, clause: elements.InputClause, number: int) -> nodes.Node:
        if clause.type:
            self._types.named(clause.type, clause.expression.line)
        return self._texts.expression(clause.expression, self._names, f"{self._owner}, input {number}")

    def _column(self, number: int, conditions: list[dict[int, int]]) -> index.ColumnIndex:
        clause = self._table.inputs[number]
        title = clause.label or clause.expression.text or str(number + 1)
        cells: list[index.Cell | None] = []
        for rule_number, rule in enumerate(self._table.rules):
            if number >= len(rule.inputs):
                cells.append(index.ANY_CELL)
                continue
            owner = f"{self._owner}, rule {rule_number + 1}, input '{title}'"
            node = self._condition(_of_rule(rule.inputs[number], rule), clause, owner)
            self.check.cells[rule_number].append(node)
            cell = index.read_cell(_unwrapped(node))
            cells.append(cell)
            if cell is None:
                conditions[rule_number][number] = self._part(node)
        return index.ColumnIndex(cells, boolean_tests=self._texts.dialect.boolean_tests)

    def _condition(self, text: elements.Text, clause: elements.InputClause, owner: str) -> nodes.Node:
        names, cell_names = self._names, CELL_NAMES
        if clause.variable:
            names, cell_names = names | {clause.variable}, cell_names | {clause.variable}
        node = self._texts.tests(text, names, owner, cell_names)
        if isinstance(_unwrapped(node), nodes.AnyValue):
            return self._any_allowed(clause, owner)
        if clause.variable and isinstance(node, nodes.Sourced):
            return nodes.Sourced(renamed(node.node, clause.variable, "?"), node.source)
        return node

    def _any_allowed(self, clause: elements.InputClause, owner: str) -> nodes.Node:
        """``-``: any value, or any allowed one (10.3.2.10); Camunda takes the allowed values as a hint."""
        if clause.allowed is None or not clause.allowed.text or self._texts.dialect.boolean_tests:
            return nodes.AnyValue()
        return self._texts.tests(clause.allowed, self._names, f"{owner}, allowed values")

    # ------------------------------------------------------------------ outputs

    def _results(self, rule: elements.Rule, number: int) -> list[Constant | int]:
        entries = []
        missing = (elements.Text(""),) * (len(self._table.outputs) - len(rule.outputs))
        for clause, text in zip(self._table.outputs, (*rule.outputs, *missing), strict=False):
            title = clause.name or clause.label
            owner = f"{self._owner}, rule {number + 1}, output" + (f" '{title}'" if title else "")
            node = self._texts.expression(_of_rule(text, rule), self._names, owner)
            self.check.outputs[number].append(node)
            entries.append(self._entry(node))
        return entries

    def _entry(self, node: nodes.Node) -> Constant | int:
        inner = _unwrapped(node)
        value = index.literal(inner)
        if value is not None or isinstance(inner, nodes.Null):
            return Constant(value)
        return self._part(node)

    def _default(self, clause: elements.OutputClause) -> Constant | int | None:
        if clause.default is None or not clause.default.text:
            return None
        return self._entry(self._texts.expression(clause.default, self._names, f"{self._owner}, default output"))

    def _priorities(self, clause: elements.OutputClause) -> list[Value]:
        """The allowed values of an output in their order, as far as they are literals."""
        tree: nodes.Node | None = None
        if clause.allowed is not None and clause.allowed.text:
            tree = _unwrapped(self._texts.tests(clause.allowed, self._names, f"{self._owner}, output values"))
        elif clause.type:
            allowed = self._types.named(clause.type, self._table.line).allowed
            tree = None if allowed is None else allowed.tree
        tests = tree.tests if isinstance(tree, nodes.UnaryTests) else ()
        return [value for test in tests if (value := index.literal(test)) is not None]


def _of_rule(text: elements.Text, rule: elements.Rule) -> elements.Text:
    """A cell; where it has no id, findings about it name the rule."""
    return text if text.id else replace(text, id=rule.id)


def _unwrapped(node: nodes.Node) -> nodes.Node:
    return node.node if isinstance(node, nodes.Sourced) else node
