"""Where a parser stands in its tokens, and the names it can put together there."""

from __future__ import annotations

from decimal import DecimalException
from typing import TYPE_CHECKING, Final

from bpm_server.feel import numbers
from bpm_server.feel.errors import FeelSyntaxError, Source
from bpm_server.feel.lexer import NAME_SYMBOLS, normalized, string_value, tokenize

if TYPE_CHECKING:
    from bpm_server.feel.dialects import Dialect
    from bpm_server.feel.lexer import Token

MAX_TEXT: Final = 1_000_000
"""Characters of one expression."""


class Cursor:
    """A position in the tokens of a text."""

    def __init__(self, source: Source, dialect: Dialect) -> None:
        self._source = source
        self._dialect = dialect
        if len(source.text) > MAX_TEXT:
            raise FeelSyntaxError(source, 0, f"at most {MAX_TEXT} characters", f"{len(source.text)}")
        self._tokens = tokenize(source)
        self._at = 0
        self._token = self._tokens[0]

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

    def _string(self, token: Token) -> str:
        return string_value(self._source, token, form_feeds=not self._dialect.spaced_names)

    def _number(self, token: Token) -> numbers.FeelNumber:
        try:
            return numbers.parse_number(token.text)
        except DecimalException as error:
            raise self._error("a number within decimal128", token) from error

    def _has_named_arguments(self) -> bool:
        if self._token.kind not in {"word", "quoted"}:
            return False
        for index in range(self._at, len(self._tokens)):
            token = self._tokens[index]
            if token.kind == "symbol" and token.text not in NAME_SYMBOLS:
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
            if token.kind not in {"word", "number", "other"} and token.text not in NAME_SYMBOLS:
                raise self._error(expected)
            self._advance()
        raw = self._source.text[first.start : self._end()]
        return normalized(raw) if self._dialect.spaced_names else raw
