"""Loops, filters, functions, calls and embedded constructs: what becomes Python functions and loops."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from bpm_server.feel import nodes
from bpm_server.feel.checking import Checker
from bpm_server.feel.emitter import Atom, Emitter, Item
from bpm_server.feel.errors import FeelSyntaxError
from bpm_server.feel.syntaxtree import contains, walk
from bpm_server.feel.types import ANY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bpm_server.feel.calls import BuiltIn
    from bpm_server.feel.types import Type
    from bpm_server.feel.values import Value

MAX_LOOPS: Final = 15
"""Iterators of one loop (Python itself stops at 20 nested loops)."""
_QUIET_FUNCTIONS: Final = frozenset({"is defined", "get or else"})
"""Built-ins that are asked about values which may be missing."""


class ConstructGenerator(Emitter, ABC):
    """The part of the generator that makes Python functions and loops."""

    @abstractmethod
    def _value(self, node: nodes.Node) -> Atom:
        """Generates a value."""

    @abstractmethod
    def _quietly(self, node: nodes.Node) -> Atom:
        """Generates a value that may be missing without a remark."""

    @abstractmethod
    def _truth(self, atom: Atom, node: nodes.Node) -> Atom:
        """Generates true, false or null."""

    @abstractmethod
    def _unary_tests(self, node: nodes.UnaryTests | nodes.AnyValue) -> Atom:
        """Generates the tests of a cell."""

    @abstractmethod
    def _part(self, node: nodes.Node) -> Callable[..., Value]:
        """A function of its own, for a part that reads only variables."""

    # ------------------------------------------------------------------ filters

    def _filter(self, node: nodes.Filter, left: Atom) -> Atom:
        self._plain = False
        place = self._place(node)
        if _is_index(node.condition):
            return self._set(f"item_at(R, {place}, {left.code}, {self._value(node.condition).code})")
        if _is_truth(node.condition) and not contains(node.condition, nodes.Function):
            return self._truth_filter(node, left)
        name, item = self._new("p"), self._new("item")
        with self._block(f"def {name}(R, {item}):", node), self._scope(Item(item)):
            self._emit(f"return {self._value(node.condition).code}")
        return self._set(f"filtered(R, {place}, {left.code}, {name})")

    def _truth_filter(self, node: nodes.Filter, left: Atom) -> Atom:
        item = self._new("item")
        result = self._set(f"items(R, {self._place(node)}, {left.code})")
        with self._block(f"if {result.code} is not None:", node):
            kept = self._set("[]")
            loop = self._block(f"for {item} in {result.code}:", node)
            with loop, self._scope(Item(item)):
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
        returns = self._constant(self._returned(node), "T")
        self._emit(f"{name} = UserFunction({key!r}, {parameters!r}, {types}, {body}, {returns})")
        return Atom(name)

    def _returned(self, node: nodes.Function) -> Type:
        variables = {name: type_ or ANY for name, type_ in node.parameters}
        return Checker(self._source, self._functions, variables, closed=False).type_of(node.body)

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
        if any(isinstance(frame, Item) for frame in self._frames):
            return True
        bound = {name for frame in self._frames if isinstance(frame, dict) for name in frame} - {"?"}
        return any(isinstance(each, nodes.Name) and each.name in bound for each in walk(node)) if bound else False

    def _local_part(self, node: nodes.Node) -> str:
        if not self._is_local(node):
            return self._constant(self._part(node), "K")
        name = self._new("part")
        with self._block(f"def {name}(variables, R, tested=None):", node), self._scope({"?": Atom("tested")}):
            inner = node.node if isinstance(node, nodes.Sourced) else node
            with self._in_source(node.source if isinstance(node, nodes.Sourced) else self._source):
                if isinstance(inner, (nodes.UnaryTests, nodes.AnyValue)):
                    atom = self._unary_tests(inner)
                else:
                    atom = self._value(inner)
            self._emit(f"return {atom.code}")
        return name


def _is_index(node: nodes.Node) -> bool:
    if isinstance(node, nodes.Negation):
        node = node.operand
    return isinstance(node, nodes.Number)


def _is_truth(node: nodes.Node) -> bool:
    """Whether a filter condition can be nothing but true, false or null."""
    return isinstance(
        node,
        (
            nodes.Comparison,
            nodes.Logic,
            nodes.Between,
            nodes.In,
            nodes.InstanceOf,
            nodes.Quantified,
            nodes.Boolean,
        ),
    )
