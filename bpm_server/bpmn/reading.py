"""What the reader and the dialects share while one file is read: findings, values, definitions by id."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bpm_server.bpmn import namespaces as ns
from bpm_server.bpmn.values import Static, from_camunda7, from_camunda8
from bpm_server.kernel.errors import InvalidInput
from bpm_server.kernel.findings import Finding, Severity

if TYPE_CHECKING:
    from lxml.etree import _Element

    from bpm_server.bpmn.model import Dialect
    from bpm_server.bpmn.values import Value

MAX_EXPRESSION = 20_000
"""Characters of one expression."""


class Reading:
    """One file being read."""

    def __init__(self, name: str, dialect: Dialect) -> None:
        self.name = name
        self.dialect = dialect
        self.findings: list[Finding] = []
        self.roots: dict[str, _Element] = {}

    def report(self, severity: Severity, rule: str, element: _Element, message: str, hint: str | None = None) -> None:
        """Adds a finding at the nearest element that has an id."""
        owner: _Element | None = element
        while owner is not None and owner.get("id") is None:
            owner = owner.getparent()
        self.findings.append(
            Finding(
                severity,
                rule,
                message,
                element=owner.get("id") if owner is not None else None,
                name=owner.get("name") if owner is not None else None,
                line=element.sourceline,
                hint=hint,
                file=self.name,
            )
        )

    def demote(self, first: int) -> None:
        """Makes the errors from finding number ``first`` on warnings: what does not run blocks nothing."""
        self.findings[first:] = [
            replace(finding, severity="warning") if finding.severity == "error" else finding
            for finding in self.findings[first:]
        ]

    def error(self, rule: str, element: _Element, message: str, hint: str | None = None) -> None:
        """Adds a finding that blocks deployment."""
        self.report("error", rule, element, message, hint)

    def warning(self, rule: str, element: _Element, message: str, hint: str | None = None) -> None:
        """Adds a finding that does not block deployment."""
        self.report("warning", rule, element, message, hint)

    def value(self, text: str | None, element: _Element, what: str) -> Value | None:
        """Compiles text of the file's dialect; a syntax error becomes a finding and gives None."""
        if text is None:
            return None
        if len(text) > MAX_EXPRESSION:
            self.error("expression-size", element, f"{what}: {len(text)} characters, at most {MAX_EXPRESSION}")
            return None
        try:
            return from_camunda8(text) if self.dialect == "camunda8" else from_camunda7(text)
        except InvalidInput as error:
            self.error("expression-syntax", element, f"{what}: {error.message}")
            return None

    def required(self, text: str | None, element: _Element, what: str, hint: str | None = None) -> Value:
        """Like :meth:`value`; missing or empty text is an error finding."""
        if text is None or not text.strip():
            self.error("value-missing", element, f"Expected {what}, but found none", hint)
        return self.value(text, element, what) or Static("")

    def root(self, element: _Element, attribute: str, kind: str) -> _Element | None:
        """The root element (message, error, signal, ...) that ``attribute`` refers to."""
        reference = element.get(attribute)
        if reference is None:
            return None
        found = self.roots.get(ns.split(reference)[1].rpartition(":")[2])
        if found is None or ns.split(found.tag)[1] != kind:
            self.error("reference-missing", element, f"Expected a {kind} with id '{reference}', but found none")
            return None
        return found
