"""Generated Python text while it is written: lines, blocks, constants and the scopes of FEEL names."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from bpm_server.feel.errors import FeelSyntaxError, Place, Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bpm_server.feel import nodes
    from bpm_server.feel.calls import BuiltIn
    from bpm_server.feel.dialects import Dialect

MAX_INDENT: Final = 95
"""Nested blocks of generated Python (Python itself stops at 100)."""

Kind = Literal["number", "string", "boolean", "null", "truth"]
"""What is known of a value: ``truth`` is true, false or null; the others are constants."""


@dataclass(frozen=True, slots=True)
class Atom:
    """A value in generated Python: a local variable or a constant."""

    code: str
    kind: Kind | None = None
    value: Any = None


@dataclass(frozen=True, slots=True)
class Item:
    """A scope whose names are the entries of a list item."""

    code: str


Frame = dict[str, Atom] | Item


class Emitter:
    """Writes the body of one function."""

    def __init__(
        self, source: Source, dialect: Dialect, functions: Mapping[str, BuiltIn], variables: frozenset[str]
    ) -> None:
        """An emitter.

        Args:
            source: The text of the expression, for places.
            dialect: Its dialect.
            functions: Built-ins.
            variables: Names that are variables even where a built-in has the same name.
        """
        self._source = source
        self._dialect = dialect
        self._functions = functions
        self._variables = variables
        self._lines: list[str] = []
        self._indent = 1
        self._count = 0
        self._constants: dict[str, Any] = {}
        self._places: dict[tuple[int, int, int], str] = {}
        self._frames: list[Frame] = []
        self._loaded: dict[str, Atom] = {}
        self._plain = True

    # ------------------------------------------------------------------ text

    def _emit(self, line: str) -> None:
        self._lines.append("    " * self._indent + line)

    def _new(self, prefix: str = "t") -> str:
        self._count += 1
        return f"{prefix}{self._count}"

    def _set(self, code: str, kind: Kind | None = None) -> Atom:
        name = self._new()
        self._emit(f"{name} = {code}")
        return Atom(name, kind)

    def _held(self, atom: Atom) -> Atom:
        """A constant in a variable: Python warns of identity tests on literals."""
        return self._set(atom.code) if atom.kind in {"number", "string"} else atom

    @contextmanager
    def _block(self, head: str, node: nodes.Node) -> Iterator[None]:
        """Statements that may not run; what they load is not loaded after them."""
        self._emit(head)
        self._indent += 1
        if self._indent > MAX_INDENT:
            raise FeelSyntaxError(self._source, node.start, "an expression that is nested less", "a deeper one")
        loaded = self._loaded
        self._loaded = dict(loaded)
        first = len(self._lines)
        yield
        if len(self._lines) == first:
            self._emit("pass")
        self._loaded = loaded
        self._indent -= 1

    @contextmanager
    def _scope(self, frame: Frame) -> Iterator[None]:
        self._frames.append(frame)
        yield
        self._frames.pop()

    def _place(self, node: nodes.Node) -> str:
        key = (id(self._source), node.start, node.end)
        name = self._places.get(key)
        if name is None:
            name = self._places[key] = f"P{len(self._places)}"
            self._constants[name] = Place(self._source, node.start, node.end)
        return name

    def _constant(self, value: Any, prefix: str = "K") -> str:
        name = self._new(prefix)
        self._constants[name] = value
        return name

    @contextmanager
    def _in_source(self, source: Source) -> Iterator[None]:
        """What is generated inside belongs to another text."""
        outer, self._source = self._source, source
        yield
        self._source = outer

    # ------------------------------------------------------------------ names

    def _name(self, node: nodes.Name, *, quiet: bool = False) -> Atom:
        items, local = self._frames_of(node.name)
        if not items:
            return local if local is not None else self._variable(node, quiet=quiet)
        result = self._new()
        with ExitStack() as blocks:
            for item in items:
                self._emit(f"{result} = {item.code}.get({node.name!r}, M) if type({item.code}) is dict else M")
                blocks.enter_context(self._block(f"if {result} is M:", node))
                if node.name == "item":
                    local = Atom(item.code)
                    break
            atom = local if local is not None else self._variable(node, quiet=quiet)
            self._emit(f"{result} = {atom.code}")
        return Atom(result)

    def _frames_of(self, name: str) -> tuple[list[Item], Atom | None]:
        """The item scopes that may shadow a name, innermost first, and its local variable."""
        items: list[Item] = []
        for frame in reversed(self._frames):
            if isinstance(frame, Item):
                items.append(frame)
            elif name in frame:
                return items, frame[name]
        return items, None

    def _variable(self, node: nodes.Name, *, quiet: bool) -> Atom:
        name = node.name
        loaded = self._loaded.get(name)
        if loaded is not None:
            return loaded
        atom = self._set(f"get({name!r}, M)")
        built_in = self._functions.get(name) if name not in self._variables else None
        with self._block(f"if {atom.code} is M:", node):
            if built_in is not None:
                self._emit(f"{atom.code} = {self._constant(built_in, 'F')}")
            elif quiet:
                self._emit(f"{atom.code} = None")
            else:
                self._emit(f"{atom.code} = unknown_name(R, {self._place(node)}, {name!r})")
        self._loaded[name] = atom
        return atom
