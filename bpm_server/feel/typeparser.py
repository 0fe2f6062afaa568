"""Types in expressions (rule 52): ``list<number>``, ``context<a: string>``, item definitions by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.feel import types
from bpm_server.feel.errors import FeelSyntaxError, Source
from bpm_server.feel.lexer import NAME_SYMBOLS, normalized
from bpm_server.feel.names import NameTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bpm_server.feel.lexer import Token

MAX_NESTING = 40
_BUILT_IN_NAMES = NameTable(types.SIMPLE_TYPES)
_BARE_TYPES: dict[str, types.Type] = {
    "list": types.LIST,
    "context": types.CONTEXT,
    "function": types.FUNCTION,
    "range": types.RANGE,
}


class TypeParser:
    """Reads types at positions of a token list that belongs to somebody else.

    An unknown type name gives None and is passed over: ``instance of`` is then null, as Table 61 has it.
    """

    __slots__ = ("_bare", "_depth", "_named", "_names", "_position", "_source", "_tokens")

    def __init__(self, source: Source, tokens: Sequence[Token], named: Mapping[str, types.Type], *, bare: bool) -> None:
        self._source = source
        self._tokens = tokens
        self._named = named
        self._names = NameTable(named)
        self._bare = bare
        self._position = 0
        self._depth = 0

    def parse_at(self, position: int) -> tuple[types.Type | None, int]:
        """The type that starts at a token, and the position after it."""
        self._position = position
        self._depth = 0
        return self._type(), self._position

    def _type(self) -> types.Type | None:
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise self._error(f"types nested at most {MAX_NESTING} deep")
        token = self._tokens[self._position]
        if token.kind not in {"word", "quoted"}:
            raise self._error("a type")
        parametrised = token.text in _BARE_TYPES and self._tokens[self._position + 1].text == "<"
        type_ = self._parametrised(token.text) if parametrised else self._named_type()
        self._depth -= 1
        return type_

    def _parametrised(self, constructor: str) -> types.Type | None:
        self._position += 2
        if constructor == "context":
            return self._context()
        if constructor == "function":
            return self._function()
        parameter = self._type()
        self._expect(">")
        if parameter is None:
            return None
        return types.ListType(parameter) if constructor == "list" else types.RangeType(parameter)

    def _context(self) -> types.Type | None:
        entries: list[tuple[str, types.Type | None]] = []
        while True:
            entries.append((self._entry_name(), self._type()))
            if self._tokens[self._position].text != ",":
                break
            self._position += 1
        self._expect(">")
        known = tuple((name, type_) for name, type_ in entries if type_ is not None)
        return types.ContextType(known) if len(known) == len(entries) else None

    def _entry_name(self) -> str:
        start = self._position
        while self._tokens[self._position].text != ":":
            token = self._tokens[self._position]
            if token.kind not in {"word", "number", "other", "quoted"} and token.text not in NAME_SYMBOLS:
                raise self._error("an entry name and ':'")
            self._position += 1
        if start == self._position:
            raise self._error("an entry name")
        first, last = self._tokens[start], self._tokens[self._position - 1]
        self._position += 1
        name = normalized(self._source.text[first.start : last.end])
        return name.strip("`") if first.kind == "quoted" else name

    def _function(self) -> types.Type | None:
        parameters: list[types.Type | None] = []
        while self._tokens[self._position].text != ">":
            parameters.append(self._type())
            if self._tokens[self._position].text != ",":
                break
            self._position += 1
        self._expect(">")
        self._expect("->")
        result = self._type()
        known = tuple(type_ for type_ in parameters if type_ is not None)
        if result is None or len(known) != len(parameters):
            return None
        return types.FunctionType(known, result)

    def _named_type(self) -> types.Type | None:
        token = self._tokens[self._position]
        found = self._names.longest(self._tokens, self._position)
        built_in = _BUILT_IN_NAMES.longest(self._tokens, self._position)
        if found is not None and (built_in is None or found[0] >= built_in[0]):
            self._position += found[0]
            return self._named[found[1]]
        if built_in is not None:
            self._position += built_in[0]
            return types.SIMPLE_TYPES[built_in[1]]
        self._position += 1
        name = token.text.strip("`")
        type_ = self._named.get(name) or types.SIMPLE_TYPES.get(name)
        if type_ is None and self._bare:
            type_ = _BARE_TYPES.get(name)
        if type_ is None:
            self._skip_qualified()
        return type_

    def _skip_qualified(self) -> None:
        while self._tokens[self._position].text == "." and self._tokens[self._position + 1].kind == "word":
            self._position += 2

    def _expect(self, text: str) -> None:
        if self._tokens[self._position].text != text:
            raise self._error(f"'{text}' of the type")
        self._position += 1

    def _error(self, expected: str) -> FeelSyntaxError:
        token = self._tokens[self._position]
        found = "the end of the expression" if token.kind == "end" else f"'{token.text[:40]}'"
        return FeelSyntaxError(self._source, token.start, expected, found)
