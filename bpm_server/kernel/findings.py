"""What a reader or linter has to say about a file: one finding per place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark about one place of a file.

    Attributes:
        rule: Stable kebab-case name of the check, for filtering and documentation.
        message: What was expected and what was found.
        element: Id of the element, where there is one.
        name: The element's name as drawn.
        line: Line in the file, from 1.
        hint: How to mend it.
        file: Name of the file.
    """

    severity: Severity
    rule: str
    message: str
    element: str | None = None
    name: str | None = None
    line: int | None = None
    hint: str | None = None
    file: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The object that ``bpm-server lint --json`` prints and a refused deployment returns."""
        return {
            "file": self.file,
            "element": self.element,
            "name": self.name,
            "line": self.line,
            "severity": self.severity,
            "rule": self.rule,
            "message": self.message,
            "hint": self.hint,
        }

    def as_text(self) -> str:
        """One line for a terminal."""
        place = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        element = f" [{self.element}]" if self.element else ""
        return f"{place}{': ' if place else ''}{self.severity}{element}: {self.message} ({self.rule})"


class RefusedFile(InvalidInput):
    """A file with errors. ``details["findings"]`` lists every finding, warnings included."""

    code = "refused_file"

    def __init__(self, message: str, findings: Iterable[Finding], /) -> None:
        self.findings = tuple(findings)
        super().__init__(message, findings=[finding.as_json() for finding in self.findings])


def refuse_errors(what: str, findings: Iterable[Finding]) -> None:
    """Raises where a finding is an error.

    Raises:
        RefusedFile: names the first error; all findings are in its details.
    """
    found = tuple(findings)
    errors = [finding for finding in found if finding.severity == "error"]
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        message = f"Expected {what} without errors, but found {errors[0].as_text()}{more}"
        raise RefusedFile(message, found)
