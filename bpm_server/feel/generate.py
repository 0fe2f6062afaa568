"""Syntax tree to Python text.

The text is one function whose statements only call helpers of :mod:`bpm_server.feel.runtime` and use
constants prepared here. From the expression's text nothing reaches it but numbers and quoted strings, and it
runs without Python's built-ins. Every temporary is a local variable, so deep expressions do not become deep
Python.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from bpm_server.feel import nodes
from bpm_server.feel.errors import FeelSyntaxError, Place, Source
from bpm_server.feel.runtime import load
from bpm_server.feel.syntaxtree import contains, left_of, looks_at_tested_value, walk
from bpm_server.feel.temporal.text import parse_at_literal
from bpm_server.feel.values import Range

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from bpm_server.feel.calls import BuiltIn
    from bpm_server.feel.dialects import Dialect

MAX_BLOCKS = 70
"""Nested blocks of generated Python (Python itself stops at 100)."""
MAX_LOOPS = 15
"""Iterators of one loop (Python itself stops at 20 nested loops)."""

_ARITHMETIC = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide", "**": "power"}
_COMPARE = {
    "=": "equal",
    "!=": "unequal",
    "<": "less",
    "<=": "less_or_equal",
    ">": "greater",
    ">=": "greater_or_equal",
}
_PYTHON_COMPARE = {"=": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_MIRRORED = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_QUIET_FUNCTIONS = frozenset({"is defined", "get or else"})
"""Built-ins that are asked about values which may be missing."""

Kind = Literal["number", "string", "boolean", "null", "truth"]
"""What is known of a value: ``truth`` is true, false or null; the others are constants."""


@dataclass(frozen=True, slots=True)
class Atom:
    """A value in generated Python: a local variable or a constant."""

    code: str
    kind: Kind | None = None
    value: Any = None


@dataclass(frozen=True, slots=True)
class Generated:
    """What the generator made.

    Attributes:
        text: Python text that defines ``run``.
        constants: Values for the names in it.
        names: Free variables that the expression reads.
        plain: It neither loops nor calls, so it needs no state of its own.
    """

    text: str
    constants: dict[str, Any]
    names: frozenset[str]
    plain: bool


@dataclass(slots=True)
class _Item:
    """A scope whose names are the entries of a list item."""

    code: str


_Frame = dict[str, Atom] | _Item


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


class _Generator:
    """One generation."""

    def __init__(
        self, source: Source, dialect: Dialect, functions: Mapping[str, BuiltIn], variables: frozenset[str]
    ) -> None:
        self._source = source
        self._dialect = dialect
        self._functions = functions
        self._variables = variables
        self._lines: list[str] = []
        self._indent = 1
        self._count = 0
        self._constants: dict[str, Any] = {}
        self._places: dict[tuple[int, int, int], str] = {}
        self._frames: list[_Frame] = []
        self._loaded: dict[str, Atom] = {}
        self._names: set[str] = set()
        self._plain = True

    def function_of(self, node: nodes.Node) -> Generated:
        """The whole function."""
        if isinstance(node, (nodes.UnaryTests, nodes.AnyValue)):
            self._frames.append({"?": Atom("tested")})
            result = self._unary_tests(node)
        else:
            result = self._value(node)
        self._emit(f"return {result.code}")
        text = "\n".join(["def run(variables, R, tested=None):", "    get = variables.get", *self._lines, ""])
        return Generated(text, self._constants, frozenset(self._names), self._plain)

    # ------------------------------------------------------------------ text

    def _emit(self, line: str) -> None:
        self._lines.append("    " * self._indent + line)

    def _new(self, prefix: str = "t") -> str:
        self._count += 1
        return f"{prefix}{self._count}"

    def _set(self, code: str, kind: Kind | None = None) -> Atom:
        name = self._new()
        self._emit(f"{name} = {code}")
        return Atom(name, kind)

    def _held(self, atom: Atom) -> Atom:
        """A constant in a variable: Python warns of identity tests on literals."""
        return self._set(atom.code) if atom.kind in {"number", "string"} else atom

    @contextmanager
    def _block(self, head: str, node: nodes.Node) -> Iterator[None]:
        """Statements that may not run; what they load is not loaded after them."""
        self._emit(head)
        self._indent += 1
        if self._indent > MAX_BLOCKS:
            raise FeelSyntaxError(self._source, node.start, "an expression that is nested less", "a deeper one")
        loaded = self._loaded
        self._loaded = dict(loaded)
        first = len(self._lines)
        yield
        if len(self._lines) == first:
            self._emit("pass")
        self._loaded = loaded
        self._indent -= 1

    @contextmanager
    def _scope(self, frame: _Frame) -> Iterator[None]:
        self._frames.append(frame)
        yield
        self._frames.pop()

    def _place(self, node: nodes.Node) -> str:
        key = (id(self._source), node.start, node.end)
        name = self._places.get(key)
        if name is None:
            name = self._places[key] = f"P{len(self._places)}"
            self._constants[name] = Place(self._source, node.start, node.end)
        return name

    def _constant(self, value: Any, prefix: str = "K") -> str:
        name = self._new(prefix)
        self._constants[name] = value
        return name

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

    def _first(self, node: nodes.Node) -> Atom:  # noqa: C901, PLR0911, PLR0912 - one line per kind of node
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
                outer, self._source = self._source, source
                atom = self._value(inner)
                self._source = outer
                return atom
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

    # ------------------------------------------------------------------ names

    def _name(self, node: nodes.Name, *, quiet: bool = False) -> Atom:
        items, local = self._frames_of(node.name)
        if not items:
            return local if local is not None else self._variable(node, quiet=quiet)
        result = self._new()
        with ExitStack() as blocks:
            for item in items:
                self._emit(f"{result} = {item.code}.get({node.name!r}, M) if type({item.code}) is dict else M")
                blocks.enter_context(self._block(f"if {result} is M:", node))
                if node.name == "item":
                    local = Atom(item.code)
                    break
            atom = local if local is not None else self._variable(node, quiet=quiet)
            self._emit(f"{result} = {atom.code}")
        return Atom(result)

    def _frames_of(self, name: str) -> tuple[list[_Item], Atom | None]:
        """The item scopes that may shadow a name, innermost first, and its local variable."""
        items: list[_Item] = []
        for frame in reversed(self._frames):
            if isinstance(frame, _Item):
                items.append(frame)
            elif name in frame:
                return items, frame[name]
        return items, None

    def _variable(self, node: nodes.Name, *, quiet: bool) -> Atom:
        name = node.name
        loaded = self._loaded.get(name)
        if loaded is not None:
            return loaded
        atom = self._set(f"get({name!r}, M)")
        built_in = self._functions.get(name) if name not in self._variables else None
        if built_in is None:
            self._names.add(name)
        with self._block(f"if {atom.code} is M:", node):
            if built_in is not None:
                self._emit(f"{atom.code} = {self._constant(built_in, 'F')}")
            elif quiet:
                self._emit(f"{atom.code} = None")
            else:
                self._emit(f"{atom.code} = unknown_name(R, {self._place(node)}, {name!r})")
        self._loaded[name] = atom
        return atom

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
        slow = f"contains(R, {self._place(node)}, {range_.code}, {value.code})"
        if not isinstance(range_.value, Range):
            return self._set(f"None if {range_.code} is None else {slow}", "truth")
        low, high = range_.value.low, range_.value.high
        if not isinstance(low, int) or not isinstance(high, int) or value.kind is not None:
            return self._set(slow, "truth")
        left, right = "<=" if node.low_included else "<", "<=" if node.high_included else "<"
        quick = f"{low!r} {left} {value.code} {right} {high!r}"
        return self._set(f"{quick} if type({value.code}) in NUMBERS else {slow}", "truth")

    # ------------------------------------------------------------------ contexts, paths, filters

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
        result = self._set(f"{left.code}.get({name!r}, M) if type({left.code}) is dict else M")
        slow = f"path(R, {self._place(node)}, {left.code}, {name!r})"
        self._emit(f"if {result.code} is M: {result.code} = {slow}")
        return result

    def _filter(self, node: nodes.Filter, left: Atom) -> Atom:
        self._plain = False
        place = self._place(node)
        if _is_index(node.condition):
            return self._set(f"item_at(R, {place}, {left.code}, {self._value(node.condition).code})")
        if _is_truth(node.condition) and not contains(node.condition, nodes.Function):
            return self._truth_filter(node, left)
        name, item = self._new("p"), self._new("item")
        with self._block(f"def {name}(R, {item}):", node), self._scope(_Item(item)):
            self._emit(f"return {self._value(node.condition).code}")
        return self._set(f"filtered(R, {place}, {left.code}, {name})")

    def _truth_filter(self, node: nodes.Filter, left: Atom) -> Atom:
        item = self._new("item")
        result = self._set(f"items(R, {self._place(node)}, {left.code})")
        with self._block(f"if {result.code} is not None:", node):
            kept = self._set("[]")
            loop = self._block(f"for {item} in {result.code}:", node)
            with loop, self._scope(_Item(item)):
                test = self._value(node.condition)
                self._emit(f"if {test.code} is True: {kept.code}.append({item})")
            self._emit(f"{result.code} = {kept.code}")
        return result

    # ------------------------------------------------------------------ loops

    def _for(self, node: nodes.For) -> Atom:
        self._plain = False
        name, results = self._new("l"), self._new("results")
        partial = Atom(results)
        frame: dict[str, Atom] = {}
        with self._block(f"def {name}():", node), self._scope(frame):
            self._emit(f"{results} = []")
            with self._turns(node.iterators, frame, node, lazy=False):
                self._body(node, frame, partial)
            self._emit(f"return {results}")
        return self._set(f"{name}()")

    def _body(self, node: nodes.For, frame: dict[str, Atom], partial: Atom) -> None:
        """One turn; as a function of its own where a closure would see the next turn's values."""
        if "partial" not in frame:
            frame["partial"] = partial
            if contains(node.body, nodes.Name("partial")):
                copied = self._set(f"snapshot(R, {self._place(node)}, {partial.code})")
                frame["partial"] = copied
        if not contains(node.body, nodes.Function):
            self._emit(f"{partial.code}.append({self._value(node.body).code})")
            return
        name = self._new("b")
        parameters = {key: Atom(self._new("x")) for key in frame}
        arguments = ", ".join(atom.code for atom in frame.values())
        head = f"def {name}({', '.join(atom.code for atom in parameters.values())}):"
        with self._block(head, node), self._scope(parameters):
            self._emit(f"return {self._value(node.body).code}")
        self._emit(f"{partial.code}.append({name}({arguments}))")

    @contextmanager
    def _turns(
        self,
        iterators: tuple[tuple[str, nodes.Node], ...],
        frame: dict[str, Atom],
        node: nodes.Node,
        *,
        lazy: bool,
    ) -> Iterator[None]:
        """Nested loops over iterators; inside, their variables are in the frame."""
        if len(iterators) > MAX_LOOPS:
            raise FeelSyntaxError(self._source, node.start, f"at most {MAX_LOOPS} iterators", str(len(iterators)))
        with ExitStack() as blocks:
            for name, domain in iterators:
                place = self._place(domain)
                if isinstance(domain, nodes.Span):
                    ends = f"{self._value(domain.low).code}, {self._value(domain.high).code}"
                    turns = self._set(f"{'each_of_span' if lazy else 'span'}(R, {place}, {ends})")
                else:
                    turns = self._set(f"{'each' if lazy else 'turns'}(R, {place}, {self._value(domain).code})")
                self._emit(f"if {turns.code} is None: return None")
                variable = self._new("x")
                blocks.enter_context(self._block(f"for {variable} in {turns.code}:", node))
                frame[name] = Atom(variable)
            yield

    def _quantified(self, node: nodes.Quantified) -> Atom:
        self._plain = False
        name, unsure = self._new("q"), self._new("unsure")
        decisive, other = ("True", "False") if node.quantifier == "some" else ("False", "True")
        frame: dict[str, Atom] = {}
        with self._block(f"def {name}():", node), self._scope(frame):
            self._emit(f"{unsure} = False")
            with self._turns(node.iterators, frame, node, lazy=True):
                test = self._truth(self._value(node.condition), node.condition)
                self._emit(f"if {test.code} is {decisive}: return {decisive}")
                self._emit(f"if {test.code} is None: {unsure} = True")
            self._emit(f"return None if {unsure} else {other}")
        return self._set(f"{name}()", "truth")

    # ------------------------------------------------------------------ functions

    def _function(self, node: nodes.Function, name: str, key: str = "") -> Atom:
        parameters = tuple(parameter for parameter, _ in node.parameters)
        types = self._constant(tuple(type_ for _, type_ in node.parameters), "T")
        if node.external:
            self._emit(f"{name} = ExternalFunction({key!r}, {parameters!r}, {types})")
            return Atom(name)
        codes = [self._new("x") for _ in parameters]
        body = self._new("b")
        frame = {parameter: Atom(code) for parameter, code in zip(parameters, codes, strict=True)}
        with self._block(f"def {body}({', '.join(['R', *codes])}):", node), self._scope(frame):
            self._emit(f"return {self._value(node.body).code}")
        self._emit(f"{name} = UserFunction({key!r}, {parameters!r}, {types}, {body})")
        return Atom(name)

    def _call(self, node: nodes.Call) -> Atom:
        """A call of a function by name."""
        self._plain = False
        if not isinstance(node.function, nodes.Name):
            return self._call_of(node, self._value(node.function))
        name = node.function.name
        items, local = self._frames_of(name)
        if local is not None or items:
            return self._call_of(node, self._name(node.function))
        built_in = self._functions.get(name) if name not in self._variables else None
        if built_in is not None:
            return self._call_of_built_in(node, built_in)
        return self._call_of(node, self._variable(node.function, quiet=False))

    def _arguments(self, node: nodes.Call) -> str:
        return ", ".join(self._value(argument).code for argument in node.arguments)

    def _call_of(self, node: nodes.Call, function: Atom) -> Atom:
        self._plain = False
        place = self._place(node)
        if node.names is not None:
            return self._set(f"call_named(R, {place}, {function.code}, {node.names!r}, [{self._arguments(node)}])")
        return self._set(f"call(R, {place}, {function.code}, [{self._arguments(node)}])")

    def _call_of_built_in(self, node: nodes.Call, function: BuiltIn) -> Atom:
        place, code = self._place(node), self._constant(function, "F")
        if function.name in _QUIET_FUNCTIONS and node.arguments:
            first, *rest = node.arguments
            arguments = ", ".join([self._quietly(first).code, *(self._value(each).code for each in rest)])
        else:
            arguments = self._arguments(node)
        if node.names is not None:
            return self._set(f"call_built_in_named(R, {place}, {code}, {node.names!r}, [{arguments}])")
        return self._set(f"call_built_in(R, {place}, {code}, [{arguments}])")

    # ------------------------------------------------------------------ host languages

    def _embedded(self, node: nodes.Embedded) -> Atom:
        self._plain = False
        inputs = ", ".join(self._value(each).code for each in node.inputs)
        if any(self._is_local(part) for part in node.parts):
            parts = f"({''.join(self._local_part(part) + ', ' for part in node.parts)})"
        else:
            parts = self._constant(tuple(self._part(part) for part in node.parts), "K")
        apply = self._constant(node.apply, "K")
        return self._set(f"{apply}(R, {self._place(node)}, variables, [{inputs}], {parts})")

    def _is_local(self, node: nodes.Node) -> bool:
        """Whether a tree may read names that are bound around it."""
        if any(isinstance(frame, _Item) for frame in self._frames):
            return True
        bound = {name for frame in self._frames if isinstance(frame, dict) for name in frame} - {"?"}
        return any(isinstance(each, nodes.Name) and each.name in bound for each in walk(node)) if bound else False

    def _part(self, node: nodes.Node) -> Part:
        return Part(node, self._source, self._dialect, self._functions, self._variables)

    def _local_part(self, node: nodes.Node) -> str:
        if not self._is_local(node):
            return self._constant(self._part(node), "K")
        name = self._new("part")
        with self._block(f"def {name}(variables, R, tested=None):", node), self._scope({"?": Atom("tested")}):
            inner = node.node if isinstance(node, nodes.Sourced) else node
            outer, self._source = self._source, node.source if isinstance(node, nodes.Sourced) else self._source
            is_test = isinstance(inner, (nodes.UnaryTests, nodes.AnyValue))
            atom = self._unary_tests(inner) if is_test else self._value(inner)
            self._source = outer
            self._emit(f"return {atom.code}")
        return name


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
                node, source = node.node, node.source
            generated = generate(node, source, self._dialect, self._functions, variables=self._variables)
            self._run = load(generated.text, generated.constants)
        return self._run(variables, run, tested)


def _is_index(node: nodes.Node) -> bool:
    if isinstance(node, nodes.Negation):
        node = node.operand
    return isinstance(node, nodes.Number)


def _is_truth(node: nodes.Node) -> bool:
    """Whether a filter condition can be nothing but true, false or null."""
    return isinstance(
        node,
        (nodes.Comparison, nodes.Logic, nodes.Between, nodes.In, nodes.InstanceOf, nodes.Quantified, nodes.Boolean),
    )
