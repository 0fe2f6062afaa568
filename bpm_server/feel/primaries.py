"""What an expression can start with: literals, names, lists, ranges, contexts and functions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final

from bpm_server.feel import nodes
from bpm_server.feel.cursor import Cursor
from bpm_server.feel.lexer import normalized
from bpm_server.feel.names import NameTable, Scopes, Vocabulary, name_table
from bpm_server.feel.typeparser import TypeParser

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from bpm_server.feel.dialects import Dialect
    from bpm_server.feel.errors import Source
    from bpm_server.feel.lexer import Token
    from bpm_server.feel.types import Type

LOOSEST: Final = 0
"""Binding power below that of all operators."""
COMPARISON: Final = 3
TIGHTEST_OPERATOR: Final = 7
"""What a negation takes as its operand: everything that binds tighter than an operator with two operands."""
COMPARISONS: Final = frozenset({"=", "!=", "<", "<=", ">", ">="})
KEYWORDS: Final = frozenset(
    {
        *("and", "or", "if", "then", "else", "for", "return", "in", "some", "every", "satisfies", "between"),
        *("instance", "of", "function", "external", "true", "false", "null"),
    }
)
_AFTER_INTERVAL: Final = frozenset(
    {
        *(")", "]", "}", ",", ".", "=", "!=", "<", "<=", ">", ">=", "+", "*", "/", "**"),
        *("and", "or", "then", "else", "return", "satisfies", "in", "instance", "between"),
    }
)
_PROPERTY_NAMES: Final = frozenset({"time offset", "start included", "end included"})


class PrimaryParser(Cursor, ABC):
    """The part of the parser that does not know operators."""

    def __init__(self, source: Source, dialect: Dialect, vocabulary: Vocabulary) -> None:
        super().__init__(source, dialect)
        self._may_close = False
        self._functions = vocabulary.functions
        variables = [name_table(frozenset(vocabulary.names))] if dialect.spaced_names else []
        members = NameTable(more=name_table(frozenset(vocabulary.members) | _PROPERTY_NAMES))
        self._scopes = Scopes(variables, members)
        self._types = TypeParser(source, self._tokens, vocabulary.types, bare=dialect.bare_types)

    @abstractmethod
    def expression(self, power: int) -> nodes.Node:
        """An expression whose operators all bind tighter than ``power``."""

    @abstractmethod
    def _keyword(self) -> nodes.Node:
        """An expression that starts with a keyword."""

    @abstractmethod
    def _block(self, levels: int = 1) -> AbstractContextManager[None]:
        """Counts what becomes a block of statements."""

    def _closes_interval(self) -> bool:
        """Whether ``[`` ends an interval (``]1..3[``) rather than opening a filter."""
        if not self._may_close:
            return False
        after = self._peek()
        return after.kind == "end" or (after.kind in {"symbol", "word"} and after.text in _AFTER_INTERVAL)

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
        if token.text in KEYWORDS:
            return self._keyword()
        self._advance()
        return nodes.Name(token.text, start=token.start, end=token.end)

    def _symbol(self) -> nodes.Node:
        token = self._token
        if token.text in COMPARISONS:
            self._advance()
            endpoint = self.expression(COMPARISON)
            return nodes.Test(token.text, endpoint, start=token.start, end=self._end())  # type: ignore[arg-type]
        if token.text == "-":
            self._advance()
            operand = self.expression(TIGHTEST_OPERATOR)
            return nodes.Negation(operand, start=token.start, end=self._end())
        read = {
            "(": self._parenthesis,
            "[": self._list,
            "]": self._interval_from_bracket,
            "{": self._context,
            "@": self._at_literal,
        }.get(token.text)
        if read is None:
            raise self._error("an expression")
        return read()

    def _at_literal(self) -> nodes.Node:
        start = self._advance().start
        token = self._token
        if token.kind != "string":
            raise self._error("a string after '@'")
        self._advance()
        return nodes.At(self._string(token), start=start, end=token.end)

    def _parenthesis(self) -> nodes.Node:
        opening = self._advance()
        low = self._inside()
        if self._is(".."):
            return self._interval_after(opening, low)
        self._expect(")")
        return low

    def _interval_from_bracket(self) -> nodes.Node:
        opening = self._advance()
        low = self._inside()
        if not self._is(".."):
            raise self._error("'..' of the interval")
        return self._interval_after(opening, low)

    def _interval_after(self, opening: Token, low: nodes.Node) -> nodes.Node:
        self._expect("..")
        high = self._inside(ends_interval=True)
        closing = self._token
        if closing.text not in {")", "]", "["}:
            raise self._error("')' or ']' of the interval")
        self._advance()
        return nodes.Interval(low, high, opening.text == "[", closing.text == "]", start=opening.start, end=closing.end)

    def _inside(self, *, ends_interval: bool = False) -> nodes.Node:
        """An expression in brackets; ``[`` may close them where it is the end of an interval."""
        outer, self._may_close = self._may_close, ends_interval
        node = self.expression(LOOSEST)
        self._may_close = outer
        return node

    def _list(self) -> nodes.Node:
        opening = self._advance()
        items: list[nodes.Node] = []
        while not self._is("]"):
            item = self._inside()
            if self._is("..") and not items:
                return self._interval_after(opening, item)
            items.append(item)
            if not self._skip(","):
                break
            if self._is("]"):
                raise self._error("an item after ','")
        self._expect("]", " of the list")
        return nodes.ListOf(tuple(items), start=opening.start, end=self._end())

    def _context(self) -> nodes.Node:
        opening = self._advance()
        scope = self._scopes.push()
        entries: list[tuple[str, nodes.Node]] = []
        while not self._is("}"):
            key = self._key()
            self._expect(":", " after the key")
            entries.append((key, self._inside()))
            if self._dialect.spaced_names:
                scope.add(key)
                self._scopes.members.add(key)
            if not self._skip(","):
                break
            if self._is("}"):
                raise self._error("a key after ','")
        self._scopes.pop()
        self._expect("}", " of the context")
        return nodes.Context(tuple(entries), start=opening.start, end=self._end())

    def _key(self) -> str:
        token = self._token
        if token.kind == "string":
            self._advance()
            return self._string(token)
        return self._name_until(":", "a key and ':'")

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
        with self._block():
            body = self.expression(LOOSEST)
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
