"""One evaluation of a model: what is required is computed when it is read, and once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from bpm_server.dmn import elements
from bpm_server.dmn.graph import Imported, OutputOf, Reference, Scope
from bpm_server.dmn.results import (
    DecisionEvaluation,
    DecisionResult,
    EvaluatedInput,
    LogicType,
)
from bpm_server.feel.access import MISSING
from bpm_server.feel.errors import Place, Source, Stopped
from bpm_server.feel.values import ExternalFunction, UserFunction, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpm_server.dmn.tables import TableRun
    from bpm_server.feel.compiler import Variables
    from bpm_server.feel.evaluation import Run

_TYPES: dict[type[elements.Boxed], LogicType] = {
    elements.DecisionTable: "decision table",
    elements.BoxedText: "literal expression",
    elements.BoxedContext: "context",
    elements.BoxedInvocation: "invocation",
    elements.BoxedList: "list",
    elements.Relation: "relation",
    elements.BoxedFunction: "function",
    elements.BoxedConditional: "conditional",
    elements.BoxedFilter: "filter",
    elements.BoxedIterator: "iterator",
}

_FAILURES: Final = frozenset({"rule", "assert", "budget"})
"""Kinds of diagnostics after which there is no result."""

_MAX_LAZY: Final = 30
"""Decisions that wait for one another before what they require is computed in advance."""


class Recorder:
    """Collects the explanation while decisions are made."""

    def __init__(self) -> None:
        self.evaluations: list[DecisionEvaluation] = []
        self._tables: list[TableRun] = []

    def table_evaluated(self, table: TableRun) -> None:
        """Called by each decision table with what matched."""
        self._tables.append(table)

    def begin(self) -> int:
        """Marks the beginning of an element's evaluation."""
        return len(self._tables)

    def end(
        self,
        mark: int,
        element: elements.Decision | elements.KnowledgeModel,
        logic: elements.Boxed | None,
        read: dict[str, Value],
        value: Value,
    ) -> None:
        """Adds the evaluation of an element that began at a mark."""
        own = next((each for each in self._tables[mark:] if each.table.source is logic), None)
        del self._tables[mark:]
        if own is None and isinstance(element, elements.KnowledgeModel):
            return
        inputs = tuple(EvaluatedInput("", name, each) for name, each in read.items()) if own is None else own.inputs
        self.evaluations.append(
            DecisionEvaluation(
                element.id,
                element.name,
                "none" if logic is None else _TYPES[type(logic)],
                "decision" if isinstance(element, elements.Decision) else "business knowledge model",
                inputs,
                () if own is None else own.rules,
                value,
            )
        )


class ModelEvaluation:
    """The values of one call: input data as given, decisions as far as they were needed."""

    def __init__(
        self,
        run: Run,
        variables: Variables,
        *,
        given: Mapping[tuple[int, str], Value] | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        """Starts an evaluation.

        Args:
            run: The state of the FEEL evaluation, shared by all decisions.
            variables: Input data by name.
            given: Values of elements that are not computed: the inputs of a decision service.
            recorder: Takes the explanation; one of its own by default.
        """
        self._run = run
        self._variables = variables
        self._values: dict[tuple[int, str], Value] = dict(given or {})
        self._depth = 0
        self._isolated = given is not None
        self.recorder = recorder or Recorder()
        run.host = self.recorder

    def result(self, reference: Reference) -> DecisionResult:
        """Makes the decision that was asked for."""
        run = self._run
        value = None
        try:
            value = self._asked(reference)
        except Stopped:
            pass
        except RecursionError:
            place = Place(Source("", reference.element.name), 0, 0)
            run.fail(place, "budget", "Expected values and calls nested less deep, but the stack ended")
        failed = any(note.kind in _FAILURES for note in run.diagnostics)
        return DecisionResult(value, tuple(self.recorder.evaluations), tuple(run.diagnostics), failed)

    def _asked(self, reference: Reference) -> Value:
        if reference.kind == "decision":
            return self.value_of(reference)
        function = self.value_of(reference)
        if not isinstance(function, UserFunction):
            return None
        arguments = [self._variables.get(name, None) for name in function.parameters]
        return function.body(self._run, *self._checked(reference, arguments))

    def _checked(self, reference: Reference, arguments: list[Value]) -> list[Value]:
        if not isinstance(reference.element, elements.DecisionService):
            return arguments
        place = self._place(reference)
        parameters = service_parameters(reference)
        return [
            each.model.type_of(each.variable.type).conformed(self._run, place, argument)
            if each.variable.type
            else argument
            for each, argument in zip(parameters, arguments, strict=True)
        ]

    def _place(self, reference: Reference) -> Place:
        return Place(Source("", f"{reference.kind} '{reference.element.name}'"), 0, 0)

    # ------------------------------------------------------------------ values

    def value_of(self, reference: Reference) -> Value:
        """The value of an element, computed at most once."""
        key = reference.key
        found = self._values.get(key, MISSING)
        if found is MISSING:
            found = self._computed(reference)
            self._values[key] = found
        return found

    def _computed(self, reference: Reference) -> Value:
        match reference.element:
            case elements.InputData():
                return self._input(reference)
            case elements.Decision() as decision:
                return self._decision(reference, decision)
            case elements.KnowledgeModel() as knowledge:
                return self._knowledge(reference, knowledge)
            case elements.DecisionService() as service:
                return self._service(reference, service)
        return None

    def _input(self, reference: Reference) -> Value:
        variable = reference.variable
        value = MISSING if self._isolated else self._variables.get(variable.name, MISSING)
        if value is MISSING and not self._isolated:
            value = self._variables.get(reference.element.name, MISSING)
        if value is MISSING:
            message = "Expected a value for the input '{}', but found none"
            self._run.fail(self._place(reference), "unknown-name", message, variable.name)
            return None
        return self._typed(reference, value)

    def _typed(self, reference: Reference, value: Value) -> Value:
        type_name = reference.variable.type
        if not type_name:
            return value
        return reference.model.type_of(type_name).conformed(self._run, self._place(reference), value)

    def _decision(self, reference: Reference, decision: elements.Decision) -> Value:
        if decision.logic is None and not self._isolated:
            given = self._variables.get(decision.variable.name, None)
            return self._typed(reference, given)
        self._depth += 1
        if self._depth == _MAX_LAZY:
            self._prepare(reference)
        mark = self.recorder.begin()
        scope = DecisionScope(self, reference.model.scope(decision), self._variables)
        value = reference.model.logic(decision)(scope, self._run)
        value = self._typed(reference, value)
        self._depth -= 1
        self.recorder.end(mark, decision, decision.logic, scope.read, value)
        return value

    def _prepare(self, reference: Reference) -> None:
        """Computes all that a decision requires, deepest first: where that is deep, the stack would not do."""
        waiting = [(reference, False)]
        seen: set[tuple[int, str]] = set()
        while waiting:
            current, is_ready = waiting.pop()
            if is_ready:
                self.value_of(current)
            elif current.key not in seen and isinstance(current.element, elements.Decision):
                seen.add(current.key)
                if current is not reference:
                    waiting.append((current, True))
                found = (current.model.graph.resolve(href) for href in current.element.required_decisions)
                waiting.extend((each[1], False) for each in found if each is not None)

    def _knowledge(self, reference: Reference, knowledge: elements.KnowledgeModel) -> Value:
        model = reference.model
        function = model.logic(knowledge)(DecisionScope(self, model.scope(knowledge), {}), self._run)
        if isinstance(function, ExternalFunction):
            return replace(function, name=knowledge.name)
        body = function.body
        result = model.result_type(knowledge.variable)
        place = self._place(reference)
        logic = knowledge.logic.body if knowledge.logic is not None else None

        def invoked(run: Run, *arguments: Value) -> Value:
            mark = self.recorder.begin()
            value = body(run, *arguments)
            if result is not None:
                value = result.conformed(run, place, value)
            self.recorder.end(mark, knowledge, logic, {}, value)
            return value

        return replace(function, name=knowledge.name, body=invoked)

    def _service(self, reference: Reference, service: elements.DecisionService) -> Value:
        parameters = service_parameters(reference)
        types = tuple(
            each.model.type_of(each.variable.type).type if each.variable.type else None for each in parameters
        )

        def invoked(run: Run, *arguments: Value) -> Value:
            given = {each.key: argument for each, argument in zip(parameters, arguments, strict=True)}
            inner = ModelEvaluation(run, {}, given=given, recorder=self.recorder)
            return inner.outputs(reference, service)

        names = tuple(each.variable.name for each in parameters)
        return UserFunction(service.name, names, types, invoked)

    def outputs(self, reference: Reference, service: elements.DecisionService) -> Value:
        """The result of a decision service: of one decision its value, of several a context."""
        found = [each for href in service.outputs if (each := reference.model.graph.resolve(href)) is not None]
        values = {each.variable.name: self.value_of(each) for _, each in found}
        value: Value = next(iter(values.values()), None) if len(values) == 1 else values
        result = reference.model.result_type(service.variable)
        return value if result is None else result.conformed(self._run, self._place(reference), value)


def service_parameters(reference: Reference) -> list[Reference]:
    """The inputs of a decision service in the order of its parameters: input data, then decisions (10.4)."""
    service = reference.element
    if not isinstance(service, elements.DecisionService):
        return []
    hrefs = (*service.inputs, *service.input_decisions)
    return [each[1] for href in hrefs if (each := reference.model.graph.resolve(href)) is not None]


class DecisionScope:
    """What the logic of one element can name."""

    __slots__ = ("_evaluation", "_names", "_variables", "read")

    def __init__(self, evaluation: ModelEvaluation, names: Scope, variables: Variables) -> None:
        self._evaluation = evaluation
        self._names = names
        self._variables = variables
        self.read: dict[str, Value] = {}

    def get(self, name: str, default: Any) -> Any:
        """A required element, or a variable of the call."""
        target = self._names.get(name)
        if target is None:
            value = self._variables.get(name, default)
            if value is not default:
                self.read[name] = value
            return value
        if isinstance(target, Imported):
            return {member: self._evaluation.value_of(reference) for member, reference in target.members.items()}
        if isinstance(target, OutputOf):
            value = self.read[name] = _output(self._evaluation.value_of(target.decision), target.output)
            return value
        value = self._evaluation.value_of(target)
        if target.kind in {"input", "decision"}:
            self.read[name] = value
        return value


def _output(value: Value, name: str) -> Value:
    """One output of a table's result: of a context the entry, of a list that of each item."""
    if isinstance(value, list):
        return [_output(item, name) for item in value]
    return value.get(name) if isinstance(value, dict) else value
