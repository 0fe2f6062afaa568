"""``/task``: what people are asked to do, in Camunda 7's words."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flask import Response, request

from bpm_server.kernel.errors import NotFound
from bpm_server.reports import forms
from bpm_server.reports import tasks as report
from bpm_server.reports.query import Condition, Query
from bpm_server.services import tasks
from bpm_server.web.api.fields import Body, Flag, Text, read_text
from bpm_server.web.engine_rest import listing, variables
from bpm_server.web.engine_rest.blueprint import EngineBlueprint
from bpm_server.web.engine_rest.listing import Filter, Listing, Switch, VariableFilter
from bpm_server.web.engine_rest.values import Variables, definition_id, moment, read_key
from bpm_server.web.engine_rest.variables import Changes, OneVariable
from bpm_server.web.json_provider import MIME
from bpm_server.web.listening import await_listeners

if TYPE_CHECKING:
    from bpm_server.web.api.blueprint import Call

api = EngineBlueprint("tasks")


class Person(Body):
    """Whose task it becomes."""

    user_id = Text(null=True, load_default=None)


class Completion(Body):
    """Results of a task."""

    variables = Variables(null=True, load_default=None)
    with_variables_in_return = Flag(null=True, load_default=False)


def _line(row: report.TaskLine) -> dict[str, Any]:
    return {
        "id": str(row.key),
        "name": row.name,
        "assignee": row.assignee,
        "owner": None,
        "created": moment(row.created_at),
        "due": moment(row.due_date),
        "followUp": moment(row.follow_up_date),
        "lastUpdated": None,
        "delegationState": None,
        "description": None,
        "executionId": str(row.key),
        "parentTaskId": None,
        "priority": row.priority,
        "processDefinitionId": definition_id(row.process_id, row.process_version, row.process_definition_key),
        "processInstanceId": str(row.instance_key),
        "caseExecutionId": None,
        "caseDefinitionId": None,
        "caseInstanceId": None,
        "taskDefinitionKey": row.element_id,
        "suspended": False,
        "formKey": _form_key(row),
        "camundaFormRef": None,
        "tenantId": None,
    }


def _form_key(row: report.TaskLine) -> str | None:
    return row.external_form or row.embedded_form


def _candidates(call: Call, asked: dict[str, Any], query: Query) -> Query:
    """Offered tasks are those that nobody has taken; groups of the asker count as they do in Camunda 7."""
    if not any(asked.get(name) for name in ("candidateUser", "candidateGroup", "candidateGroups")):
        return query
    if asked.get("includeAssignedTasks") is None or not listing.flag(asked["includeAssignedTasks"]):
        query = query.also(Condition("assignee", "exists", False))
    person = Condition("candidate_user", "eq", call.actor.username)
    if person in query.conditions and call.actor.groups:
        groups = Condition("candidate_group", "in", tuple(sorted(call.actor.groups)))
        rest = tuple(one for one in query.conditions if one != person)
        query = replace(query, conditions=rest, any_of=((person,), (groups,)))
    return query


def _moments(name: str, field: str) -> dict[str, Filter]:
    return {
        f"{name}Before": Filter(field, "lt", listing.when),
        f"{name}After": Filter(field, "gt", listing.when),
    }


LISTING = Listing(
    report.SEARCH,
    _line,
    {
        "taskId": Filter("key", read=listing.key),
        "taskIdIn": Filter("key", "in", listing.many(listing.key)),
        "processInstanceId": Filter("instance_key", read=listing.key),
        "processInstanceIdIn": Filter("instance_key", "in", listing.many(listing.key)),
        "processInstanceBusinessKey": Filter("business_key"),
        "processInstanceBusinessKeyIn": Filter("business_key", "in", listing.many(listing.text)),
        "processInstanceBusinessKeyLike": Filter("business_key", "like", listing.pattern),
        "processDefinitionId": Filter("process_definition_key", read=listing.definition),
        "processDefinitionKey": Filter("process_id"),
        "processDefinitionKeyIn": Filter("process_id", "in", listing.many(listing.text)),
        "taskDefinitionKey": Filter("element_id"),
        "taskDefinitionKeyIn": Filter("element_id", "in", listing.many(listing.text)),
        "taskDefinitionKeyLike": Filter("element_id", "like", listing.pattern),
        "name": Filter("name"),
        "nameLike": Filter("name", "like", listing.pattern),
        "assignee": Filter("assignee"),
        "assigneeIn": Filter("assignee", "in", listing.many(listing.text)),
        "assigneeLike": Filter("assignee", "like", listing.pattern),
        "assigned": Filter("assignee", "exists", when=True),
        "unassigned": Filter("assignee", "exists", when=False),
        "candidateUser": Filter("candidate_user"),
        "candidateGroup": Filter("candidate_group"),
        "candidateGroups": Filter("candidate_group", "in", listing.many(listing.text)),
        "includeAssignedTasks": Switch(),
        "withCandidateUsers": Filter("candidate_user", "exists", when=True),
        "withoutCandidateUsers": Filter("candidate_user", "exists", when=False),
        "withCandidateGroups": Filter("candidate_group", "exists", when=True),
        "withoutCandidateGroups": Filter("candidate_group", "exists", when=False),
        "assigneeNotIn": Filter("assignee", "not_in", listing.many(listing.text)),
        "withoutDueDate": Filter("due_date", "exists", when=False),
        "priority": Filter("priority", read=listing.number),
        "minPriority": Filter("priority", "gte", listing.number),
        "maxPriority": Filter("priority", "lte", listing.number),
        **_moments("due", "due_date"),
        **_moments("followUp", "follow_up_date"),
        **_moments("created", "created_at"),
        "processVariables": VariableFilter("process_variables"),
        "taskVariables": VariableFilter("local_variables"),
    },
    {
        "id": "key",
        "instanceId": "instance_key",
        "name": "name",
        "assignee": "assignee",
        "created": "created_at",
        "dueDate": "due_date",
        "followUpDate": "follow_up_date",
        "priority": "priority",
    },
    always=(Condition("state", "eq", "CREATED"),),
    more=_candidates,
)
listing.add(api, "/task", LISTING)


@api.operation("GET", "/task/{id}")
def get_task(call: Call, task: str) -> dict[str, Any]:
    """Read an open task."""
    return LISTING.get(call, _key(task), "task")


@api.operation("POST", "/task/{id}/claim", takes=Person)
def claim_task(call: Call, task: str) -> None:
    """Take a task, for oneself or (with the right to assign) for another person."""
    person = call.body["user_id"] or call.actor.username
    key = _key(task)
    if person == call.actor.username:
        await_listeners(key, lambda: tasks.claim_task(call.server, call.actor, key))
    else:
        await_listeners(key, lambda: tasks.assign_task(call.server, call.actor, key, person, allow_override=False))


@api.operation("POST", "/task/{id}/unclaim")
def unclaim_task(call: Call, task: str) -> None:
    """Give a task back to its candidates."""
    await_listeners(_key(task), lambda: tasks.release_task(call.server, call.actor, _key(task)))


@api.operation("POST", "/task/{id}/assignee", takes=Person)
def assign_task(call: Call, task: str) -> None:
    """Assign a task; without a person it is nobody's."""
    key = _key(task)
    if call.body["user_id"]:
        await_listeners(key, lambda: tasks.assign_task(call.server, call.actor, key, call.body["user_id"]))
    else:
        await_listeners(key, lambda: tasks.unassign_task(call.server, call.actor, key))


@api.operation("POST", "/task/{id}/complete", takes=Completion)
def complete_task(call: Call, task: str) -> dict[str, Any] | None:
    """Complete a task; what a form asks for is checked, as everywhere."""
    return _complete(call, _key(task))


@api.operation("POST", "/task/{id}/submit-form", takes=Completion)
def submit_form(call: Call, task: str) -> dict[str, Any] | None:
    """The same: whoever completes a task submits its form."""
    return _complete(call, _key(task))


def _complete(call: Call, key: int) -> dict[str, Any] | None:
    wanted = bool(call.body["with_variables_in_return"])
    instance_key = 0
    if wanted:
        with call.server.database.read() as connection:
            instance_key = report.SEARCH.get(connection, call.actor, key).instance_key
    await_listeners(
        key, lambda: tasks.complete_task(call.server, call.actor, key, call.body["variables"], from_form=True)
    )
    return variables.of_scope(call, instance_key) if wanted else None


# --- what a task sees -----------------------------------------------------------------------------------


@api.operation("GET", "/task/{id}/form-variables")
def get_form_variables(call: Call, task: str) -> dict[str, Any]:
    """The variables that a task sees; ``variableNames`` limits them."""
    names = request.args.get("variableNames")
    return variables.of_task(call, _key(task), *(names.split(",") if names else ()))


@api.operation("GET", "/task/{id}/variables")
def get_variables(call: Call, task: str) -> dict[str, Any]:
    """The same under its other name."""
    return variables.of_task(call, _key(task))


@api.operation("GET", "/task/{id}/variables/{name}")
def get_variable(call: Call, task: str, name: str) -> dict[str, Any]:
    """One of them."""
    return variables.the_one(variables.of_task(call, _key(task), read_text(name)), name, f"task '{task[:60]}'")


@api.operation("PUT", "/task/{id}/variables/{name}", takes=OneVariable)
def put_variable(call: Call, task: str, name: str) -> None:
    """Set a variable where it lives, seen from a task."""
    variables.set_one(call, _key(task), name)


@api.operation("POST", "/task/{id}/variables", takes=Changes)
def change_variables(call: Call, task: str) -> None:
    """Set several."""
    variables.change(call, _key(task))


@api.operation("GET", "/task/{id}/localVariables")
def get_local_variables(call: Call, task: str) -> dict[str, Any]:
    """The variables of a task alone."""
    get_task(call, task)
    return variables.of_scope(call, _key(task))


@api.operation("PUT", "/task/{id}/localVariables/{name}", takes=OneVariable)
def put_local_variable(call: Call, task: str, name: str) -> None:
    """Set a variable of a task alone."""
    variables.set_one(call, _key(task), name, local=True)


@api.operation("POST", "/task/{id}/localVariables", takes=Changes)
def change_local_variables(call: Call, task: str) -> None:
    """Set several."""
    variables.change(call, _key(task), local=True)


@api.operation("GET", "/task/{id}/form")
def get_form(call: Call, task: str) -> dict[str, Any]:
    """What names the form of a task."""
    with call.server.database.read() as connection:
        row = report.SEARCH.get(connection, call.actor, _key(task))
    return {"key": _form_key(row), "camundaFormRef": None, "contextPath": None}


@api.operation("GET", "/task/{id}/deployed-form")
def get_deployed_form(call: Call, task: str) -> Response:
    """The form-js schema of a task's deployed form."""
    with call.server.database.read() as connection:
        found = forms.of_task(connection, call.actor, _key(task))
    if found is None:
        message = f"Expected task '{task[:60]}' to have a deployed form, but it has none"
        raise NotFound(message)
    return Response(found.schema, content_type=MIME)


def _key(text: str) -> int:
    return read_key(text, "task")
