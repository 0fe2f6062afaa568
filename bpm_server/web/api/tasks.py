"""``/v2/user-tasks``: what people are asked to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.kernel.errors import InvalidInput
from bpm_server.reports import tasks as report
from bpm_server.services import tasks
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import (
    Body,
    Data,
    Fixed,
    Flag,
    Key,
    Moment,
    Names,
    Number,
    One,
    Reply,
    Text,
    Word,
    read_moment,
)
from bpm_server.web.api.searching import Filter, SearchTable
from bpm_server.web.api.tenants import TheTenant
from bpm_server.web.listening import await_listeners

if TYPE_CHECKING:
    from collections.abc import Mapping

api = ApiBlueprint("user-tasks", tag="User task")
STATES = (
    "CREATING",
    "CREATED",
    "ASSIGNING",
    "UPDATING",
    "COMPLETING",
    "COMPLETED",
    "CANCELING",
    "CANCELED",
    "FAILED",
)


class UserTaskResult(Reply):
    """A user task."""

    user_task_key = Key(of="key")
    element_instance_key = Key(of="key")
    element_id = Text()
    name = Text(null=True)
    state = Word(STATES)
    assignee = Text(null=True)
    candidate_users = Names()
    candidate_groups = Names()
    process_definition_key = Key()
    process_definition_id = Text(of="process_id")
    process_definition_version = Number(of="process_version")
    process_name = Text(null=True)
    process_instance_key = Key(of="instance_key")
    root_process_instance_key = Key(of="root_key")
    business_id = Text(of="business_key", null=True)
    creation_date = Moment(of="created_at")
    completion_date = Moment(of="ended_at", null=True)
    due_date = Moment(null=True)
    follow_up_date = Moment(null=True)
    priority = Number()
    form_key = Key(null=True)
    external_form_reference = Text(of="external_form", null=True)
    custom_headers = Fixed({})
    tags = Names()
    tenant_id = TheTenant()


class TaskCompletion(Body):
    """Results of a task."""

    variables = Data(null=True, load_default=None)
    action = Text(null=True)


class TaskAssignment(Body):
    """Whose task it becomes."""

    assignee = Text(required=True)
    allow_override = Flag(null=True, load_default=True)
    action = Text(null=True)


class Resettable(Moment):
    """A moment to set; empty text takes it away."""

    def read(self, value: Any) -> Any:
        return "" if value == "" else read_moment(value)


class TaskChangeset(Body):
    """What changes; null and absent members stay as they are."""

    due_date = Resettable(null=True)
    follow_up_date = Resettable(null=True)
    candidate_users = Names(null=True)
    candidate_groups = Names(null=True)
    priority = Number(least=0, most=100, null=True)


def values_of(changeset: Mapping[str, Any]) -> dict[str, Any]:
    """What a changeset names, by our names; empty text takes a value away."""
    return {
        name: None if value == "" else tuple(value) if isinstance(value, list) else value
        for name, value in changeset.items()
        if value is not None
    }


class TaskUpdate(Body):
    """A change of a task."""

    changeset = One(TaskChangeset, null=True, load_default=None)
    action = Text(null=True)


SEARCH = SearchTable(
    report.SEARCH,
    UserTaskResult,
    {
        "state": Filter("state", STATES),
        "assignee": "assignee",
        "businessId": "business_key",
        "priority": "priority",
        "elementId": "element_id",
        "name": "name",
        "candidateGroup": "candidate_group",
        "candidateUser": "candidate_user",
        "processDefinitionId": "process_id",
        "creationDate": "created_at",
        "completionDate": "ended_at",
        "followUpDate": "follow_up_date",
        "dueDate": "due_date",
        "processInstanceVariables": "process_variables",
        "localVariables": "local_variables",
        "userTaskKey": "key",
        "processDefinitionKey": "process_definition_key",
        "processInstanceKey": "instance_key",
        "elementInstanceKey": "key",
        "tags": "tags",
    },
    sorts=("businessId", "completionDate", "creationDate", "dueDate", "followUpDate", "name", "priority"),
    alternatives=True,
)
api.search("/user-tasks/search", "searchUserTasks", SEARCH)


@api.operation("GET", "/user-tasks/{userTaskKey}", "getUserTask", gives=UserTaskResult)
def get_user_task(call: Call, key: int) -> report.TaskLine:
    """Read a user task."""
    with call.server.database.read() as connection:
        return report.SEARCH.get(connection, call.actor, key)


@api.operation("POST", "/user-tasks/{userTaskKey}/completion", "completeUserTask", takes=TaskCompletion, status=204)
def complete_user_task(call: Call, key: int) -> None:
    """Complete a user task; the process goes on.

    Variables must satisfy the task's form, where it has one. Others than its fields are dropped, unless the caller has
    the right to set variables (UPDATE_PROCESS_INSTANCE).
    """
    body = call.body
    await_listeners(
        key,
        lambda: tasks.complete_task(
            call.server, call.actor, key, body["variables"], from_form=True, action=body.get("action") or None
        ),
    )


@api.operation("POST", "/user-tasks/{userTaskKey}/assignment", "assignUserTask", takes=TaskAssignment, status=204)
def assign_user_task(call: Call, key: int) -> None:
    """Assign a user task; any name is accepted."""
    body = call.body
    override = body["allow_override"] is not False
    await_listeners(
        key,
        lambda: tasks.assign_task(
            call.server,
            call.actor,
            key,
            body["assignee"],
            allow_override=override,
            action=body.get("action") or None,
        ),
    )


@api.operation("DELETE", "/user-tasks/{userTaskKey}/assignee", "unassignUserTask", status=204)
def unassign_user_task(call: Call, key: int) -> None:
    """Take a user task from its assignee."""
    await_listeners(key, lambda: tasks.unassign_task(call.server, call.actor, key))


@api.operation("PATCH", "/user-tasks/{userTaskKey}", "updateUserTask", takes=TaskUpdate, status=204)
def update_user_task(call: Call, key: int) -> None:
    """Change dates, priority or candidates of a user task."""
    changes = values_of(call.body["changeset"] or {})
    if not changes and call.body.get("action") is None:
        message = "Expected a change of dates, candidates or priority, or an action, but found none"
        raise InvalidInput(message, field="changeset")
    action = call.body.get("action") or None
    await_listeners(key, lambda: tasks.update_task(call.server, call.actor, key, action=action, **changes))
