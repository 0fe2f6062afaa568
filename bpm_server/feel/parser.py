"""Text to syntax tree: a Pratt parser over tokens, with names resolved by the scope (DMN 1.5, 10.3.1)."""

from __future__ import annotations

from decimal import DecimalException
from typing import TYPE_CHECKING

from bpm_server.feel import nodes, numbers
from bpm_server.feel.errors import FeelSyntaxError, Source
from bpm_server.feel.lexer import normalized, string_value, tokenize
from bpm_server.feel.names import NameTable, Scopes
from bpm_server.feel.typeparser import TypeParser

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from bpm_server.feel.dialects import Dialect
    from bpm_server.feel.lexer import Token
    from bpm_server.feel.types import Type

MAX_NESTING = 80
"""Parentheses, lists, calls and the like inside one another."""
MAX_TEXT = 1_000_000
"""Characters of one expression."""

_COMPARISONS = frozenset({"=", "!=", "<", "<=", ">", ">="})
_LOOSEST = 0
_OR = 1
_AND = 2
_COMPARISON = 3
_ADDITION = 4
_MULTIPLICATION = 5
_EXPONENT = 6
_INSTANCE = 8
_POSTFIX = 9

_POWERS = {
    "or": _OR,
    "and": _AND,
    **dict.fromkeys(_COMPARISONS, _COMPARISON),
    "between": _COMPARISON,
    "in": _COMPARISON,
    "+": _ADDITION,
    "-": _ADDITION,
    "*": _MULTIPLICATION,
    "/": _MULTIPLICATION,
    "**": _EXPONENT,
    "instance": _INSTANCE,
    ".": _POSTFIX,
    "[": _POSTFIX,
    "(": _POSTFIX,
}
_KEYWORDS = frozenset(
    "and or if then else for return in some every satisfies between instance of function external"
    " true false null".split()
)
_NAME_SYMBOLS = frozenset("./-+*'’")
_AFTER_INTERVAL = frozenset(
    ") ] } , . = != < <= > >= + * / ** and or then else return satisfies in instance between".split()
)
PROPERTY_NAMES = ("time offset", "start included", "end included")


def parse(
    source: Source,
    dialect: Dialect,
    *,
    names: Collection[str] = (),
    members: Collection[str] = (),
    types: Mapping[str, Type] | None = None,
    functions: NameTable | None = None,
) -> nodes.Node:
    """Parses one expression.

    Args:
        source: The text.
        dialect: How to read it.
        names: Variables in scope, as far as they have several words.
        members: Names of context entries that may follow a dot, as far as they have several words.
        types: Named types for ``instance of`` and parameters.
        functions: Built-in functions with several words in their names.

    Raises:
        FeelSyntaxError: the text is not an expression.
    """
    parser = _Parser(source, dialect, names, members, types or {}, functions or NameTable())
    node = parser.expression(_LOOSEST)
    parser.expect_end()
    return node


def parse_unary_tests(
    source: Source,
    dialect: Dialect,
    *,
    names: Collection[str] = (),
    members: Collection[str] = (),
    types: Mapping[str, Type] | None = None,
    functions: NameTable | None = None,
) -> nodes.UnaryTests | nodes.AnyValue:
    """Parses the tests of a decision table cell (rule 15); see :func:`parse`."""
    parser = _Parser(source, dialect, names, members, types or {}, functions or NameTable())
    node = parser.unary_tests()
    parser.expect_end()
    return node


class _Parser:
    """One run over the tokens of a text."""

    def __init__(
        self,
        source: Source,
        dialect: Dialect,
        names: Collection[str],
        members: Collection[str],
        types: Mapping[str, Type],
        functions: NameTable,
    ) -> None:
        self._source = source
        self._dialect = dialect
        if len(source.text) > MAX_TEXT:
            raise FeelSyntaxError(source, 0, f"at most {MAX_TEXT} characters", f"{len(source.text)}")
        self._tokens = tokenize(source)
        self._at = 0
        self._token = self._tokens[0]
        self._depth = 0
        self._range_depth = 0
        self._functions = functions
        variables = NameTable(names) if dialect.spaced_names else NameTable()
        self._scopes = Scopes([variables], NameTable([*members, *PROPERTY_NAMES]))
        self._types = TypeParser(source, self._tokens, types, bare=dialect.bare_types)

    # ------------------------------------------------------------------ tokens

    def _advance(self) -> Token:
        token = self._token
        self._at += 1
        self._token = self._tokens[min(self._at, len(self._tokens) - 1)]
        return token

    def _go_to(self, position: int) -> None:
        self._at = position
        self._token = self._tokens[position]

    def _is(self, text: str) -> bool:
        return self._token.text == text and self._token.kind in {"symbol", "word"}

    def _peek(self, ahead: int = 1) -> Token:
        return self._tokens[min(self._at + ahead, len(self._tokens) - 1)]

    def _skip(self, text: str) -> bool:
        if not self._is(text):
            return False
        self._advance()
        return True

    def _expect(self, text: str, why: str = "") -> Token:
        if not self._is(text):
            raise self._error(f"'{text}'{why}")
        return self._advance()

    def _error(self, expected: str, token: Token | None = None) -> FeelSyntaxError:
        token = token or self._token
        found = "the end of the expression" if token.kind == "end" else f"'{token.text[:40]}'"
        return FeelSyntaxError(self._source, token.start, expected, found)

    def _end(self) -> int:
        return self._tokens[self._at - 1].end if self._at else 0

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
        if self._negates_everything():
            self._advance()
            self._advance()
            tests = self._tests()
            self._expect(")")
            return nodes.UnaryTests(tests, negated=True, start=start, end=self._end())
        tests = self._tests()
        return nodes.UnaryTests(tests, start=start, end=self._end())

    def _negates_everything(self) -> bool:
        if not (self._is("not") and self._peek().text == "("):
            return False
        depth = 0
        for index in range(self._at + 1, len(self._tokens)):
            token = self._tokens[index]
            if token.kind != "symbol" or token.text not in "()":
                continue
            depth += 1 if token.text == "(" else -1
            if depth == 0:
                    return self._tokens[index + 1].kind == "end"
        return False

    def _tests(self) -> tuple[nodes.Node, ...]:
        tests = [self.expression(_LOOSEST)]
        while self._skip(","):
            tests.append(self.expression(_LOOSEST))
        return tuple(tests)

    # ------------------------------------------------------------------ expressions

    def expression(self, power: int) -> nodes.Node:
        """An expression whose operators all bind tighter than ``power``."""
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise self._error(f"expressions nested at most {MAX_NESTING} deep")
        left = self._prefix()
        while True:
            token = self._token
            if token.kind not in {"symbol", "word"}:
                break
            binding = _POWERS.get(token.text, -1)
            if binding == _INSTANCE and self._dialect.loose_instance_of:
                binding = _COMPARISON
            if binding <= power or (token.text == "[" and self._closes_interval()):
                break
            left = self._infix(left, token, binding)
        self._depth -= 1
        return left

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
        if text in _COMPARISONS:
            return nodes.Comparison(text, left, right, start=left.start, end=self._end())  # type: ignore[arg-type]
        return nodes.Arithmetic(text, left, right, start=left.start, end=self._end())  # type: ignore[arg-type]

    def _logic(self, left: nodes.Node, operator: str, power: int) -> nodes.Node:
        operands = [left, self.expression(power)]
        while self._skip(operator):
            operands.append(self.expression(power))
        return nodes.Logic(operator, tuple(operands), start=left.start, end=self._end())  # type: ignore[arg-type]

    def _between(self, left: nodes.Node) -> nodes.Node:
        low = self.expression(_COMPARISON)
        self._expect("and", " of 'between'")
        high = self.expression(_COMPARISON)
        return nodes.Between(left, low, high, start=left.start, end=self._end())

    def _in(self, left: nodes.Node) -> nodes.Node:
        tests: tuple[nodes.Node, ...]
        if self._is("("):
            tests = self._in_parentheses()
        elif self._is("?"):
            tests = (self.expression(_AND),)
        else:
            tests = (self.expression(_COMPARISON),)
        return nodes.In(left, tests, start=left.start, end=self._end())

    def _in_parentheses(self) -> tuple[nodes.Node, ...]:
        """``(a, b)`` is a list of tests; ``(a..b)`` and ``(a).b`` are expressions."""
        start = self._at
        self._advance()
        tests = self._tests()
        if self._is(")"):
            self._advance()
            if not (self._token.kind == "symbol" and _POWERS.get(self._token.text, -1) > _COMPARISON):
                return tests
        self._go_to(start)
        return (self.expression(_COMPARISON),)

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
        outer, self._range_depth = self._range_depth, 0
        condition = self.expression(_LOOSEST)
        self._range_depth = outer
        self._scopes.pop()
        self._expect("]", " of the filter")
        return nodes.Filter(left, condition, start=left.start, end=self._end())

    def _closes_interval(self) -> bool:
        """Whether ``[`` ends an interval (``]1..3[``) rather than opening a filter."""
        if not self._range_depth:
            return False
        after = self._peek()
        return after.kind == "end" or (after.kind in {"symbol", "word"} and after.text in _AFTER_INTERVAL)

    def _call(self, function: nodes.Node) -> nodes.Node:
        self._advance()
        outer, self._range_depth = self._range_depth, 0
        names: list[str] | None = [] if self._has_named_arguments() else None
        arguments: list[nodes.Node] = []
        while not self._is(")"):
            if names is not None:
                names.append(self._name_until(":", "a parameter name and ':'"))
                self._advance()
            arguments.append(self.expression(_LOOSEST))
            if not self._skip(","):
                break
            if self._is(")"):
                raise self._error("an argument after ','")
        self._range_depth = outer
        self._expect(")", " of the arguments")
        return nodes.Call(
            function,
            tuple(arguments),
            None if names is None else tuple(names),
            start=function.start,
            end=self._end(),
        )

    def _has_named_arguments(self) -> bool:
        if self._token.kind not in {"word", "quoted"}:
            return False
        for index in range(self._at, len(self._tokens)):
            token = self._tokens[index]
            if token.kind == "symbol" and token.text not in _NAME_SYMBOLS:
                return token.text == ":"
            if token.kind in {"string", "end"}:
                return False
        return False

    def _name_until(self, stop: str, expected: str) -> str:
        """The words up to a symbol or keyword, as one name."""
        first = self._token
        if first.kind == "quoted" and self._peek().text == stop:
            self._advance()
            return first.text[1:-1]
        if first.kind not in {"word", "other"}:
            raise self._error(expected)
        while not self._is(stop):
            token = self._token
            plain = token.kind in {"word", "number", "other"}
            if not plain and not (token.kind == "symbol" and (token.text in _NAME_SYMBOLS or token.text == "**")):
                raise self._error(expected)
            self._advance()
        raw = self._source.text[first.start : self._end()]
        return normalized(raw) if self._dialect.spaced_names else raw

    # ------------------------------------------------------------------ what starts a value

    def _prefix(self) -> nodes.Node:
        token = self._token
        match token.kind:
            case "word":
                return self._word()
            case "number":
                self._advance()
                return nodes.Number(self._number(token), start=token.start, end=token.end)
            case "string":
                self._advance()
                return nodes.String(self._string(token), start=token.start, end=token.end)
            case "quoted":
                self._advance()
                return nodes.Name(token.text[1:-1], start=token.start, end=token.end)
            case "symbol":
                return self._symbol()
            case _:
                raise self._error("an expression")

    def _string(self, token: Token) -> str:
        return string_value(self._source, token, form_feeds=not self._dialect.spaced_names)

    def _number(self, token: Token) -> numbers.FeelNumber:
        try:
            return numbers.parse_number(token.text)
        except DecimalException as error:
            raise self._error("a number within decimal128", token) from error

    def _word(self) -> nodes.Node:
        token = self._token
        found = self._scopes.longest(self._tokens, self._at)
        function = self._functions.longest(self._tokens, self._at)
        if function is not None and (found is None or function[0] > found[0]):
            after = self._peek(function[0])
            if self._dialect.spaced_names or after.text == "(":
                found = function
        if found is not None:
            count, name = found
            self._go_to(self._at + count)
            return nodes.Name(name, start=token.start, end=self._end())
        if token.text in _KEYWORDS:
            return self._keyword()
        self._advance()
        return nodes.Name(token.text, start=token.start, end=token.end)

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

    def _symbol(self) -> nodes.Node:
        token = self._token
        match token.text:
            case "-":
                self._advance()
                operand = self.expression(_INSTANCE - 1)
                return nodes.Negation(operand, start=token.start, end=self._end())
            case "(":
                return self._parenthesis()
            case "[":
                return self._list()
            case "]":
                return self._interval_from(token)
            case "{":
                return self._context()
            case "@":
                return self._at_literal()
            case operator if operator in _COMPARISONS:
                self._advance()
                endpoint = self.expression(_COMPARISON)
                return nodes.Test(operator, endpoint, start=token.start, end=self._end())  # type: ignore[arg-type]
            case _:
                raise self._error("an expression")

    def _at_literal(self) -> nodes.Node:
        start = self._advance().start
        token = self._token
        if token.kind != "string":
            raise self._error("a string after '@'")
        self._advance()
        return nodes.At(self._string(token), start=start, end=token.end)

    def _parenthesis(self) -> nodes.Node:
        opening = self._advance()
        low = self._endpoint()
        if self._is(".."):
            return self._interval_after(opening, low)
        self._expect(")")
        return low

    def _interval_from(self, opening: Token) -> nodes.Node:
        self._advance()
        low = self._endpoint()
        if not self._is(".."):
            raise self._error("'..' of the interval")
        return self._interval_after(opening, low)

    def _interval_after(self, opening: Token, low: nodes.Node) -> nodes.Node:
        self._expect("..")
        high = self._endpoint()
        closing = self._token
        if closing.text not in {")", "]", "["}:
            raise self._error("')' or ']' of the interval")
        self._advance()
        return nodes.Interval(
            low, high, opening.text == "[", closing.text == "]", start=opening.start, end=closing.end
        )

    def _endpoint(self) -> nodes.Node:
        self._range_depth += 1
        node = self.expression(_LOOSEST)
        self._range_depth -= 1
        return node

    def _list(self) -> nodes.Node:
        opening = self._advance()
        outer, self._range_depth = self._range_depth, 0
        items: list[nodes.Node] = []
        while not self._is("]"):
            item = self._endpoint()
            if self._is("..") and not items:
                self._range_depth = outer
                return self._interval_after(opening, item)
            items.append(item)
            if not self._skip(","):
                break
            if self._is("]"):
                raise self._error("an item after ','")
        self._range_depth = outer
        self._expect("]", " of the list")
        return nodes.ListOf(tuple(items), start=opening.start, end=self._end())

    def _context(self) -> nodes.Node:
        opening = self._advance()
        outer, self._range_depth = self._range_depth, 0
        scope = self._scopes.push()
        entries: list[tuple[str, nodes.Node]] = []
        while not self._is("}"):
            key = self._key()
            self._expect(":", " after the key")
            entries.append((key, self.expression(_LOOSEST)))
            if self._dialect.spaced_names:
                scope.add(key)
                self._scopes.members.add(key)
            if not self._skip(","):
                break
            if self._is("}"):
                raise self._error("a key after ','")
        self._scopes.pop()
        self._range_depth = outer
        self._expect("}", " of the context")
        return nodes.Context(tuple(entries), start=opening.start, end=self._end())

    def _key(self) -> str:
        token = self._token
        if token.kind == "string":
            self._advance()
            return self._string(token)
        return self._name_until(":", "a key and ':'")

    # ------------------------------------------------------------------ keywords

    def _if(self) -> nodes.Node:
        start = self._token.start
        branches = []
        while self._skip("if"):
            condition = self.expression(_LOOSEST)
            self._expect("then", " of 'if'")
            then = self.expression(_LOOSEST)
            self._expect("else", " of 'if'")
            branches.append((condition, then))
        otherwise = self.expression(_LOOSEST)
        return nodes.If(tuple(branches), otherwise, start=start, end=self._end())

    def _iterators(self, *, closing: str) -> tuple[tuple[str, nodes.Node], ...]:
        scope = self._scopes.push()
        iterators = []
        while True:
            name = self._name_until("in", "a name and 'in'")
            self._expect("in")
            low = self.expression(_LOOSEST)
            if self._skip(".."):
                low = nodes.Span(low, self.expression(_LOOSEST), start=low.start, end=self._end())
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
        body = self.expression(_LOOSEST)
        self._scopes.pop()
        return nodes.For(iterators, body, start=start, end=self._end())

    def _quantified(self) -> nodes.Node:
        token = self._advance()
        iterators = self._iterators(closing="satisfies")
        condition = self.expression(_LOOSEST)
        self._scopes.pop()
        return nodes.Quantified(token.text, iterators, condition, start=token.start, end=self._end())  # type: ignore[arg-type]

    def _function(self) -> nodes.Node:
        start = self._advance().start
        self._expect("(", " after 'function'")
        scope = self._scopes.push()
        parameters: list[tuple[str, Type | None]] = []
        while not self._is(")"):
            name = self._parameter_name()
            type_ = None
            if self._skip(":"):
                position = self._at
                type_, after = self._types.parse_at(position)
                if type_ is None:
                    raise self._error("a known type", self._tokens[position])
                self._go_to(after)
            parameters.append((name, type_))
            if self._dialect.spaced_names:
                scope.add(name)
            if not self._skip(","):
                break
        self._expect(")", " of the parameters")
        external = self._skip("external")
        body = self.expression(_LOOSEST)
        self._scopes.pop()
        return nodes.Function(tuple(parameters), body, external, start=start, end=self._end())

    def _parameter_name(self) -> str:
        first = self._token
        if first.kind == "quoted":
            self._advance()
            return first.text[1:-1]
        if first.kind != "word":
            raise self._error("a parameter name")
        while not (self._token.kind == "symbol" and self._token.text in {",", ")", ":"}):
            if self._token.kind in {"end", "string"}:
                raise self._error("')' of the parameters")
            self._advance()
        return normalized(self._source.text[first.start : self._end()])
