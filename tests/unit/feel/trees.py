"""Hypothesis strategies for syntax trees as the parser makes them, and for values of variables."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from hypothesis import strategies as st

from bpm_server.feel import nodes, types

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

NAMES = ("a", "b", "c", "x", "item", "größe", "_1")
SPACED = ("order total", "is a part", "x-y", "yes and no", "rate/year")

_NUMBERS = (0, 1, 2, 3, 7, 10**34 - 1, Decimal("0.5"), Decimal("2.50"), Decimal("1E-30"))
_LARGEST = Decimal("9.999999999999999999999999999999999E+6144")
_TEXTS = ("", "a", "b", "ab", '"', "\\", "\n\t", "👍", "\\n", "ß\x00")
_MOMENTS = ("2026-01-31", "12:00:00Z", "P1D", "nonsense")
_TYPES = (types.NUMBER, types.STRING, types.DATE_AND_TIME, types.MONTHS, types.ANY)
_VALUES = (None, True, False, -5, 0, 1, 2, 12, Decimal("0.1"), Decimal("-2.50"), "", "a", "b", "ab")


class _Grower:
    """Grows one tree, from the root; ``size`` is what is left to spend."""

    def __init__(self, draw: st.DrawFn, names: Sequence[str], size: int) -> None:
        self._draw = draw
        self._names = names
        self._left = size

    def one(self, options: Sequence[T]) -> T:
        return self._draw(st.sampled_from(options))

    def some(self, grow: Callable[[], T], low: int, high: int) -> tuple[T, ...]:
        return tuple(grow() for _ in range(self._draw(st.integers(low, high))))

    def pairs(self, grow: Callable[[], T], low: int, high: int) -> tuple[tuple[str, T], ...]:
        """Names, each once, with something."""
        count = self._draw(st.integers(low, high))
        return tuple({self.one(self._names): grow() for _ in range(count)}.items())

    # ------------------------------------------------------------------ what the naive interpreter knows

    def leaf(self) -> nodes.Node:
        match self.one("nsbx0"):
            case "n":
                return nodes.Number(self.one((*_NUMBERS, _LARGEST)))
            case "s":
                return nodes.String(self.one(_TEXTS))
            case "b":
                return nodes.Boolean(self.one((True, False)))
            case "0":
                return nodes.Null()
        return nodes.Name(self.one(self._names))

    def computed(self) -> nodes.Node:
        """A tree that the naive interpreter can evaluate."""
        self._left -= 1
        return self.leaf() if self._left < 0 else self.one(_GROW)(self)

    def negation(self) -> nodes.Node:
        return nodes.Negation(self.computed())

    def arithmetic(self) -> nodes.Node:
        operator = self.one(("+", "-", "*", "/", "**"))
        if operator == "**":
            return nodes.Arithmetic(operator, self.computed(), nodes.Number(self.one((0, 1, 2, 7))))
        return nodes.Arithmetic(operator, self.computed(), self.computed())

    def comparison(self) -> nodes.Node:
        operator = self.one(("=", "!=", "<", "<=", ">", ">="))
        return nodes.Comparison(operator, self.computed(), self.computed())

    def logic(self) -> nodes.Node:
        """The parser makes one node of a chain."""
        operator = self.one(("and", "or"))
        operands = self.some(self.computed, 2, 3)
        inner = [isinstance(each, nodes.Logic) and each.operator == operator for each in operands]
        return nodes.Logic(
            operator, tuple(nodes.Null() if same else each for each, same in zip(operands, inner, strict=True))
        )

    def between(self) -> nodes.Node:
        return nodes.Between(self.computed(), self.computed(), self.computed())

    def in_(self) -> nodes.Node:
        return nodes.In(self.computed(), self.some(self.test, 1, 3))

    def test(self) -> nodes.Node:
        if self.one((True, False)):
            return nodes.Test(self.one(("<", "<=", ">", ">=")), self.computed())
        return self.computed()

    def if_(self) -> nodes.Node:
        otherwise = self.computed()
        branches = self.some(lambda: (self.computed(), self.computed()), 1, 2)
        return nodes.If(branches, nodes.Null() if isinstance(otherwise, nodes.If) else otherwise)

    def interval(self) -> nodes.Node:
        return nodes.Interval(self.computed(), self.computed(), self.one((True, False)), self.one((True, False)))

    def list_(self) -> nodes.Node:
        return nodes.ListOf(self.some(self.computed, 0, 4))

    def context(self) -> nodes.Node:
        return nodes.Context(self.pairs(self.computed, 0, 3))

    def path(self) -> nodes.Node:
        return nodes.Path(self.computed(), self.one(self._names))

    def filter(self) -> nodes.Node:
        return nodes.Filter(self.computed(), self.computed())

    def iterators(self) -> tuple[tuple[str, nodes.Node], ...]:
        return self.some(lambda: (self.one(self._names), self.domain()), 1, 2)

    def domain(self) -> nodes.Node:
        match self.one("sle"):
            case "s":
                ends = [nodes.Number(self.one((0, 1, 3, 4))) for _ in range(2)]
                return nodes.Span(ends[0], self.one((ends[1], nodes.Name(self.one(self._names)))))
            case "l":
                return self.list_()
        return self.computed()

    def for_(self) -> nodes.Node:
        return nodes.For(self.iterators(), self.computed())

    def quantified(self) -> nodes.Node:
        return nodes.Quantified(self.one(("some", "every")), self.iterators(), self.computed())

    def called(self) -> nodes.Node:
        """A function that is called where it is defined."""
        parameters = tuple((name, None) for name, _ in self.pairs(lambda: None, 1, 2))
        return nodes.Call(nodes.Function(parameters, self.computed()), self.some(self.computed, 1, 2))


class _Writer(_Grower):
    """Grows trees of all of the grammar, to be printed and parsed."""

    def leaf(self) -> nodes.Node:
        return nodes.At(self.one(_MOMENTS)) if self.one("abcdef") == "f" else super().leaf()

    def computed(self) -> nodes.Node:
        if self._left > 0 and self.one("abcd") == "d":
            self._left -= 1
            return self.one((self.instance_of, self.function, self.half_range, self.call, self.named_call))()
        return super().computed()

    def type(self, depth: int = 2) -> types.Type:
        match self.one("slrcf" if depth else "s"):
            case "l":
                return types.ListType(self.type(depth - 1))
            case "r":
                return types.RangeType(self.type(depth - 1))
            case "c":
                return types.ContextType(self.pairs(lambda: self.type(depth - 1), 1, 2))
            case "f":
                return types.FunctionType(self.some(lambda: self.type(depth - 1), 0, 2), self.type(depth - 1))
        return self.one(_TYPES)

    def instance_of(self) -> nodes.Node:
        type_ = self.type()
        return nodes.InstanceOf(self.computed(), type_, str(type_))

    def function(self) -> nodes.Node:
        return nodes.Function(
            self.pairs(lambda: self.type() if self.one((True, False)) else None, 0, 2), self.computed()
        )

    def half_range(self) -> nodes.Node:
        return nodes.Test(self.one(("=", "!=", "<", "<=", ">", ">=")), self.computed())

    def call(self) -> nodes.Node:
        return nodes.Call(nodes.Name(self.one(self._names)), self.some(self.computed, 0, 3))

    def named_call(self) -> nodes.Node:
        pairs = self.pairs(self.computed, 1, 2)
        return nodes.Call(nodes.Name("f"), tuple(value for _, value in pairs), tuple(name for name, _ in pairs))


_GROW: tuple[Callable[[_Grower], nodes.Node], ...] = (
    _Grower.leaf,
    _Grower.leaf,
    _Grower.negation,
    _Grower.arithmetic,
    _Grower.arithmetic,
    _Grower.comparison,
    _Grower.logic,
    _Grower.between,
    _Grower.in_,
    _Grower.if_,
    _Grower.interval,
    _Grower.list_,
    _Grower.list_,
    _Grower.context,
    _Grower.path,
    _Grower.filter,
    _Grower.for_,
    _Grower.quantified,
    _Grower.called,
)


@st.composite
def computed(draw: st.DrawFn) -> nodes.Node:
    """Trees that the naive interpreter can evaluate."""
    return _Grower(draw, NAMES, 12).computed()


@st.composite
def written(draw: st.DrawFn, *, spaced: bool) -> nodes.Node:
    """Trees of all of the grammar."""
    return _Writer(draw, (*NAMES, *SPACED) if spaced else NAMES, 12).computed()


@st.composite
def unary_tests(draw: st.DrawFn, *, spaced: bool) -> nodes.Node:
    """Trees of decision table cells."""
    grower = _Writer(draw, (*NAMES, *SPACED) if spaced else NAMES, 12)
    if grower.one("abcdef") == "f":
        return nodes.AnyValue()
    return nodes.UnaryTests(grower.some(grower.test, 1, 3), grower.one((False, True)))


@st.composite
def scopes(draw: st.DrawFn) -> dict[str, Any]:
    """Values of variables, some of the names without any."""
    grower = _Grower(draw, NAMES, 0)

    def value(depth: int) -> Any:
        match grower.one("sslc" if depth else "s"):
            case "l":
                return list(grower.some(lambda: value(depth - 1), 0, 4))
            case "c":
                return dict(grower.pairs(lambda: value(depth - 1), 0, 3))
        return grower.one(_VALUES)

    return dict(grower.pairs(lambda: value(2), 0, len(NAMES)))
