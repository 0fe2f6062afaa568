"""Findings of a compiled model: unknown names, types that never fit, and what its tables leave open."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from bpm_server.dmn import analysis, elements
from bpm_server.dmn.graph import Imported, OutputOf, Reference
from bpm_server.dmn.index import Cell, literal, point, read_cell
from bpm_server.dmn.rulesets import common_values
from bpm_server.feel import nodes, types
from bpm_server.feel.builtins import LIBRARIES
from bpm_server.feel.checking import Checker, Problem
from bpm_server.feel.errors import Source
from bpm_server.feel.typerules import compatible, is_known
from bpm_server.feel.values import described
from bpm_server.kernel.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Callable

    from bpm_server.dmn.itemtypes import ItemType, ItemTypes
    from bpm_server.dmn.model import Model
    from bpm_server.dmn.texts import Texts

MAX_REMARKS: Final = 20
"""Findings of one kind and one table."""
_SINGLE_HIT: Final = frozenset({"UNIQUE", "ANY", "PRIORITY", "FIRST"})


def conforming_check(item: ItemType) -> Callable[[Checker, nodes.Node, list[types.Type]], types.Type]:
    """The check of a value that is bound to a typed variable."""

    def check(checker: Checker, node: nodes.Node, found: list[types.Type]) -> types.Type:
        (type_,) = found
        if not may_conform(type_, item.type):
            checker.report(_first_sourced(node), "feel-type", f"Expected {item.type}, but found {type_}")
        return item.type

    return check


def may_conform(type_: types.Type, to: types.Type) -> bool:
    """Whether some value of a type conforms to another after the implicit conversions."""
    if not is_known(type_) or not is_known(to):
        return True
    if isinstance(type_, types.ListType) != isinstance(to, types.ListType):
        item = type_.item if isinstance(type_, types.ListType) else type_
        expected = to.item if isinstance(to, types.ListType) else to
        return may_conform(item, expected)
    if isinstance(type_, types.ListType) and isinstance(to, types.ListType):
        return may_conform(type_.item, to.item)
    return compatible(type_, to) or (type_ == types.DATE and to == types.DATE_AND_TIME)


def _first_sourced(node: nodes.Node) -> nodes.Node:
    return node.inputs[0] if isinstance(node, nodes.Embedded) and node.inputs else node


@dataclass(slots=True)
class TableCheck:
    """The check of a decision table; it lets go of the cells once they are checked.

    Attributes:
        table: As written.
        cells: For each rule the trees of its input cells.
        outputs: For each rule the trees of its output cells.
    """

    table: elements.DecisionTable
    cells: list[list[nodes.Node]]
    outputs: list[list[nodes.Node]]

    def __call__(self, checker: Checker, _node: nodes.Node, found: list[types.Type]) -> types.Type:
        """Checks each cell with the type of its input; gives the type of the result."""
        for row in self.cells:
            for cell, tested in zip(row, found, strict=True):
                checker.tests(cell, tested)
        results = [[checker.type_of(cell) for cell in row] for row in self.outputs]
        return self._result(results)

    def forget(self) -> None:
        """Lets go of the trees."""
        self.cells, self.outputs = [], []

    def _result(self, results: list[list[types.Type]]) -> types.Type:
        table = self.table
        columns: list[types.Type] = []
        for number in range(len(table.outputs)):
            found = {row[number] for row in results} - {types.NULL}
            columns.append(found.pop() if len(found) == 1 else types.ANY)
        if len(columns) == 1:
            (single,) = columns
        else:
            names = [clause.name or clause.label or clause.id for clause in table.outputs]
            single = types.ContextType(tuple(zip(names, columns, strict=True)))
        if table.hit_policy in _SINGLE_HIT:
            return single
        if table.aggregation is None:
            return types.ListType(single)
        return types.NUMBER if table.aggregation in {"COUNT", "SUM"} else single


class ModelChecks:
    """Looks for what is suspicious in a model; all that it reports are warnings or remarks."""

    def __init__(self, model: Model, texts: Texts, add: Callable[[Finding], None], file: str) -> None:
        self._model = model
        self._texts = texts
        self._add = add
        self._file = file

    # ------------------------------------------------------------------ logic

    def check_logic(self, element: elements.Decision | elements.KnowledgeModel, tree: nodes.Node) -> None:
        """Reports names and types in the logic of an element."""
        model = self._model
        variables = {name: self._type_of(target) for name, target in model.scope(element).items()}
        source = Source("", element.name)
        functions = LIBRARIES[model.dialect.name]
        checker = Checker(source, functions, variables, closed=not model.definitions.platform)
        if isinstance(element, elements.Decision) and element.variable.type:
            tree = nodes.Embedded((tree,), (), checker.type_of, conforming_check(model.type_of(element.variable.type)))
        checker.type_of(tree)
        for problem in checker.problems[:MAX_REMARKS]:
            self._report_problem(element, problem)

    def _report_problem(self, element: elements.Element, problem: Problem) -> None:
        text = self._texts.text_of(problem.place.source)
        excerpt = problem.place.source.text[problem.place.start : problem.place.end]
        where = problem.place.source.name if text is not None else f"'{element.name}'"
        message = f"{where}: {problem.message}" + (f" ({excerpt[:60]})" if excerpt else "")
        self._add(
            Finding(
                "warning",
                problem.rule,
                message,
                element=(text.id if text is not None else "") or element.id or None,
                name=element.name,
                line=(text.line if text is not None else element.line) or None,
                file=self._file,
            )
        )

    def _type_of(self, target: Reference | Imported | OutputOf) -> types.Type:
        if isinstance(target, Imported):
            return types.ContextType(tuple((name, self._type_of(each)) for name, each in target.members.items()))
        if isinstance(target, OutputOf):
            return types.ANY
        variable = target.variable
        match target.element:
            case elements.KnowledgeModel(logic=logic):
                names = () if logic is None else logic.parameters
                return self._function_type(target.model, names, variable)
            case elements.DecisionService():
                return self._function_type(target.model, None, variable)
        return target.model.type_of(variable.type).type if variable.type else types.ANY

    @staticmethod
    def _function_type(
        model: Model, parameters: tuple[elements.Variable, ...] | None, variable: elements.Variable
    ) -> types.Type:
        result = model.result_type(variable)
        result_type = types.ANY if result is None else result.type
        if parameters is None:
            return types.FunctionType(None, result_type)
        found = tuple(model.type_of(each.type).type if each.type else types.ANY for each in parameters)
        return types.FunctionType(found, result_type)

    # ------------------------------------------------------------------ tables

    def check_table(self, check: TableCheck, owner: str) -> None:
        """Reports rules that overlap, never match, or are missing."""
        table = check.table
        self._report_outputs(check, owner)
        columns = [self._column(check, number) for number in range(len(table.inputs))]
        if not columns or not table.rules or any(len(row) < len(columns) for row in check.cells):
            return
        for remark in islice(analysis.impossible_rules(columns), MAX_REMARKS):
            self._report_rule(remark.rule, f"{owner}: {remark.message}", table.rules[remark.rules[0]])
        if table.hit_policy in {"UNIQUE", "ANY"}:
            self._report_overlaps(check, columns, owner)
        elif table.hit_policy == "FIRST":
            for remark in islice(analysis.shadowed_rules(columns), MAX_REMARKS):
                self._report_rule(remark.rule, f"{owner}: {remark.message}", table.rules[remark.rules[0]])
        if table.hit_policy in _SINGLE_HIT and not any(clause.default is not None for clause in table.outputs):
            self._report_gaps(table, columns, owner)

    def _report_outputs(self, check: TableCheck, owner: str) -> None:
        """Reports outputs that are not among the allowed ones."""
        for number, clause in enumerate(check.table.outputs):
            allowed = _allowed(clause, self._model.types)
            if allowed is None:
                continue
            title = f" '{clause.name or clause.label}'" if clause.name or clause.label else ""
            for rule, row in zip(check.table.rules, check.outputs, strict=True):
                value = literal(_unwrapped(row[number]))
                if value is None or common_values(Cell((point(value),)), allowed) is not None:
                    continue
                message = f"{owner}: Expected output{title} to be an allowed value, but found {described(value)}"
                self._report_rule("dmn-output-value", message, rule)

    def _report_overlaps(self, check: TableCheck, columns: list[analysis.Column], owner: str) -> None:
        table = check.table
        found = 0
        for left, right, values in analysis.overlapping_rules(columns):
            if table.hit_policy == "ANY" and not _outputs_differ(check, left, right):
                continue
            found += 1
            if found > analysis.MAX_PAIRS:
                return
            what = "at most one of rules" if table.hit_policy == "UNIQUE" else "the same outputs of rules"
            message = f"{owner}: Expected {what} {left + 1} and {right + 1}, but both match {values}"
            self._report_rule("dmn-overlapping-rules", message, table.rules[left])

    def _report_gaps(self, table: elements.DecisionTable, columns: list[analysis.Column], owner: str) -> None:
        for text, certain in analysis.gaps(columns):
            message = f"{owner}: Expected a rule for all values, but found none for {text or 'any'}"
            severity: Severity = "warning" if certain else "info"
            line = table.line or None
            self._add(
                Finding(severity, "dmn-missing-rule", message, element=table.id or None, line=line, file=self._file)
            )

    def _report_rule(self, kind: str, message: str, rule: elements.Rule) -> None:
        line = rule.line or None
        self._add(Finding("warning", kind, message, element=rule.id or None, line=line, file=self._file))

    def _column(self, check: TableCheck, number: int) -> analysis.Column:
        clause = check.table.inputs[number]
        cells = [read_cell(_unwrapped(row[number])) for row in check.cells if number < len(row)]
        title = clause.label or clause.expression.text or f"input {number + 1}"
        return analysis.Column(title, cells, _allowed(clause, self._model.types))


def _outputs_differ(check: TableCheck, left: int, right: int) -> bool:
    """Whether two rules certainly have different outputs."""
    for first, second in zip(check.outputs[left], check.outputs[right], strict=True):
        values = literal(_unwrapped(first)), literal(_unwrapped(second))
        if None not in values and values[0] != values[1]:
            return True
    return False


def _allowed(clause: elements.InputClause | elements.OutputClause, item_types: ItemTypes) -> Cell | None:
    """The allowed values of an input or output, by the clause or by its type."""
    tree: nodes.Node | None = None
    if clause.allowed is not None and clause.allowed.text:
        tree = item_types.parsed_tests(clause.allowed)
    elif clause.type:
        allowed = item_types.named(clause.type).allowed
        tree = None if allowed is None else allowed.tree
    cell = None if tree is None else read_cell(tree)
    return None if cell is None or not cell.segments else cell


def _unwrapped(node: nodes.Node) -> nodes.Node:
    return node.node if isinstance(node, nodes.Sourced) else node
