"""Names while parsing: which words belong together (DMN 1.5, 10.3.1.5).

Only names of several words need to be known: a single word is a name by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from bpm_server.feel.lexer import normalized, words

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from bpm_server.feel.lexer import Token
    from bpm_server.feel.types import Type


class NameTable:
    """Names of several words, found by their first."""

    __slots__ = ("_by_first", "_more")

    def __init__(self, names: Iterable[str] = (), *, more: NameTable | None = None) -> None:
        """A table.

        Args:
            names: The names.
            more: A table whose names are in this one as well.
        """
        self._by_first: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        self._more = more
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        """Adds a name; one of a single word changes nothing."""
        parts = words(name)
        if len(parts) < 2:
            return
        known = self._by_first.setdefault(parts[0], [])
        known.append((parts, normalized(name)))
        known.sort(key=lambda entry: -len(entry[0]))

    def longest(self, tokens: Sequence[Token], position: int) -> tuple[int, str] | None:
        """The longest name that starts at a token: number of tokens and the name as declared."""
        inherited = self._more.longest(tokens, position) if self._more is not None else None
        for parts, name in self._by_first.get(tokens[position].text, ()):
            if inherited is not None and inherited[0] >= len(parts):
                break
            found = tokens[position : position + len(parts)]
            if len(found) == len(parts) and all(token.text == part for token, part in zip(found, parts, strict=True)):
                return len(parts), name
        return inherited


@lru_cache(maxsize=256)
def name_table(names: frozenset[str]) -> NameTable:
    """The table of names that many texts share; nothing may be added to it."""
    return NameTable(names)


class Scopes:
    """The stack of tables that a name is looked up in, and the entry names that may follow a dot."""

    __slots__ = ("_stack", "members")

    def __init__(self, tables: Iterable[NameTable], members: NameTable) -> None:
        self._stack = list(tables)
        self.members = members

    def push(self, names: Iterable[str] = ()) -> NameTable:
        """Opens a scope with names of its own."""
        table = NameTable(names)
        self._stack.append(table)
        return table

    def push_members(self) -> None:
        """Opens the scope of a filter, where the entries of an item are names."""
        self._stack.append(self.members)

    def pop(self) -> None:
        """Closes the innermost scope."""
        self._stack.pop()

    def longest(self, tokens: Sequence[Token], position: int) -> tuple[int, str] | None:
        """The longest name of several words that starts at a token."""
        found = [match for table in self._stack if (match := table.longest(tokens, position))]
        return max(found, default=None, key=lambda match: match[0])


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What an expression can name besides what it defines itself.

    Attributes:
        names: Variables in scope, as far as they have several words.
        members: Names of context entries that may follow a dot, as far as they have several words.
        types: Named types for ``instance of`` and parameters.
        functions: Built-in functions with several words in their names.
    """

    names: Collection[str] = ()
    members: Collection[str] = ()
    types: Mapping[str, Type] = field(default_factory=dict)
    functions: NameTable = field(default_factory=NameTable)
