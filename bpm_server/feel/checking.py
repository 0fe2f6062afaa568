"""What can be said about an expression before it runs: the type of its value, and what can only be null.

Types that are not known are Any, and nothing is said about them: each remark is certain.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bpm_server.feel import nodes, typerules, types
from bpm_server.feel.errors import Place, Source
from bpm_server.feel.syntaxtree import left_of, looks_at_tested_value
from bpm_server.feel.temporal.text import parse_at_literal
from bpm_server.feel.values import type_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bpm_server.feel.calls import BuiltIn


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that can only be null, or a name that nothing has."""

    rule: str
    message: str
    place: Place


class Checker:
    """One check of a tree.

    Attributes:
        problems: What was found.
    """

    def __init__(
        self,
        source: Source,
        functions: Mapping[str, BuiltIn],
        variables: Mapping[str, types.Type],
        *,
        closed: bool,
    ) -> None:
        """A checker.

        Args:
            source: The text of the tree.
            functions: Built-ins.
            variables: Names in scope and their types.
            closed: There are no other names.
        """
        self.problems: list[Problem] = []
        self._source = source
        self._functions = functions
        self._frames: list[Mapping[str, types.Type]] = [variables]
        self._closed = closed
        self._open_frames = 0

    # ------------------------------------------------------------------ bookkeeping

    def report(self, node: nodes.Node, rule: str, message: str) -> None:
        """Adds a remark about a node."""
        self.problems.append(Problem(rule, message, Place(self._source, node.start, node.end)))

    @contextmanager
    def scope(self, frame: Mapping[str, types.Type], *, is_open: bool = False) -> Iterator[None]:
        """A scope with more names; an open one may have names that are not known."""
        self._frames.append(frame)
        self._open_frames += is_open
        yield
        self._open_frames -= is_open
        self._frames.pop()

    def _looked_up(self, name: str) -> types.Type | None:
        for frame in reversed(self._frames):
            if name in frame:
                return frame[name]
        return None

    # ------------------------------------------------------------------ types

    def type_of(self, node: nodes.Node) -> types.Type:
        """The type of a tree's value; null may always come in its place."""
        chain = []
        while (left := left_of(node)) is not None:
            chain.append(node)
            node = left
        type_ = self._first(node)
        for parent in reversed(chain):
            type_ = self._with_left(parent, type_)
        return type_

    def _first(self, node: nodes.Node) -> types.Type:  # noqa: C901, PLR0912 - one line per kind of node
        match node:
            case nodes.Null():
                return types.NULL
            case nodes.Boolean():
                return types.BOOLEAN
            case nodes.Number():
                return types.NUMBER
            case nodes.String():
                return types.STRING
            case nodes.Name():
                return self._name(node)
            case nodes.At(text):
                return self._at_literal(node, text)
            case nodes.Negation(operand):
                type_ = self.type_of(operand)
                if typerules.is_known(type_) and type_ not in {types.NUMBER, types.DAYS, types.MONTHS}:
                    self.report(node, "feel-type", f"Expected a number or duration to negate, but found {type_}")
                return type_
            case nodes.Logic(_, operands):
                for operand in operands:
                    self._expect_boolean(operand, self.type_of(operand))
                return types.BOOLEAN
            case nodes.If(branches, otherwise):
                return self._if(branches, otherwise)
            case nodes.ListOf(items):
                item: types.Type = types.NULL
                for each in items:
                    item = typerules.joined(item, self.type_of(each))
                return types.ListType(item if items else types.ANY)
            case nodes.Context(entries):
                return self._context(entries)
            case nodes.Interval(low, high):
                return self._interval(node, self.type_of(low), self.type_of(high))
            case nodes.Test(_, endpoint):
                return types.RangeType(self.type_of(endpoint))
            case nodes.For(iterators, body):
                with self.scope(self._iterated(iterators)):
                    return types.ListType(self.type_of(body))
            case nodes.Quantified(_, iterators, condition):
                with self.scope(self._iterated(iterators)):
                    self._expect_boolean(condition, self.type_of(condition))
                return types.BOOLEAN
            case nodes.Function():
                return self._function(node)
            case nodes.Call():
                return self._call_by_name(node)
            case nodes.Sourced(inner, source):
                outer, self._source = self._source, source
                type_ = self.type_of(inner)
                self._source = outer
                return type_
            case nodes.Embedded(inputs):
                found = [self.type_of(each) for each in inputs]
                return node.check(self, node, found) if node.check is not None else types.ANY
        return types.ANY

    def _with_left(self, node: nodes.Node, left: types.Type) -> types.Type:
        match node:
            case nodes.Arithmetic(operator, _, right):
                return self._arithmetic(node, operator, left, self.type_of(right))
            case nodes.Comparison(operator, _, right):
                self._compare(node, operator, left, self.type_of(right))
            case nodes.Between(_, low, high):
                self._compare(node, "between", left, self.type_of(low))
                self._compare(node, "between", left, self.type_of(high))
            case nodes.In(_, tests):
                with self.scope({"?": left}):
                    for test in tests:
                        self.test(test, left)
            case nodes.Path(_, name):
                return self._path(node, left, name)
            case nodes.Filter(_, condition):
                return self._filter(left, condition)
            case nodes.Call():
                return self._call(node, left)
        return types.BOOLEAN

    # ------------------------------------------------------------------ values

    def _name(self, node: nodes.Name) -> types.Type:
        found = self._looked_up(node.name)
        if found is not None:
            return found
        if node.name not in self._functions and self._closed and not self._open_frames:
            self.report(node, "feel-unknown-name", f"Expected a name in scope, but found '{node.name}'")
        return types.ANY

    def _at_literal(self, node: nodes.At, text: str) -> types.Type:
        value = parse_at_literal(text)
        if value is None:
            message = f"Expected a date, time, date and time or duration, but found '{text}'"
            self.report(node, "feel-literal", message)
        return type_of(value)

    def _if(self, branches: tuple[tuple[nodes.Node, nodes.Node], ...], otherwise: nodes.Node) -> types.Type:
        result: types.Type = types.NULL
        for condition, then in branches:
            self._expect_boolean(condition, self.type_of(condition))
            result = typerules.joined(result, self.type_of(then))
        return typerules.joined(result, self.type_of(otherwise))

    def _expect_boolean(self, node: nodes.Node, type_: types.Type) -> None:
        if typerules.is_known(type_) and type_ != types.BOOLEAN:
            self.report(node, "feel-type", f"Expected true or false, but found {type_}")

    def _context(self, entries: tuple[tuple[str, nodes.Node], ...]) -> types.Type:
        frame: dict[str, types.Type] = {}
        with self.scope(frame):
            for key, value in entries:
                if isinstance(value, nodes.Function):
                    frame[key] = types.FUNCTION
                frame[key] = self.type_of(value)
        return types.ContextType(tuple(frame.items()))

    def _interval(self, node: nodes.Node, low: types.Type, high: types.Type) -> types.Type:
        if typerules.is_known(low) and typerules.is_known(high) and (low != high or low not in typerules.ORDERED):
            self.report(
                node,
                "feel-type",
                f"Expected two ends of a kind that has an order, but found {low} and {high}",
            )
        return types.RangeType(low if typerules.is_known(low) else high)

    def _arithmetic(self, node: nodes.Node, operator: str, left: types.Type, right: types.Type) -> types.Type:
        table = typerules.ARITHMETIC[operator]
        if not typerules.is_known(left) or not typerules.is_known(right):
            results = {
                result
                for (first, second), result in table.items()
                if (not typerules.is_known(left) or first == left)
                and (not typerules.is_known(right) or second == right)
            }
            return results.pop() if len(results) == 1 else types.ANY
        result = table.get((left, right))
        if result is None:
            message = f"Expected operands that go together with '{operator}', but found {left} and {right}"
            self.report(node, "feel-type", message)
            return types.ANY
        return result

    def _compare(self, node: nodes.Node, operator: str, left: types.Type, right: types.Type) -> None:
        ordered = operator not in {"=", "!="}
        if not typerules.compatible(left, right):
            message = f"Expected two values of the same kind to compare, but found {left} and {right}"
            self.report(node, "feel-type", message)
        elif ordered and any(typerules.is_known(each) and each not in typerules.ORDERED for each in (left, right)):
            self.report(node, "feel-type", f"Expected values that have an order, but found {left} and {right}")

    # ------------------------------------------------------------------ access

    def _path(self, node: nodes.Path, left: types.Type, name: str) -> types.Type:
        match left:
            case types.ListType(item):
                return types.ListType(self._path(node, item, name))
            case types.ContextType(entries) if entries:
                found = left.entry(name)
                if found is None:
                    known = ", ".join(key for key, _ in entries)
                    self.report(node, "feel-no-entry", f"Expected one of the entries {known}, but found '{name}'")
                return found or types.ANY
            case types.RangeType(point):
                return point if name in {"start", "end"} else types.BOOLEAN
        properties = typerules.PROPERTIES.get(left)
        if properties is None:
            if typerules.is_known(left) and left in typerules.ORDERED | {types.BOOLEAN}:
                self.report(node, "feel-no-entry", f"Expected a context with '{name}', but found {left}")
            return types.ANY
        if name not in properties:
            known = ", ".join(properties)
            self.report(node, "feel-no-entry", f"Expected one of the properties {known}, but found '{name}'")
        return properties.get(name, types.ANY)

    def _filter(self, left: types.Type, condition: nodes.Node) -> types.Type:
        item = left.item if isinstance(left, types.ListType) else left
        frame: dict[str, types.Type] = {"item": item}
        if isinstance(item, types.ContextType):
            frame.update(item.entries)
        is_open = not typerules.is_known(item) or (isinstance(item, types.ContextType) and not item.entries)
        with self.scope(frame, is_open=is_open):
            type_ = self.type_of(condition)
        if type_ == types.NUMBER:
            return item
        return types.ListType(item) if type_ == types.BOOLEAN else types.ANY

    def _iterated(self, iterators: tuple[tuple[str, nodes.Node], ...]) -> dict[str, types.Type]:
        frame: dict[str, types.Type] = {"partial": types.LIST}
        for name, domain in iterators:
            with self.scope(dict(frame)):
                frame[name] = self._turn(domain)
        return frame

    def _turn(self, domain: nodes.Node) -> types.Type:
        if isinstance(domain, nodes.Span):
            low, high = self.type_of(domain.low), self.type_of(domain.high)
            for type_ in (low, high):
                if typerules.is_known(type_) and type_ not in {types.NUMBER, types.DATE}:
                    self.report(domain, "feel-type", f"Expected numbers or dates to go through, but found {type_}")
            return low
        type_ = self.type_of(domain)
        match type_:
            case types.ListType(item):
                return item
            case types.RangeType(point):
                return point
        if typerules.is_known(type_):
            self.report(domain, "feel-type", f"Expected a list to go through, but found {type_}")
        return types.ANY

    # ------------------------------------------------------------------ tests

    def tests(self, node: nodes.Node, tested: types.Type) -> None:
        """Checks unary tests of values of a type."""
        if isinstance(node, nodes.Sourced):
            outer, self._source = self._source, node.source
            self.tests(node.node, tested)
            self._source = outer
        elif isinstance(node, nodes.UnaryTests):
            with self.scope({"?": tested}):
                for test in node.tests:
                    self.test(test, tested)

    def test(self, node: nodes.Node, tested: types.Type) -> None:
        """Checks one test of values of a type."""
        if isinstance(node, nodes.Test):
            self._compare(node, node.operator, tested, self.type_of(node.endpoint))
            return
        type_ = self.type_of(node)
        if looks_at_tested_value(node) or not typerules.is_known(tested) or not typerules.is_known(type_):
            return
        match type_:
            case types.RangeType(point):
                expected = point
            case types.ListType(item) if not isinstance(tested, types.ListType):
                expected = item.point if isinstance(item, types.RangeType) else item
            case _:
                expected = type_
        if expected != types.BOOLEAN and not typerules.compatible(tested, expected):
            self.report(node, "feel-type", f"Expected a test of {tested}, but found {type_}")

    # ------------------------------------------------------------------ functions

    def _function(self, node: nodes.Function) -> types.Type:
        frame = {name: type_ or types.ANY for name, type_ in node.parameters}
        result: types.Type = types.ANY
        if not node.external:
            with self.scope(frame):
                result = self.type_of(node.body)
        return types.FunctionType(tuple(frame.values()), result)

    def _call_by_name(self, node: nodes.Call) -> types.Type:
        if not isinstance(node.function, nodes.Name):
            return self._call(node, self.type_of(node.function))
        name = node.function.name
        found = self._looked_up(name)
        if found is not None:
            return self._call(node, found)
        built_in = self._functions.get(name)
        if built_in is None:
            if not self._open_frames and (self._closed or " " in name):
                self.report(node.function, "feel-unknown-function", f"Expected a known function, but found '{name}'")
            return self._call(node, types.ANY)
        return self._call_of_built_in(node, built_in, [self.type_of(each) for each in node.arguments])

    def _call(self, node: nodes.Call, function: types.Type) -> types.Type:
        found = [self.type_of(each) for each in node.arguments]
        if not isinstance(function, types.FunctionType):
            if typerules.is_known(function):
                self.report(node, "feel-type", f"Expected a function to call, but found {function}")
            return types.ANY
        expected = function.parameters
        if expected is not None and node.names is None:
            if len(expected) != len(found):
                self.report(node, "feel-arguments", f"Expected {len(expected)} arguments, but found {len(found)}")
            elif any(not typerules.may_be(type_, each) for type_, each in zip(found, expected, strict=True)):
                self.report(node, "feel-arguments", f"Expected {function}, but found other arguments")
        return function.result

    def _call_of_built_in(self, node: nodes.Call, function: BuiltIn, found: list[types.Type]) -> types.Type:
        shaped = [each for each in function.signatures if typerules.fits_shape(each, node, len(found))]
        if not shaped:
            self.report(node, "feel-arguments", f"Expected arguments that '{function.name}' takes, but found others")
            return types.ANY
        fitting = [each for each in shaped if typerules.fits_types(each, node, found)]
        if not fitting:
            given = ", ".join(map(str, found))
            self.report(node, "feel-arguments", f"Expected arguments that '{function.name}' takes, but found {given}")
        results = {each.result for each in fitting or shaped}
        return results.pop() if len(results) == 1 else types.ANY
