"""Camunda 8's REST outbound connector: calls, and maps the answer by ``resultVariable`` and ``resultExpression``.

Authentication: none, basic, bearer, API key. OAuth and secrets are refused, not sent without.

Source: Camunda 8 documentation, "REST outbound connector" and "Using outbound connectors".
"""

from __future__ import annotations

import base64
from typing import Any

from bpm_server import feel
from bpm_server.connectors.calls import call, object_of, value_of, without_query
from bpm_server.connectors.contract import PermanentError, Request, Result
from bpm_server.feel.values import UserFunction
from bpm_server.kernel.errors import InvalidInput

BPMN_ERROR = UserFunction(
    "bpmnError", ("code", "message"), (None, None), lambda _, code, message: {"code": code, "message": message}
)
"""``bpmnError(code, message)`` of ``errorExpression``."""


def run(request: Request) -> Result:
    """Statuses from 400 are errors: the process may catch them by ``errorExpression``, else they stop the job."""
    seen = request.variables
    _check_secrets([seen.get(name) for name in ("url", "headers", "queryParameters", "body", "authentication")])
    headers = dict(object_of(seen.get("headers"), "headers"))
    query = dict(object_of(seen.get("queryParameters"), "query parameters"))
    _authenticate(seen.get("authentication"), headers, query)
    answer = call(
        request.policy, method=seen.get("method"), url=seen.get("url"), headers=headers, query=query,
        body=seen.get("body"),
    )  # fmt: skip
    response = {"status": answer.status, "headers": dict(answer.headers), "body": value_of(answer)}
    failed = answer.status >= 400
    scope: dict[str, Any] = {"response": response}
    if failed:
        scope["error"] = {"code": str(answer.status), "message": f"HTTP status {answer.status}"}
    _raise_mapped(request, scope)
    if failed:
        place = without_query(str(seen["url"]))
        message = f"Expected a successful answer from '{place}', but found status {answer.status}"
        raise PermanentError(message)
    return Result(_mapped(request, scope))


def _mapped(request: Request, scope: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    name, expression = request.headers.get("resultVariable"), request.headers.get("resultExpression")
    if name:
        values[name] = scope["response"]
    if expression:
        found = _evaluate(request, expression, scope)
        if not isinstance(found, dict):
            message = f"Expected resultExpression '{expression}' to be an object, but found {type(found).__name__}"
            raise PermanentError(message)
        values.update(found)
    return values


def _raise_mapped(request: Request, scope: dict[str, Any]) -> None:
    """``errorExpression`` gives an object with ``code`` (and ``message``) for a BPMN error, else null."""
    expression = request.headers.get("errorExpression")
    found = _evaluate(request, expression, scope) if expression else None
    if isinstance(found, dict) and found.get("code"):
        raise PermanentError(str(found.get("message") or found["code"]), code=str(found["code"]))


def _evaluate(request: Request, expression: str, scope: dict[str, Any]) -> Any:
    seen = {**request.variables, **scope, "bpmnError": BPMN_ERROR}
    try:
        found = feel.compile(expression.removeprefix("=")).evaluate(seen, now=request.now)
        return feel.to_json(found.value)
    except InvalidInput as error:
        message = f"Expected a FEEL expression, but found '{expression[:100]}': {error.message}"
        raise PermanentError(message) from error


def _authenticate(settings: Any, headers: dict[str, Any], query: dict[str, Any]) -> None:
    if not isinstance(settings, dict):
        return
    match settings.get("type"):
        case None | "noAuth":
            return
        case "basic":
            pair = f"{settings.get('username', '')}:{settings.get('password', '')}"
            headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        case "bearer":
            headers["authorization"] = f"Bearer {settings.get('token', '')}"
        case "apiKey":
            place = query if settings.get("apiKeyLocation") == "query" else headers
            place[str(settings.get("name", ""))] = settings.get("value", "")
        case other:
            message = f"Expected authentication none, basic, bearer or apiKey, but found '{other}'"
            raise PermanentError(message)


def _check_secrets(values: list[Any]) -> None:
    if "{{secrets." in repr(values):
        message = "Expected inputs without '{{secrets...}}', but found one: this installation resolves no secrets yet"
        raise PermanentError(message)
