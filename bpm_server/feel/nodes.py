"""The syntax tree. Equal trees mean the same; ``start`` and ``end`` are where a node stands in the text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from bpm_server.feel.errors import Source
    from bpm_server.feel.types import Type

ArithmeticOperator = Literal["+", "-", "*", "/", "**"]
ComparisonOperator = Literal["=", "!=", "<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class Node:
    """Any part of an expression."""

    start: int = field(default=0, compare=False, repr=False, kw_only=True)
    end: int = field(default=0, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Null(Node):
    """``null``"""


@dataclass(frozen=True, slots=True)
class Boolean(Node):
    """``true`` and ``false``"""

    value: bool


@dataclass(frozen=True, slots=True)
class Number(Node):
    """``12``, ``.5``, ``1.2e3``; never negative."""

    value: int | Decimal


@dataclass(frozen=True, slots=True)
class String(Node):
    """``"text"``, escapes resolved"""

    value: str


@dataclass(frozen=True, slots=True)
class At(Node):
    """``@"2026-01-31"``"""

    text: str


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A variable, parameter, context entry or function; ``?`` is the tested value."""

    name: str


@dataclass(frozen=True, slots=True)
class Negation(Node):
    """``-a``"""

    operand: Node


@dataclass(frozen=True, slots=True)
class Arithmetic(Node):
    """``a + b``"""

    operator: ArithmeticOperator
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Comparison(Node):
    """``a < b``"""

    operator: ComparisonOperator
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Logic(Node):
    """``a and b and c``, as one node however long the chain."""

    operator: Literal["and", "or"]
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Between(Node):
    """``a between b and c``"""

    value: Node
    low: Node
    high: Node


@dataclass(frozen=True, slots=True)
class In(Node):
    """``a in test`` and ``a in (test, test)``"""

    value: Node
    tests: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class InstanceOf(Node):
    """``a instance of type``; ``type`` is None where the type's name is unknown."""

    value: Node
    type: Type | None
    type_text: str


@dataclass(frozen=True, slots=True)
class If(Node):
    """``if a then b else if c then d else e``: a chain is one node, so ``otherwise`` is never an ``If``."""

    branches: tuple[tuple[Node, Node], ...]
    otherwise: Node


@dataclass(frozen=True, slots=True)
class Interval(Node):
    """``[a..b)``"""

    low: Node
    high: Node
    low_included: bool
    high_included: bool


@dataclass(frozen=True, slots=True)
class Test(Node):
    """``< a``: a range without the other end, or the test against it."""

    operator: ComparisonOperator
    endpoint: Node


@dataclass(frozen=True, slots=True)
class Span(Node):
    """``a..b`` of a loop"""

    low: Node
    high: Node


@dataclass(frozen=True, slots=True)
class For(Node):
    """``for x in a, y in b return c``"""

    iterators: tuple[tuple[str, Node], ...]
    body: Node


@dataclass(frozen=True, slots=True)
class Quantified(Node):
    """``some x in a satisfies b`` and ``every x in a satisfies b``"""

    quantifier: Literal["some", "every"]
    iterators: tuple[tuple[str, Node], ...]
    condition: Node


@dataclass(frozen=True, slots=True)
class ListOf(Node):
    """``[a, b]``"""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Context(Node):
    """``{a: 1, "b": 2}``"""

    entries: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Function(Node):
    """``function(a, b: number) body``; ``external`` bodies are mappings to Java or PMML."""

    parameters: tuple[tuple[str, Type | None], ...]
    body: Node
    external: bool = False


@dataclass(frozen=True, slots=True)
class Path(Node):
    """``a.name``"""

    value: Node
    name: str


@dataclass(frozen=True, slots=True)
class Filter(Node):
    """``a[condition]`` and ``a[1]``"""

    value: Node
    condition: Node


@dataclass(frozen=True, slots=True)
class Call(Node):
    """``f(a, b)``; with named arguments, ``names`` has one name per argument."""

    function: Node
    arguments: tuple[Node, ...]
    names: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class AnyValue(Node):
    """``-`` as a unary test: every value passes."""


@dataclass(frozen=True, slots=True)
class UnaryTests(Node):
    """``a, < b, [c..d]`` and ``not(a, b)``"""

    tests: tuple[Node, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Sourced(Node):
    """A tree whose text is another than that around it: an expression in a box of a model."""

    node: Node
    source: Source = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Embedded(Node):
    """A construct of a host language, such as a decision table.

    Attributes:
        inputs: Evaluated first.
        parts: Evaluated when ``apply`` calls them, in the scope where this stands.
        apply: Called with the running evaluation, the place, the variables, the inputs and the parts. A part
            is called with the variables, the running evaluation and the value that its ``?`` stands for.
        check: Called with the checker, this node and the types of the inputs; gives the type of the result.
    """

    inputs: tuple[Node, ...]
    parts: tuple[Node, ...]
    apply: Callable[..., object] = field(repr=False)
    check: Callable[..., Type] | None = field(default=None, compare=False, repr=False)
