"""Syntax tree to text: the text parses to the same tree, given the same names."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from bpm_server.feel import nodes
from bpm_server.feel.numbers import as_text
from bpm_server.feel.primaries import KEYWORDS

if TYPE_CHECKING:
    from bpm_server.feel.dialects import Dialect

_LOOSEST: Final = 0
_OR: Final = 1
_AND: Final = 2
_COMPARISON: Final = 3
_NEGATION: Final = 7
_INSTANCE: Final = 8
_POSTFIX: Final = 9
_PRIMARY: Final = 10
_ARITHMETIC: Final = {"+": 4, "-": 4, "*": 5, "/": 5, "**": 6}
_PLAIN_NAME: Final = re.compile(r"[^\W\d]\w*\Z")
_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def printed(node: nodes.Node, dialect: Dialect) -> str:
    """The text of a tree in a dialect."""
    return _Printer(dialect).text(node)


def string_literal(text: str) -> str:
    """A string as FEEL writes it."""
    return '"' + text.translate(_ESCAPES) + '"'


class _Printer:
    """Prints trees of one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._instance = _COMPARISON if dialect.loose_instance_of else _INSTANCE

    def text(self, node: nodes.Node) -> str:
        """Text without parentheses around it."""
        return self._printed(node)[0]

    def _at(self, node: nodes.Node, power: int) -> str:
        """Text in a place where only what binds at least so tightly may stand without parentheses."""
        text, own = self._printed(node)
        return text if own >= power else f"({text})"

    def _printed(self, node: nodes.Node) -> tuple[str, int]:
        """Text and how tightly it binds."""
        match node:
            case nodes.Name():
                return self._name(node)
            case nodes.Negation() | nodes.Arithmetic() | nodes.Comparison() | nodes.Logic():
                return self._operation(node)
            case nodes.Between() | nodes.In() | nodes.InstanceOf() | nodes.Test():
                return self._relation(node)
            case nodes.If() | nodes.For() | nodes.Quantified() | nodes.Span() | nodes.Function():
                return self._open(node), _LOOSEST
            case nodes.Interval() | nodes.ListOf() | nodes.Context():
                return self._boxed(node), _PRIMARY
            case nodes.Path() | nodes.Filter() | nodes.Call():
                return self._access(node), _POSTFIX
            case nodes.UnaryTests():
                tests = self._listed(node.tests)
                return (f"not({tests})" if node.negated else tests), _LOOSEST
        return self._literal(node), _PRIMARY

    def _listed(self, found: tuple[nodes.Node, ...]) -> str:
        return ", ".join(self.text(each) for each in found)

    # ------------------------------------------------------------------ literals and names

    def _literal(self, node: nodes.Node) -> str:
        match node:
            case nodes.Boolean(value):
                return "true" if value else "false"
            case nodes.Number(value):
                return _number(value)
            case nodes.String(value):
                return string_literal(value)
            case nodes.At(text):
                return "@" + string_literal(text)
            case nodes.AnyValue():
                return "-"
        return "null"

    def _name(self, node: nodes.Name) -> tuple[str, int]:
        return self._named(node.name), _PRIMARY

    def _named(self, name: str) -> str:
        """A name; in back quotes where it would not be read as one."""
        if name == "?" or (_PLAIN_NAME.match(name) and name not in KEYWORDS):
            return name
        return name if self._dialect.spaced_names and "`" not in name and name not in KEYWORDS else f"`{name}`"

    # ------------------------------------------------------------------ operators

    def _operation(self, node: nodes.Node) -> tuple[str, int]:
        match node:
            case nodes.Negation(operand):
                tight = _INSTANCE if self._instance == _INSTANCE else _POSTFIX
                return "-" + self._at(operand, tight), _NEGATION
            case nodes.Comparison(operator, left, right):
                return f"{self._at(left, _COMPARISON)} {operator} {self._at(right, _COMPARISON + 1)}", _COMPARISON
            case nodes.Logic(operator, operands):
                power = _OR if operator == "or" else _AND
                return f" {operator} ".join(self._at(each, power + 1) for each in operands), power
        return self._arithmetic(node)

    def _arithmetic(self, node: nodes.Node) -> tuple[str, int]:
        """Chains lean to the left and are walked, not recursed."""
        power = _ARITHMETIC[node.operator] if isinstance(node, nodes.Arithmetic) else _PRIMARY
        parts: list[str] = []
        while isinstance(node, nodes.Arithmetic) and _ARITHMETIC[node.operator] == power:
            parts.append(f" {node.operator} {self._at(node.right, power + 1)}")
            node = node.left
        return self._at(node, power) + "".join(reversed(parts)), power

    def _relation(self, node: nodes.Node) -> tuple[str, int]:
        match node:
            case nodes.Between(value, low, high):
                ends = f"{self._at(low, _COMPARISON + 1)} and {self._at(high, _COMPARISON + 1)}"
                return f"{self._at(value, _COMPARISON)} between {ends}", _COMPARISON
            case nodes.In(value, tests):
                return f"{self._at(value, _COMPARISON)} in ({self._listed(tests)})", _COMPARISON
            case nodes.InstanceOf(value):
                return f"{self._at(value, self._instance)} instance of {node.type_text}", self._instance
            case nodes.Test(operator, endpoint):
                return f"{operator} {self._at(endpoint, _COMPARISON + 1)}", _LOOSEST
        raise NotImplementedError(type(node).__name__)

    # ------------------------------------------------------------------ what ends with an expression

    def _open(self, node: nodes.Node) -> str:
        match node:
            case nodes.If(branches, otherwise):
                chain = " ".join(f"if {self.text(test)} then {self.text(then)} else" for test, then in branches)
                return f"{chain} {self.text(otherwise)}"
            case nodes.For(iterators, body):
                return f"for {self._iterators(iterators)} return {self.text(body)}"
            case nodes.Quantified(quantifier, iterators, condition):
                return f"{quantifier} {self._iterators(iterators)} satisfies {self.text(condition)}"
            case nodes.Span(low, high):
                return f"{self._at(low, _OR)}..{self._at(high, _OR)}"
            case nodes.Function(parameters, body, external):
                shown = ", ".join(
                    self._named(name) + (f": {type_}" if type_ is not None else "") for name, type_ in parameters
                )
                return f"function({shown}) {'external ' if external else ''}{self.text(body)}"
        raise NotImplementedError(type(node).__name__)

    def _iterators(self, iterators: tuple[tuple[str, nodes.Node], ...]) -> str:
        return ", ".join(f"{self._named(name)} in {self.text(domain)}" for name, domain in iterators)

    # ------------------------------------------------------------------ lists, contexts, access

    def _boxed(self, node: nodes.Node) -> str:
        match node:
            case nodes.Interval(low, high):
                opening, closing = "[" if node.low_included else "(", "]" if node.high_included else ")"
                return f"{opening}{self._at(low, _OR)}..{self._at(high, _PRIMARY)}{closing}"
            case nodes.ListOf(items):
                return f"[{self._listed(items)}]"
            case nodes.Context(entries):
                return "{" + ", ".join(f"{_key(key)}: {self.text(value)}" for key, value in entries) + "}"
        raise NotImplementedError(type(node).__name__)

    def _access(self, node: nodes.Node) -> str:
        match node:
            case nodes.Path(nodes.Number() as value, name):
                return f"({self.text(value)}).{self._named(name)}"
            case nodes.Path(value, name):
                return f"{self._at(value, _POSTFIX)}.{self._named(name)}"
            case nodes.Filter(value, condition):
                return f"{self._at(value, _POSTFIX)}[{self.text(condition)}]"
            case nodes.Call(function, arguments, names):
                return f"{self._called(function)}({self._arguments(arguments, names)})"
        raise NotImplementedError(type(node).__name__)

    def _called(self, function: nodes.Node) -> str:
        if isinstance(function, nodes.Name) and function.name not in KEYWORDS - {"and", "or"}:
            return function.name
        return self._at(function, _POSTFIX)

    def _arguments(self, arguments: tuple[nodes.Node, ...], names: tuple[str, ...] | None) -> str:
        if names is None:
            return self._listed(arguments)
        return ", ".join(f"{name}: {self.text(each)}" for name, each in zip(names, arguments, strict=True))


def _key(key: str) -> str:
    return key if _PLAIN_NAME.match(key) and key not in KEYWORDS else string_literal(key)


def _number(value: int | Decimal) -> str:
    if isinstance(value, Decimal) and abs(value.adjusted()) > 40:
        return str(value).replace("E+", "e").replace("E", "e")
    return as_text(value)
