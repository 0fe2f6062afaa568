"""Decision tables at run time: matching, hit policies, default outputs (DMN 1.5, 8.2.10 and 10.3.2.10)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from itertools import islice
from operator import or_
from typing import TYPE_CHECKING, Any

from bpm_server.dmn.index import ColumnIndex, rules_in
from bpm_server.dmn.results import EvaluatedInput, EvaluatedOutput, MatchedRule
from bpm_server.feel import operations
from bpm_server.feel.builtins import lists
from bpm_server.feel.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bpm_server.dmn import elements
    from bpm_server.feel.errors import Place
    from bpm_server.feel.evaluation import Run
    from bpm_server.feel.values import Value

    Part = Callable[..., Value]


@dataclass(frozen=True, slots=True)
class Constant:
    """An output entry that is a literal."""

    value: Value


@dataclass(frozen=True, slots=True)
class TableRun:
    """One evaluation of a table, for the explanation."""

    table: Table
    inputs: tuple[EvaluatedInput, ...]
    rules: tuple[MatchedRule, ...]


class Table:
    """A compiled decision table.

    Its cells that are not literals are parts of the expression that the table stands in, known here by their
    number.
    """

    __slots__ = (
        "_all_rules",
        "_asked",
        "_columns",
        "_conditions",
        "_defaults",
        "_has_default",
        "_outputs",
        "_priorities",
        "source",
    )

    def __init__(
        self,
        source: elements.DecisionTable,
        columns: list[ColumnIndex],
        conditions: list[dict[int, int]],
        outputs: list[list[Constant | int]],
        defaults: list[Constant | int | None],
        priorities: list[list[Value]],
    ) -> None:
        """A table.

        Args:
            source: As written.
            columns: The index of each input.
            conditions: For each rule, the parts to ask by the number of the input.
            outputs: For each rule its outputs: constants, or numbers of parts.
            defaults: For each output its default, where it has one.
            priorities: For each output its allowed values, the most important first.
        """
        self.source = source
        self._columns = columns
        self._conditions = conditions
        self._all_rules = (1 << len(conditions)) - 1
        self._asked = reduce(or_, (column.asked for column in columns), 0)
        self._outputs = outputs
        self._defaults = defaults
        self._has_default = any(default is not None for default in defaults)
        self._priorities = priorities

    # ------------------------------------------------------------------ entry

    def evaluate(self, run: Run, place: Place, variables: Any, inputs: list[Value], parts: Sequence[Part]) -> Value:
        """The result for input values; what matched goes to the recorder of the evaluation.

        That no rule matches is no error: the result is null, or the default output.
        """
        matched = self._matched(run, place, variables, inputs, parts)
        call = _Call(run, place, variables, parts)
        results = [[call.value_of(entry) for entry in self._outputs[rule]] for rule in matched]
        if run.host is not None:
            run.host.table_evaluated(self._record(inputs, matched, results))
        if not matched and self._has_default:
            return self._value([call.value_of(entry) for entry in self._defaults])
        if not matched:
            return None
        return self._combined(call, matched, results)

    def _record(self, inputs: list[Value], matched: list[int], results: list[list[Value]]) -> TableRun:
        source = self.source
        evaluated = tuple(
            EvaluatedInput(clause.id, clause.label or clause.expression.text, value)
            for clause, value in zip(source.inputs, inputs, strict=True)
        )
        rules = []
        for number, values in zip(matched, results, strict=True):
            rule = source.rules[number]
            outputs = tuple(
                EvaluatedOutput(clause.id, clause.name or clause.label, value)
                for clause, value in zip(source.outputs, values, strict=True)
            )
            rules.append(MatchedRule(rule.id, number + 1, outputs, rule.annotations))
        return TableRun(self, evaluated, tuple(rules))

    # ------------------------------------------------------------------ matching

    def _matched(self, run: Run, place: Place, variables: Any, inputs: list[Value], parts: Sequence[Part]) -> list[int]:
        candidates = self._all_rules
        for column, value in zip(self._columns, inputs, strict=True):
            candidates &= column.passing(value)
        first_only = self.source.hit_policy == "FIRST"
        if not candidates & self._asked:
            return list(islice(rules_in(candidates), 1) if first_only else rules_in(candidates))
        matched = []
        for rule in rules_in(candidates):
            conditions = self._conditions[rule]
            run.charge(place, len(conditions) + 1)
            if all(parts[part](variables, run, inputs[number]) is True for number, part in conditions.items()):
                matched.append(rule)
                if first_only:
                    break
        return matched

    # ------------------------------------------------------------------ hit policies

    def _combined(self, call: _Call, matched: list[int], results: list[list[Value]]) -> Value:
        match self.source.hit_policy:
            case "UNIQUE":
                if len(matched) > 1:
                    call.fail("Expected one rule that matches, but found {}", _numbers(matched))
                    return None
                return self._value(results[0])
            case "ANY":
                first = self._value(results[0])
                for number, values in zip(matched, results, strict=True):
                    if not operations.same(call.run, first, self._value(values)):
                        pair = _numbers([matched[0], number])
                        call.fail("Expected matching rules with the same outputs, but found {}", pair)
                        return None
                return first
            case "FIRST":
                return self._value(results[0])
            case "PRIORITY":
                return self._value(self._by_priority(call.run, results)[0])
            case "OUTPUT ORDER":
                results = self._by_priority(call.run, results)
        values = [self._value(outputs) for outputs in results]
        if self.source.aggregation is None:
            return values
        return self._aggregated(call, values)

    def _by_priority(self, run: Run, results: list[list[Value]]) -> list[list[Value]]:
        return sorted(results, key=lambda outputs: self._rank(run, outputs))

    def _rank(self, run: Run, outputs: list[Value]) -> tuple[int, ...]:
        """Places in the lists of allowed values, from left to right; what is not in a list comes last."""
        ranks = []
        for value, priorities in zip(outputs, self._priorities, strict=True):
            rank = next((i for i, each in enumerate(priorities) if operations.same(run, each, value)), None)
            ranks.append(len(priorities) if rank is None else rank)
        return tuple(ranks)

    def _aggregated(self, call: _Call, values: list[Value]) -> Value:
        if self.source.aggregation == "COUNT":
            return len(values)
        functions = {"SUM": lists.total, "MIN": lists.minimum, "MAX": lists.maximum}
        try:
            return functions[self.source.aggregation or ""](values)
        except Refused as refused:
            call.fail("{}", refused.message)
            return None

    def _value(self, outputs: list[Value]) -> Value:
        """One value per rule: plain for a single output, a context for several."""
        if len(outputs) == 1:
            return outputs[0]
        return {
            clause.name or clause.label or clause.id: value
            for clause, value in zip(self.source.outputs, outputs, strict=True)
        }


@dataclass(frozen=True, slots=True)
class _Call:
    """One evaluation of a table: what its entries need to be computed."""

    run: Run
    place: Place
    variables: Any
    parts: Sequence[Part]

    def fail(self, message: str, *parts: str) -> None:
        self.run.fail(self.place, "rule", message, *parts)

    def value_of(self, entry: Constant | int | None) -> Value:
        """The value of an output entry."""
        if entry is None or isinstance(entry, Constant):
            return entry and entry.value
        return self.parts[entry](self.variables, self.run, None)


def _numbers(rules: list[int]) -> str:
    shown = ", ".join(str(rule + 1) for rule in rules[:8])
    return f"rules {shown}{', ...' if len(rules) > 8 else ''}"
