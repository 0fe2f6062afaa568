"""What can be wrong with a JUEL expression."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from bpm_server.feel.errors import DiagnosticKind, Source


class JuelSyntaxError(InvalidInput):
    """Text outside the supported subset.

    ``details``: ``line`` and ``column`` (from 1), ``position`` (from 0), ``expected``, ``found``,
    ``expression``.
    """

    code = "juel_syntax"

    def __init__(self, source: Source, position: int, expected: str, found: str) -> None:
        self.position = position
        self.line, self.column = source.line_and_column(position)
        message = f"Expected {expected} at line {self.line}, column {self.column}, but found {found}"
        super().__init__(
            message,
            line=self.line,
            column=self.column,
            position=position,
            expected=expected,
            found=found,
            expression=source.text,
        )


class Failed(Exception):
    """Ends an evaluation: in Camunda 7 this would be an exception."""

    def __init__(self, kind: DiagnosticKind, message: str) -> None:
        super().__init__(message)
        self.kind: DiagnosticKind = kind
        self.message = message
