"""``/v2/forms``, and the forms of user tasks."""

from __future__ import annotations

from bpm_server.reports import forms as report
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import Key, Number, Reply, Text
from bpm_server.web.api.tenants import TheTenant

api = ApiBlueprint("forms", tag="Form")


class FormResult(Reply):
    """A form; ``schema`` is JSON text."""

    form_key = Key(of="key")
    form_id = Text()
    version = Number()
    schema = Text()
    tenant_id = TheTenant()


@api.operation("GET", "/forms/{formKey}", "getFormByKey", gives=FormResult)
def get_form(call: Call, key: int) -> report.DeployedForm:
    """Read a form."""
    with call.server.database.read() as connection:
        return report.by_key(connection, call.actor, key)


@api.operation("GET", "/user-tasks/{userTaskKey}/form", "getUserTaskForm", gives=FormResult)
def get_user_task_form(call: Call, key: int) -> report.DeployedForm | None:
    """Read the deployed form of a user task; 204 where it has none."""
    with call.server.database.read() as connection:
        return report.of_task(connection, call.actor, key)


@api.operation("GET", "/process-definitions/{processDefinitionKey}/form", "getStartProcessForm", gives=FormResult)
def get_start_form(call: Call, key: int) -> report.DeployedForm | None:
    """Read the form with which a process is started; 204 where it has none."""
    with call.server.database.read() as connection:
        return report.of_start(call.server, connection, call.actor, key)
