"""The texts of a model, read in their language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.dmn.foreign import juel_test, juel_value
from bpm_server.feel import FeelSyntaxError, nodes
from bpm_server.feel.compiler import Kind, parse_tree
from bpm_server.feel.dialects import DMN, Dialect
from bpm_server.feel.errors import Source
from bpm_server.juel import JuelSyntaxError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from bpm_server.dmn import elements
    from bpm_server.dmn.itemtypes import ItemTypes
    from bpm_server.feel.errors import Place
    from bpm_server.feel.evaluation import Run
    from bpm_server.feel.types import Type

    Report = Callable[[str, str, elements.Text], None]

CELL_NAMES = frozenset({"cellInput"})
"""Names of the tested value in JUEL."""


class Texts:
    """Reads the texts of one model into trees; what cannot be read is reported and stands for null."""

    def __init__(
        self,
        dialect: Dialect,
        definitions: elements.Definitions,
        types: ItemTypes,
        members: Collection[str],
        report: Report,
    ) -> None:
        """A reader.

        Args:
            dialect: How FEEL is read.
            definitions: The file.
            types: Named types.
            members: Names of entries that may follow a dot.
            report: Takes the rule, the message and the place of an error.
        """
        self.dialect = dialect
        self.members = frozenset(members)
        self._language = definitions.language
        self._platform = definitions.platform
        self._types = types
        self._plain_types: dict[str, Type] | None = None
        self._report = report
        self._read: dict[Source, elements.Text] = {}

    def expression(self, text: elements.Text, names: frozenset[str], owner: str) -> nodes.Node:
        """The tree of an expression; nothing is null.

        Args:
            text: The text.
            names: Variables in scope.
            owner: What it belongs to, for messages.
        """
        return self._tree(text, "expression", names, owner) if text.text else nodes.Null()

    def tests(
        self, text: elements.Text, names: frozenset[str], owner: str, cell_names: frozenset[str] = CELL_NAMES
    ) -> nodes.Node:
        """The tree of unary tests; nothing is any value."""
        return self._tree(text, "unary", names, owner, cell_names) if text.text else nodes.AnyValue()

    def text_of(self, source: Source) -> elements.Text | None:
        """The text that a source was made of."""
        return self._read.get(source)

    def _tree(
        self,
        text: elements.Text,
        kind: Kind,
        names: frozenset[str],
        owner: str,
        cell_names: frozenset[str] = CELL_NAMES,
    ) -> nodes.Node:
        language = (text.language or self._language).lower()
        if "juel" in language or (self._platform == "camunda7" and "${" in text.text):
            return self._juel(text, kind, owner, cell_names)
        if language and "feel" not in language:
            message = f"Expected FEEL or JUEL, but found the language '{language}'"
            self._report("dmn-language", f"{owner}: {message}", text)
            return _nothing(kind, message)
        source = Source(text.text, owner)
        self._read[source] = text
        try:
            return nodes.Sourced(self._feel(source, kind, names), source)
        except FeelSyntaxError as error:
            if self._platform == "camunda7" and not text.language and kind == "expression":
                return self._juel(text, kind, owner, cell_names)
            self._report("feel-syntax", f"{owner}: {error.message}", text)
            return _nothing(kind, error.message)

    def _feel(self, source: Source, kind: Kind, names: frozenset[str]) -> nodes.Node:
        """The tree of FEEL; where Camunda's reading fails, names may have spaces as in the standard."""
        if self._plain_types is None:
            self._plain_types = self._types.plain()
        try:
            return parse_tree(source, kind, self.dialect, names, self.members, self._plain_types)
        except FeelSyntaxError as error:
            if self.dialect is DMN:
                raise
            try:
                return parse_tree(source, kind, DMN, names, self.members, self._plain_types)
            except FeelSyntaxError:
                raise error from None

    def _juel(self, text: elements.Text, kind: Kind, owner: str, cell_names: frozenset[str]) -> nodes.Node:
        try:
            return juel_test(text.text, owner, cell_names) if kind == "unary" else juel_value(text.text, owner)
        except JuelSyntaxError as error:
            self._report("juel-syntax", f"{owner}: {error.message}", text)
            return _nothing(kind, error.message)


def _nothing(kind: Kind, message: str) -> nodes.Node:
    """What a text that cannot be read stands for: null, or a test that nothing passes; with a diagnostic."""

    def fail(run: Run, place: Place, _variables: object, _inputs: object, _parts: object) -> None:
        run.fail(place, "function", "{}", message)

    node = nodes.Embedded((), (), fail)
    return node if kind == "expression" else nodes.UnaryTests((nodes.Logic("and", (node, nodes.Name("?"))),))
