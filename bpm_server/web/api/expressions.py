"""``/v2/expression/evaluation``: trying a FEEL expression."""

from __future__ import annotations

from typing import Any

from bpm_server.reports import expressions
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import Anything, Body, Data, Fixed, Key, Many, Reply, Text
from bpm_server.web.api.tenants import Tenant

api = ApiBlueprint("expressions", tag="Expression")


class ExpressionBody(Body):
    """An expression, with its variables."""

    expression = Text(longest=expressions.LONGEST, required=True)
    variables = Data(null=True, load_default=None)
    scope_key = Key(null=True, load_default=None)
    tenant_id = Tenant()


class EvaluationWarning(Reply):
    """Why a part of the result is null."""

    message = Text()


class ExpressionResult(Reply):
    """The value of an expression."""

    expression = Text()
    result = Anything(null=True)
    warnings = Many(EvaluationWarning)
    referenced_secrets = Fixed([])


@api.operation(
    "POST",
    "/expression/evaluation",
    "evaluateExpression",
    takes=ExpressionBody,
    gives=ExpressionResult,
    body_required=True,
)
def evaluate_expression(call: Call) -> dict[str, Any]:
    """Evaluate a FEEL expression."""
    body = call.body
    found = expressions.evaluate(
        call.server, call.actor, body["expression"], body["variables"] or {}, body["scope_key"]
    )
    return {
        "expression": body["expression"],
        "result": found.value,
        "warnings": [{"message": text} for text in found.warnings],
    }
