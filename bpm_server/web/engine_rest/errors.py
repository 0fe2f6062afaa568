"""Errors as Camunda 7 writes them: ``{type, message, code}``.

Status codes and messages come from ``web.problems``; here they only change their shape. What is a conflict there is a
bad request in Camunda 7, whose workers know the loss of their lock by that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException

from bpm_server.kernel import json
from bpm_server.kernel.errors import BpmError
from bpm_server.kernel.findings import RefusedFile
from bpm_server.web import problems
from bpm_server.web.json_provider import MIME

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flask import Blueprint, Response

    from bpm_server.kernel.findings import Finding

TYPES = {
    400: "InvalidRequestException",
    401: "AuthenticationException",
    403: "AuthorizationException",
    404: "InvalidRequestException",
    409: "RestException",
    415: "NotSupportedException",
}
NOT_PARSED = "ENGINE-09005 Could not parse BPMN process. Errors:"
"""Camunda Modeler shows what follows as an error of the diagram."""
CODE = 0
"""Camunda 7's number of an error; 0 is none in particular."""


def register(blueprint: Blueprint) -> None:
    """Gives the errors of a blueprint's operations this shape."""
    blueprint.register_error_handler(BpmError, from_error)
    blueprint.register_error_handler(HTTPException, from_http)
    blueprint.register_error_handler(Exception, from_surprise)


def from_error(error: BpmError) -> Response:
    """An error of ours."""
    if isinstance(error, RefusedFile):
        return _translated(problems.from_error(error), "ParseException", _parse_errors(error), _details(error.findings))
    return _translated(problems.from_error(error))


def from_http(error: HTTPException) -> Response:
    """An error that Flask or Werkzeug found."""
    return _translated(problems.from_http(error))


def from_surprise(error: Exception) -> Response:
    """Our fault: the log has more."""
    return _translated(problems.from_surprise(error))


def _translated(
    response: Response, kind: str | None = None, message: str | None = None, details: dict[str, Any] | None = None
) -> Response:
    if response.mimetype != problems.MIME:
        return response  # a redirect or the like
    found = json.loads(response.get_data())
    text = message or found["detail"]
    if "reference" in found:
        text += f" ({found['reference']})"
    body = {"type": kind or TYPES.get(response.status_code, "RestException"), "message": text, "code": CODE}
    if details is not None:
        body["details"] = details
    if response.status_code == 409:
        response.status_code = 400
    response.set_data(json.dumps_bytes(body))
    response.content_type = MIME
    return response


def _parse_errors(error: RefusedFile) -> str | None:
    """Camunda 7's text about a diagram that it cannot read; None where another file is wrong."""
    errors = [one for one in error.findings if one.severity == "error"]
    if not any((one.file or "").endswith((".bpmn", ".bpmn20.xml")) for one in errors):
        return None
    lines = [f"* {_text(one)} | resource {one.file or ''} | line {one.line or 0} | column 0" for one in errors]
    return "\n".join([NOT_PARSED, *lines])


def _text(finding: Finding) -> str:
    element = f" [{finding.element}]" if finding.element else ""
    return f"{finding.message}{element}"


def _details(findings: Iterable[Finding]) -> dict[str, Any]:
    """Errors and warnings by file, with the element that each is about."""
    found: dict[str, Any] = {}
    for one in findings:
        of_file = found.setdefault(one.file or "", {"errors": [], "warnings": []})
        of_file["errors" if one.severity == "error" else "warnings"].append(
            {
                "message": one.message,
                "line": one.line or 0,
                "column": 0,
                "mainElementId": one.element,
                "elementIds": [one.element] if one.element else [],
            }
        )
    return found
