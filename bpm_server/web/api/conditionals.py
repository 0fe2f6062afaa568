"""``/v2/conditionals``: starting the processes whose conditional start events hold."""

from __future__ import annotations

from typing import Any

from bpm_server.services import conditionals
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import Body, Data, Key, Many, Reply
from bpm_server.web.api.tenants import Tenant, TheTenant

api = ApiBlueprint("conditionals", tag="Conditional")


class ConditionalEvaluation(Body):
    """What the conditions see."""

    variables = Data(required=True)
    tenant_id = Tenant()
    process_definition_key = Key(null=True, load_default=None)


class StartedInstance(Reply):
    """An instance that began."""

    process_definition_key = Key()
    process_instance_key = Key(of="key")


class ConditionalResult(Reply):
    """What began; an empty list where no condition holds."""

    conditional_evaluation_key = Key(of="key")
    process_instances = Many(StartedInstance)
    tenant_id = TheTenant()


@api.operation(
    "POST",
    "/conditionals/evaluation",
    "evaluateConditionals",
    takes=ConditionalEvaluation,
    gives=ConditionalResult,
    body_required=True,
    begins_work=True,
)
def evaluate_conditionals(call: Call) -> dict[str, Any]:
    """Start an instance for every conditional start event that holds."""
    body = call.body
    started = conditionals.evaluate_conditionals(
        call.server, call.actor, body["variables"], body["process_definition_key"]
    )
    return {"key": call.server.new_key(), "process_instances": started}
