"""Text to syntax tree: a Pratt parser over tokens, with names resolved by the scope (DMN 1.5, 10.3.1)."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from bpm_server.feel import nodes
from bpm_server.feel.errors import FeelSyntaxError
from bpm_server.feel.lexer import normalized
from bpm_server.feel.primaries import COMPARISON, COMPARISONS, LOOSEST, PrimaryParser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpm_server.feel.dialects import Dialect
    from bpm_server.feel.errors import Source
    from bpm_server.feel.lexer import Token
    from bpm_server.feel.names import Vocabulary

MAX_NESTING: Final = 80
"""Parentheses, lists, calls and the like inside one another."""
MAX_BLOCKS: Final = 44
"""Conditions, loops, filters and functions inside one another."""

_OR: Final = 1
_AND: Final = 2
_INSTANCE: Final = 8
_POWERS: Final = {
    "or": _OR,
    "and": _AND,
    **dict.fromkeys(COMPARISONS, COMPARISON),
    "between": COMPARISON,
    "in": COMPARISON,
    "+": 4,
    "-": 4,
    "*": 5,
    "/": 5,
    "**": 6,
    "instance": _INSTANCE,
    ".": 9,
    "[": 9,
    "(": 9,
}


def parse(source: Source, dialect: Dialect, vocabulary: Vocabulary) -> nodes.Node:
    """Parses one expression.

    Raises:
        FeelSyntaxError: the text is not an expression.
    """
    parser = _Parser(source, dialect, vocabulary)
    node = parser.expression(LOOSEST)
    parser.expect_end()
    return node


def parse_unary_tests(source: Source, dialect: Dialect, vocabulary: Vocabulary) -> nodes.UnaryTests | nodes.AnyValue:
    """Parses the tests of a decision table cell (rule 15).

    Raises:
        FeelSyntaxError: the text is not such tests.
    """
    parser = _Parser(source, dialect, vocabulary)
    if not parser.may_be_negated():
        return parser.unary_tests()
    try:
        return parser.negated_tests()
    except FeelSyntaxError as error:
        try:
            return _Parser(source, dialect, vocabulary).unary_tests()
        except FeelSyntaxError as other:
            raise max(error, other, key=lambda each: each.position) from None


class _Parser(PrimaryParser):
    """One run over the tokens of a text."""

    def __init__(self, source: Source, dialect: Dialect, vocabulary: Vocabulary) -> None:
        super().__init__(source, dialect, vocabulary)
        self._depth = 0
        self._blocks = 0

    @contextmanager
    def _block(self, levels: int = 1) -> Iterator[None]:
        """What becomes a block of statements: Python does not nest them without end."""
        self._blocks += levels
        if self._blocks > MAX_BLOCKS:
            raise self._error(f"conditions, loops and filters nested at most {MAX_BLOCKS} deep")
        yield
        self._blocks -= levels

    def expect_end(self) -> None:
        """Refuses what follows a complete expression."""
        if self._token.kind == "end":
            return
        before = self._tokens[self._at - 1]
        expected = "an operator or the end of the expression"
        if self._token.kind == "word" and before.kind == "word" and self._dialect.spaced_names:
            expected += f" (no name '{before.text} {self._token.text}...' is in scope)"
        raise self._error(expected)

    # ------------------------------------------------------------------ unary tests

    def unary_tests(self) -> nodes.UnaryTests | nodes.AnyValue:
        """Rule 15."""
        if self._is("-") and self._peek().kind == "end":
            token = self._advance()
            return nodes.AnyValue(start=token.start, end=token.end)
        start = self._token.start
        tests = self._tests()
        self.expect_end()
        return nodes.UnaryTests(tests, start=start, end=self._end())

    def may_be_negated(self) -> bool:
        """Whether the text starts as ``not(...)`` around all tests does; it may be a call as well."""
        return self._is("not") and self._peek().text == "("

    def negated_tests(self) -> nodes.UnaryTests:
        """``not(test, test)``"""
        start = self._advance().start
        self._advance()
        tests = self._tests()
        self._expect(")")
        self.expect_end()
        return nodes.UnaryTests(tests, negated=True, start=start, end=self._end())

    def _tests(self) -> tuple[nodes.Node, ...]:
        with self._block():
            tests = [self._inside()]
            while self._skip(","):
                tests.append(self._inside())
        return tuple(tests)

    # ------------------------------------------------------------------ operators

    def expression(self, power: int) -> nodes.Node:
        """An expression whose operators all bind tighter than ``power``."""
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise self._error(f"expressions nested at most {MAX_NESTING} deep")
        if power > LOOSEST and self._starts_test():
            raise self._error("an expression")
        left = self._prefix()
        while True:
            token = self._token
            if token.kind not in {"symbol", "word"}:
                break
            binding = _POWERS.get(token.text, -1)
            if binding == _INSTANCE and self._dialect.loose_instance_of:
                binding = COMPARISON
            if binding <= power or (token.text == "[" and self._closes_interval()):
                break
            left = self._infix(left, token, binding)
        self._depth -= 1
        return left

    def _starts_test(self) -> bool:
        return self._token.kind == "symbol" and self._token.text in COMPARISONS

    def _infix(self, left: nodes.Node, token: Token, power: int) -> nodes.Node:
        text = token.text
        if text == ".":
            return self._path(left)
        if text == "[":
            return self._filter(left)
        if text == "(":
            return self._call(left)
        self._advance()
        if text in {"or", "and"}:
            return self._logic(left, text, power)
        if text == "between":
            return self._between(left)
        if text == "in":
            return self._in(left)
        if text == "instance":
            return self._instance_of(left)
        right = self.expression(power)
        if text in COMPARISONS:
            return nodes.Comparison(text, left, right, start=left.start, end=self._end())  # type: ignore[arg-type]
        return nodes.Arithmetic(text, left, right, start=left.start, end=self._end())  # type: ignore[arg-type]

    def _logic(self, left: nodes.Node, operator: str, power: int) -> nodes.Node:
        with self._block():
            operands = [left, self.expression(power)]
            while self._skip(operator):
                operands.append(self.expression(power))
        return nodes.Logic(operator, tuple(operands), start=left.start, end=self._end())  # type: ignore[arg-type]

    def _between(self, left: nodes.Node) -> nodes.Node:
        low = self.expression(COMPARISON)
        self._expect("and", " of 'between'")
        high = self.expression(COMPARISON)
        return nodes.Between(left, low, high, start=left.start, end=self._end())

    def _in(self, left: nodes.Node) -> nodes.Node:
        tests: tuple[nodes.Node, ...]
        if self._is("("):
            tests = self._in_parentheses()
        elif self._starts_test():
            tests = (self._prefix(),)
        elif self._is("?"):
            tests = (self.expression(_AND),)
        else:
            tests = (self.expression(COMPARISON),)
        return nodes.In(left, tests, start=left.start, end=self._end())

    def _in_parentheses(self) -> tuple[nodes.Node, ...]:
        """``(a, b)`` is a list of tests; ``(a..b)`` and ``(a).b`` are expressions."""
        start = self._at
        self._advance()
        tests = self._tests()
        if self._is(")"):
            self._advance()
            if not (self._token.kind == "symbol" and _POWERS.get(self._token.text, -1) > COMPARISON):
                return tests
        self._go_to(start)
        return (self.expression(COMPARISON),)

    def _instance_of(self, left: nodes.Node) -> nodes.Node:
        self._expect("of", " after 'instance'")
        start = self._token.start
        type_, position = self._types.parse_at(self._at)
        self._go_to(position)
        text = normalized(self._source.text[start : self._end()])
        return nodes.InstanceOf(left, type_, text, start=left.start, end=self._end())

    # ------------------------------------------------------------------ what follows a value

    def _path(self, left: nodes.Node) -> nodes.Node:
        self._advance()
        token = self._token
        if token.kind == "quoted":
            self._advance()
            return nodes.Path(left, token.text[1:-1], start=left.start, end=self._end())
        if token.kind != "word":
            raise self._error("a name after '.'")
        found = self._scopes.members.longest(self._tokens, self._at)
        if found is None:
            self._advance()
            return nodes.Path(left, token.text, start=left.start, end=self._end())
        count, name = found
        self._go_to(self._at + count)
        return nodes.Path(left, name, start=left.start, end=self._end())

    def _filter(self, left: nodes.Node) -> nodes.Node:
        self._advance()
        self._scopes.push_members()
        with self._block(2):
            condition = self._inside()
        self._scopes.pop()
        self._expect("]", " of the filter")
        return nodes.Filter(left, condition, start=left.start, end=self._end())

    def _call(self, function: nodes.Node) -> nodes.Node:
        self._advance()
        names: list[str] | None = [] if self._has_named_arguments() else None
        arguments: list[nodes.Node] = []
        while not self._is(")"):
            if names is not None:
                names.append(self._name_until(":", "a parameter name and ':'"))
                self._advance()
            arguments.append(self._inside())
            if not self._skip(","):
                break
            if self._is(")"):
                raise self._error("an argument after ','")
        self._expect(")", " of the arguments")
        return nodes.Call(
            function,
            tuple(arguments),
            None if names is None else tuple(names),
            start=function.start,
            end=self._end(),
        )

    # ------------------------------------------------------------------ keywords

    def _keyword(self) -> nodes.Node:
        token = self._token
        match token.text:
            case "true" | "false":
                self._advance()
                return nodes.Boolean(token.text == "true", start=token.start, end=token.end)
            case "null":
                self._advance()
                return nodes.Null(start=token.start, end=token.end)
            case "if":
                return self._if()
            case "for":
                return self._for()
            case "some" | "every":
                return self._quantified()
            case "function":
                return self._function()
            case "or" | "and" if self._peek().text == "(":
                self._advance()
                return nodes.Name(token.text, start=token.start, end=token.end)
            case _:
                raise self._error("an expression")

    def _if(self) -> nodes.Node:
        start = self._token.start
        branches = []
        while self._skip("if"):
            with self._block(2):
                condition = self.expression(LOOSEST)
                self._expect("then", " of 'if'")
                then = self.expression(LOOSEST)
            self._expect("else", " of 'if'")
            branches.append((condition, then))
        with self._block(2):
            otherwise = self.expression(LOOSEST)
        return nodes.If(tuple(branches), otherwise, start=start, end=self._end())

    def _iterators(self, *, closing: str) -> tuple[tuple[str, nodes.Node], ...]:
        scope = self._scopes.push()
        iterators = []
        while True:
            name = self._name_until("in", "a name and 'in'")
            self._expect("in")
            low = self.expression(LOOSEST)
            if self._skip(".."):
                low = nodes.Span(low, self.expression(LOOSEST), start=low.start, end=self._end())
            iterators.append((name, low))
            if self._dialect.spaced_names:
                scope.add(name)
            if not self._skip(","):
                break
        self._expect(closing)
        return tuple(iterators)

    def _for(self) -> nodes.Node:
        start = self._advance().start
        iterators = self._iterators(closing="return")
        with self._block(len(iterators) + 1):
            body = self.expression(LOOSEST)
        self._scopes.pop()
        return nodes.For(iterators, body, start=start, end=self._end())

    def _quantified(self) -> nodes.Node:
        token = self._advance()
        iterators = self._iterators(closing="satisfies")
        with self._block(len(iterators) + 1):
            condition = self._inside()
        self._scopes.pop()
        return nodes.Quantified(token.text, iterators, condition, start=token.start, end=self._end())  # type: ignore[arg-type]
