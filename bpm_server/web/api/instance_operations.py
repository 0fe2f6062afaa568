"""``/v2/process-instances/{key}/...``: what administrators do with running instances."""

from __future__ import annotations

from bpm_server.services import suspension
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import Body

api = ApiBlueprint("instance-operations", tag="Process instance")


@api.operation(
    "POST", "/process-instances/{processInstanceKey}/suspension", "suspendProcessInstance", takes=Body, status=204
)
def suspend_process_instance(call: Call, key: int) -> None:
    """Let nothing of a process instance move until it is resumed."""
    suspension.suspend_instance(call.server, call.actor, key)


@api.operation(
    "POST", "/process-instances/{processInstanceKey}/resumption", "resumeProcessInstance", takes=Body, status=204
)
def resume_process_instance(call: Call, key: int) -> None:
    """Let a suspended process instance go on."""
    suspension.resume_instance(call.server, call.actor, key)
