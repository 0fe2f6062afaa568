"""What can go wrong with an expression: refused text, and nulls that came from an error."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from bpm_server.kernel.errors import InvalidInput

DiagnosticKind = Literal[
    "unknown-name",  # no variable, parameter or function of that name
    "no-entry",  # a context without that entry, a value without that property
    "type",  # operands or arguments of kinds that do not go together
    "arithmetic",  # division by zero, result outside decimal128
    "argument",  # a value outside the domain of a function
    "function",  # not a function, wrong number or names of arguments
    "index",  # no such place in a list
    "range",  # a range that cannot be
    "clock",  # now() or today() without a given time
    "assert",  # assert() failed; the whole evaluation is null
    "budget",  # too many steps, too large, too deep, too long; the whole evaluation is null
    "coercion",  # a value that does not conform to the declared type
    "external",  # a function in Java or PMML
    "rule",  # a decision table whose matching rules break its hit policy
]


class Source:
    """The text of one expression, and where in a model it stands."""

    __slots__ = ("_line_starts", "name", "text")

    def __init__(self, text: str, name: str = "") -> None:
        self.text = text
        self.name = name
        self._line_starts: list[int] | None = None

    def line_and_column(self, offset: int) -> tuple[int, int]:
        """Both from 1, in code points."""
        if self._line_starts is None:
            self._line_starts = [0, *(i + 1 for i, char in enumerate(self.text) if char == "\n")]
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1


class Place(NamedTuple):
    """A part of an expression that can fail."""

    source: Source
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """Why a part of an expression is null.

    Attributes:
        position: Offset of the failing part in ``expression``, from 0, in code points.
        line: From 1.
        column: From 1.
        excerpt: The failing part as written.
        expression: The whole text that was being evaluated.
        element: What the text belongs to, where the caller named it ("rule 3, input 'Age'").
    """

    kind: DiagnosticKind
    message: str
    position: int
    line: int
    column: int
    excerpt: str
    expression: str
    element: str = ""

    @classmethod
    def at(cls, place: Place, kind: DiagnosticKind, message: str) -> Diagnostic:
        """A diagnostic for a place in a source."""
        source, start, end = place
        line, column = source.line_and_column(start)
        excerpt = source.text[start:end]
        if len(excerpt) > 80:
            excerpt = excerpt[:77] + "..."
        return cls(kind, message, start, line, column, excerpt, source.text, source.name)

    def as_json(self) -> dict[str, Any]:
        """The object shown in incidents and returned by the API."""
        return {
            "kind": self.kind,
            "message": self.message,
            "position": self.position,
            "line": self.line,
            "column": self.column,
            "excerpt": self.excerpt,
            "expression": self.expression,
            "element": self.element,
        }

    def __str__(self) -> str:
        where = f"{self.element}, " if self.element else ""
        return f"{self.message} ({where}line {self.line}, column {self.column}: {self.excerpt})"


class FeelSyntaxError(InvalidInput):
    """Text that is not an expression.

    ``details``: ``line`` and ``column`` (from 1), ``position`` (from 0), ``expected``, ``found``,
    ``expression``.
    """

    code = "feel_syntax"

    def __init__(self, source: Source, position: int, expected: str, found: str) -> None:
        self.position = position
        self.line, self.column = source.line_and_column(position)
        self.expected = expected
        self.found = found
        where = f" at line {self.line}, column {self.column}"
        super().__init__(
            f"Expected {expected}{where}, but found {found}",
            line=self.line,
            column=self.column,
            position=position,
            expected=expected,
            found=found,
            expression=source.text,
        )


class Refused(Exception):
    """A built-in's way to say that its arguments are outside its domain; the call becomes null."""

    def __init__(self, message: str, kind: DiagnosticKind = "argument") -> None:
        super().__init__(message)
        self.message = message
        self.kind: DiagnosticKind = kind


class Stopped(Exception):
    """Ends the whole evaluation: budget used up, or assert() failed. The diagnostic is recorded already."""
