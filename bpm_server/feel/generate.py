"""Syntax tree to Python text.

The text is one function whose statements only call helpers of :mod:`bpm_server.feel.runtime` and use
constants prepared here. From the expression's text nothing reaches it but numbers and quoted strings, and it
runs without Python's built-ins. Every temporary is a local variable, so deep expressions do not become deep
Python.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bpm_server.feel import nodes
from bpm_server.feel.constructs import ConstructGenerator
from bpm_server.feel.emitter import Atom
from bpm_server.feel.runtime import load
from bpm_server.feel.syntaxtree import left_of, looks_at_tested_value
from bpm_server.feel.temporal.text import parse_at_literal
from bpm_server.feel.values import Range

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from decimal import Decimal

    from bpm_server.feel.calls import BuiltIn
    from bpm_server.feel.dialects import Dialect
    from bpm_server.feel.errors import Source

_ARITHMETIC: Final = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide", "**": "power"}
_COMPARE: Final = {
    "=": "equal",
    "!=": "unequal",
    "<": "less",
    "<=": "less_or_equal",
    ">": "greater",
    ">=": "greater_or_equal",
}
_PYTHON_COMPARE: Final = {"=": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_MIRRORED = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True, slots=True)
class Generated:
    """What the generator made.

    Attributes:
        text: Python text that defines ``run``.
        constants: Values for the names in it.
        plain: It neither loops nor calls, so it needs no state of its own.
    """

    text: str
    constants: dict[str, Any]
    plain: bool


def generate(
    node: nodes.Node,
    source: Source,
    dialect: Dialect,
    functions: Mapping[str, BuiltIn],
    *,
    variables: Collection[str] = (),
) -> Generated:
    """Generates the function of an expression or of unary tests.

    Args:
        node: The tree.
        source: Its text, for places.
        dialect: Its dialect.
        functions: Built-ins.
        variables: Names that are variables even where a built-in has the same name.

    Raises:
        FeelSyntaxError: nested too deep.
    """
    generator = _Generator(source, dialect, functions, frozenset(variables))
    return generator.function_of(node)


class Part:
    """A part of an embedded construct that reads only variables: compiled when it is first called."""

    __slots__ = ("_dialect", "_functions", "_node", "_run", "_source", "_variables")

    def __init__(
        self,
        node: nodes.Node,
        source: Source,
        dialect: Dialect,
        functions: Mapping[str, BuiltIn],
        variables: frozenset[str],
    ) -> None:
        self._node = node
        self._source = source
        self._dialect = dialect
        self._functions = functions
        self._variables = variables
        self._run: Callable[..., Any] | None = None

    def __call__(self, variables: Any, run: Any, tested: Any = None) -> Any:
        """The value of the part."""
        if self._run is None:
            node, source = self._node, self._source
            if isinstance(node, nodes.Sourced):
                source = node.source
                node = node.node
            generated = generate(node, source, self._dialect, self._functions, variables=self._variables)
            self._run = load(generated.text, generated.constants)
        return self._run(variables, run, tested)


class _Generator(ConstructGenerator):
    """One generation."""

    def function_of(self, node: nodes.Node) -> Generated:
        """The whole function."""
        if isinstance(node, (nodes.UnaryTests, nodes.AnyValue)):
            self._frames.append({"?": Atom("tested")})
            result = self._unary_tests(node)
        else:
            result = self._value(node)
        self._emit(f"return {result.code}")
        text = "\n".join(["def run(variables, R, tested=None):", "    get = variables.get", *self._lines, ""])
        return Generated(text, self._constants, self._plain)

    # ------------------------------------------------------------------ values

    def _value(self, node: nodes.Node) -> Atom:
        """Generates a value. Left-leaning chains (``a + b + c``, ``a.b.c``) are walked, not recursed."""
        chain = []
        while (left := left_of(node)) is not None and not self._is_null_test(node):
            chain.append(node)
            node = left
        atom = self._first(node)
        for parent in reversed(chain):
            atom = self._with_left(parent, atom)
        return atom

    def _first(self, node: nodes.Node) -> Atom:  # noqa: C901, PLR0912 - one line per kind of node
        match node:
            case nodes.Null():
                return Atom("None", "null")
            case nodes.Boolean(value):
                return Atom(str(value), "boolean", value)
            case nodes.Number(value):
                return self._number(value)
            case nodes.String(value):
                return Atom(repr(value), "string", value)
            case nodes.Name():
                return self._name(node)
            case nodes.At():
                return self._at_literal(node)
            case nodes.Negation():
                return self._negation(node)
            case nodes.Comparison():
                return self._null_test(node)
            case nodes.Logic():
                return self._logic(node)
            case nodes.If():
                return self._if(node)
            case nodes.ListOf(items):
                return self._set(f"[{', '.join(self._value(item).code for item in items)}]")
            case nodes.Context():
                return self._context(node)
            case nodes.Interval():
                return self._interval(node)
            case nodes.Test(operator, endpoint):
                return self._set(f"test_range({operator!r}, {self._value(endpoint).code})")
            case nodes.For():
                return self._for(node)
            case nodes.Quantified():
                return self._quantified(node)
            case nodes.Function():
                return self._function(node, self._new("f"))
            case nodes.Call():
                return self._call(node)
            case nodes.Embedded():
                return self._embedded(node)
            case nodes.Sourced(inner, source):
                with self._in_source(source):
                    return self._value(inner)
        raise NotImplementedError(type(node).__name__)

    def _with_left(self, node: nodes.Node, left: Atom) -> Atom:
        match node:
            case nodes.Arithmetic(operator, _, right):
                other = self._value(right)
                return self._set(f"{_ARITHMETIC[operator]}(R, {self._place(node)}, {left.code}, {other.code})")
            case nodes.Comparison(operator, _, right):
                return self._comparison(node, operator, left, self._value(right))
            case nodes.Between(_, low, high):
                ends = f"{self._value(low).code}, {self._value(high).code}"
                return self._set(f"between(R, {self._place(node)}, {left.code}, {ends})", "truth")
            case nodes.In(_, tests):
                with self._scope({"?": left}):
                    return self._any_test(tests, left)
            case nodes.InstanceOf():
                return self._instance_of(node, left)
            case nodes.Path(_, name):
                return self._path(node, left, name)
            case nodes.Filter():
                return self._filter(node, left)
            case nodes.Call():
                return self._call_of(node, left)
        raise NotImplementedError(type(node).__name__)

    def _number(self, value: int | Decimal) -> Atom:
        code = repr(value) if isinstance(value, int) else self._constant(value)
        return Atom(code, "number", value)

    def _at_literal(self, node: nodes.At) -> Atom:
        value = parse_at_literal(node.text)
        if value is None:
            message = "Expected a date, time, date and time or duration, but found {}"
            return self._set(f"R.fail({self._place(node)}, 'argument', {message!r}, {node.text!r})")
        return Atom(self._constant(value), None, value)

    def _negation(self, node: nodes.Negation) -> Atom:
        if isinstance(node.operand, nodes.Number):
            value = node.operand.value
            return self._number(-value if isinstance(value, int) else value.copy_negate())
        return self._set(f"negate(R, {self._place(node)}, {self._value(node.operand).code})")

    def _quietly(self, node: nodes.Node) -> Atom:
        """A value that may be missing without a remark."""
        names = []
        while isinstance(node, nodes.Path):
            names.append(node)
            node = node.value
        atom = self._name(node, quiet=True) if isinstance(node, nodes.Name) else self._value(node)
        for path in reversed(names):
            atom = self._set(f"quiet_path(R, {self._place(path)}, {atom.code}, {path.name!r})")
        return atom

    # ------------------------------------------------------------------ comparison and logic

    @staticmethod
    def _is_null_test(node: nodes.Node) -> bool:
        return (
            isinstance(node, nodes.Comparison)
            and node.operator in {"=", "!="}
            and (isinstance(node.left, nodes.Null) or isinstance(node.right, nodes.Null))
        )

    def _null_test(self, node: nodes.Comparison) -> Atom:
        operand = node.left if isinstance(node.right, nodes.Null) else node.right
        negation = "" if node.operator == "=" else "not "
        return self._set(f"{self._held(self._quietly(operand)).code} is {negation}None", "truth")

    def _comparison(self, node: nodes.Node, operator: str, left: Atom, right: Atom) -> Atom:
        slow = f"{_COMPARE[operator]}(R, {self._place(node)}, {left.code}, {right.code})"
        python = _PYTHON_COMPARE[operator]
        if right.kind in {"number", "string"}:
            check, constant, other = self._check(left.code, right.kind), right, left
        elif left.kind in {"number", "string"}:
            check, constant, other = self._check(right.code, left.kind), left, right
        else:
            return self._set(slow, "truth")
        if other.kind is not None and other.kind not in {constant.kind, "truth"}:
            return self._set(slow, "truth")
        return self._set(f"{left.code} {python} {right.code} if {check} else {slow}", "truth")

    @staticmethod
    def _check(code: str, kind: str) -> str:
        return f"type({code}) in NUMBERS" if kind == "number" else f"type({code}) is str"

    def _truth(self, atom: Atom, node: nodes.Node) -> Atom:
        """An operand of ``and`` and ``or``: true, false or null."""
        if atom.kind in {"truth", "boolean", "null"}:
            return atom
        name = self._new()
        self._emit(f"{name} = {atom.code}")
        self._emit(f"if {name} is not True and {name} is not False: {name} = otherwise(R, {self._place(node)}, {name})")
        return Atom(name, "truth")

    def _logic(self, node: nodes.Logic) -> Atom:
        """Ternary logic, from left to right, until the result is certain (Table 50)."""
        certain, other = ("False", "True") if node.operator == "and" else ("True", "False")
        first, *rest = node.operands
        result = self._new()
        self._emit(f"{result} = {self._truth(self._value(first), first).code}")
        for operand in rest:
            with self._block(f"if {result} is not {certain}:", operand):
                atom = self._truth(self._value(operand), operand)
                unsure = f"({certain} if {atom.code} is {certain} else None)"
                self._emit(f"{result} = {atom.code} if {result} is {other} else {unsure}")
        return Atom(result, "truth")

    def _instance_of(self, node: nodes.InstanceOf, left: Atom) -> Atom:
        if node.type is None:
            message = "Expected a known type, but found {}"
            return self._set(f"R.fail({self._place(node)}, 'type', {message!r}, {node.type_text!r})")
        return self._set(f"is_instance({left.code}, {self._constant(node.type, 'T')})", "truth")

    def _if(self, node: nodes.If) -> Atom:
        if len(node.branches) > 1:
            return self._chain(node)
        ((condition, then),) = node.branches
        test = self._held(self._value(condition))
        result = self._new()
        with self._block(f"if {test.code} is True:", then):
            self._emit(f"{result} = {self._value(then).code}")
        with self._block("else:", node.otherwise):
            self._emit(f"{result} = {self._value(node.otherwise).code}")
        return Atom(result)

    def _chain(self, node: nodes.If) -> Atom:
        """``if ... else if ... else``, as a function that returns, because nesting would not end."""
        name = self._new("c")
        with self._block(f"def {name}():", node):
            for condition, then in node.branches:
                test = self._held(self._value(condition))
                with self._block(f"if {test.code} is True:", then):
                    self._emit(f"return {self._value(then).code}")
            self._emit(f"return {self._value(node.otherwise).code}")
        return self._set(f"{name}()")

    # ------------------------------------------------------------------ tests

    def _unary_tests(self, node: nodes.UnaryTests | nodes.AnyValue) -> Atom:
        if isinstance(node, nodes.AnyValue):
            return Atom("True", "boolean", True)
        atom = self._any_test(node.tests, Atom("tested"))
        if node.negated:
            return self._set(f"None if {atom.code} is None else not {atom.code}", "truth")
        return atom

    def _any_test(self, tests: tuple[nodes.Node, ...], value: Atom) -> Atom:
        first, *rest = tests
        atom = self._test(first, value)
        if not rest:
            return atom
        result = self._new()
        self._emit(f"{result} = {atom.code}")
        for test in rest:
            with self._block(f"if {result} is not True:", test):
                other = self._test(test, value)
                self._emit(f"{result} = True if {other.code} is True else (None if {result} is None else {other.code})")
        return Atom(result, "truth")

    def _test(self, node: nodes.Node, value: Atom) -> Atom:
        if isinstance(node, nodes.Test):
            return self._comparison(node, node.operator, value, self._value(node.endpoint))
        if isinstance(node, nodes.Interval):
            return self._interval_test(node, value)
        atom = self._value(node)
        place = self._place(node)
        if looks_at_tested_value(node):
            if atom.kind == "truth":
                return atom
            return self._set(f"looked_at(R, {place}, {atom.code}, {value.code})", "truth")
        if atom.kind in {"number", "string"}:
            return self._comparison(node, "=", value, atom)
        return self._set(f"in_test(R, {place}, {value.code}, {atom.code})", "truth")

    def _interval(self, node: nodes.Interval) -> Atom:
        low, high = self._value(node.low), self._value(node.high)
        if low.kind == high.kind and low.kind in {"number", "string"} and low.value <= high.value:
            value = Range(low.value, high.value, node.low_included, node.high_included)
            return Atom(self._constant(value), None, value)
        ends = f"{low.code}, {high.code}, {node.low_included}, {node.high_included}"
        return self._set(f"interval(R, {self._place(node)}, {ends})")

    def _interval_test(self, node: nodes.Interval, value: Atom) -> Atom:
        range_ = self._interval(node)
        slow = f"in_test(R, {self._place(node)}, {value.code}, {range_.code})"
        if not isinstance(range_.value, Range):
            return self._set(f"None if {range_.code} is None else {slow}", "truth")
        low, high = range_.value.low, range_.value.high
        if not isinstance(low, int) or not isinstance(high, int) or value.kind is not None:
            return self._set(slow, "truth")
        left, right = "<=" if node.low_included else "<", "<=" if node.high_included else "<"
        quick = f"{low!r} {left} {value.code} {right} {high!r}"
        return self._set(f"{quick} if type({value.code}) in NUMBERS else {slow}", "truth")

    # ------------------------------------------------------------------ contexts and paths

    def _context(self, node: nodes.Context) -> Atom:
        keys = [key for key, _ in node.entries]
        if self._dialect.spaced_names and len(set(keys)) < len(keys):
            twice = next(key for key in keys if keys.count(key) > 1)
            message = "Expected keys that differ, but found '{}' twice"
            return self._set(f"R.fail({self._place(node)}, 'argument', {message!r}, {twice!r})")
        frame: dict[str, Atom] = {}
        parts = []
        with self._scope(frame):
            for key, value in node.entries:
                if isinstance(value, nodes.Function):
                    name = self._new("f")
                    frame[key] = Atom(name)
                    atom = self._function(value, name, key)
                else:
                    atom = self._value(value)
                frame[key] = atom
                parts.append(f"{key!r}: {atom.code}")
        return self._set("{" + ", ".join(parts) + "}")

    def _path(self, node: nodes.Node, left: Atom, name: str) -> Atom:
        left = self._held(left)
        result = self._set(f"{left.code}.get({name!r}, M) if type({left.code}) is dict else M")
        slow = f"path(R, {self._place(node)}, {left.code}, {name!r})"
        self._emit(f"if {result.code} is M: {result.code} = {slow}")
        return result

    def _part(self, node: nodes.Node) -> Part:
        return Part(node, self._source, self._dialect, self._functions, self._variables)
