"""``/v2/variables``, and the variables that a user task sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import request

from bpm_server.kernel.errors import InvalidInput
from bpm_server.reports import variables as report
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import Flag, Key, Reply, Text, shown
from bpm_server.web.api.searching import SearchTable
from bpm_server.web.api.tenants import TheTenant

if TYPE_CHECKING:
    from bpm_server.reports.query import Page, Query

api = ApiBlueprint("variables", tag="Variable")


class VariableResult(Reply):
    """A variable; ``value`` is JSON text."""

    variable_key = Key(of="key")
    name = Text()
    value = Text()
    scope_key = Key()
    process_instance_key = Key(of="instance_key")
    root_process_instance_key = Key(of="root_key")
    tenant_id = TheTenant()


class VariableSearchResult(VariableResult):
    """A variable in lists: long values are cut off unless asked for in full."""

    is_truncated = Flag()


FILTERS = {
    "variableKey": "key",
    "name": "name",
    "value": "value",
    "scopeKey": "scope_key",
    "processInstanceKey": "instance_key",
    "isTruncated": "is_truncated",
}
SORTS = ("name", "processInstanceKey", "scopeKey", "value", "variableKey")
SEARCH = SearchTable(report.SEARCH, VariableSearchResult, FILTERS, sorts=SORTS)
TRUNCATE_DOC = {
    "in": "query",
    "name": "truncateValues",
    "schema": {"type": "boolean", "default": True},
    "description": "Whether long values are cut off.",
}


def _wants_full() -> bool:
    found = request.args.get("truncateValues", "true").lower()
    if found not in ("true", "false"):
        message = f"Expected truncateValues to be true or false, but found {shown(found)}"
        raise InvalidInput(message, field="truncateValues")
    return found == "false"


def _find(call: Call, query: Query) -> Page[Any]:
    with call.server.database.read() as connection:
        return report.page(call.server, connection, call.actor, query, full=_wants_full())


def _find_of_task(call: Call, query: Query, key: int) -> Page[Any]:
    with call.server.database.read() as connection:
        return report.of_task(call.server, connection, call.actor, key, query, full=_wants_full())


def _find_effective(call: Call, query: Query, key: int) -> Page[Any]:
    with call.server.database.read() as connection:
        return report.of_task(call.server, connection, call.actor, key, query, full=_wants_full(), effective=True)


api.search("/variables/search", "searchVariables", SEARCH, _find, parameters=[TRUNCATE_DOC])
api.search(
    "/user-tasks/{userTaskKey}/variables/search",
    "searchUserTaskVariables",
    SEARCH,
    _find_of_task,
    parameters=[TRUNCATE_DOC],
)
api.search(
    "/user-tasks/{userTaskKey}/effective-variables/search",
    "searchUserTaskEffectiveVariables",
    SEARCH,
    _find_effective,
    parameters=[TRUNCATE_DOC],
)


@api.operation("GET", "/variables/{variableKey}", "getVariable", gives=VariableResult)
def get_variable(call: Call, key: int) -> report.VariableLine:
    """Read a variable with its whole value."""
    with call.server.database.read() as connection:
        return report.get(call.server, connection, call.actor, key)
