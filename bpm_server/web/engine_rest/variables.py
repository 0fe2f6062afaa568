"""Variables of instances and tasks, in Camunda 7's words: read, set one, set several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput, NotFound
from bpm_server.reports import variables as report
from bpm_server.reports.query import MAX_LIMIT, Condition, PageOf, Query
from bpm_server.services import process_instances
from bpm_server.web.api.fields import Anything, Body, Names, Text, read_text
from bpm_server.web.engine_rest.values import Variables, read_typed, typed_all

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bpm_server.reports.variables import VariableLine
    from bpm_server.web.api.blueprint import Call


class Changes(Body):
    """Variables to set; taking some away is not supported."""

    modifications = Variables(null=True, load_default=None)
    deletions = Names(null=True)


class OneVariable(Body):
    """A value with its type."""

    value = Anything(null=True, load_default=None)
    type = Text(null=True, load_default=None)
    value_info = Anything(null=True, data_key="valueInfo", attribute="valueInfo")


def typed_lines(lines: Iterable[VariableLine]) -> dict[str, Any]:
    """Found variables by name, typed."""
    return typed_all({line.name: json.loads(line.value) for line in lines})


def of_scope(call: Call, scope_key: int, *names: str) -> dict[str, Any]:
    """Variables of a scope that the asker may see, typed; ``names``: only these."""
    conditions = [Condition("scope_key", "eq", scope_key)]
    if names:
        conditions.append(Condition("name", "in", names))
    with call.server.database.read() as connection:
        query = Query(tuple(conditions), page=PageOf(MAX_LIMIT))
        page = report.page(call.server, connection, call.actor, query, full=True)
    return typed_lines(page.items)


def of_task(call: Call, task_key: int, *names: str) -> dict[str, Any]:
    """Variables that a task sees, typed; ``names``: only these."""
    conditions = (Condition("name", "in", names),) if names else ()
    with call.server.database.read() as connection:
        query = Query(conditions, page=PageOf(MAX_LIMIT))
        page = report.of_task(call.server, connection, call.actor, task_key, query, full=True, effective=True)
    return typed_lines(page.items)


def the_one(found: dict[str, Any], name: str, where: str) -> dict[str, Any]:
    """The variable of this name.

    Raises:
        NotFound: there is none; ``where`` was looked for it.
    """
    if name not in found:
        message = f"Expected {where} to have the variable '{name[:60]}', but it has none"
        raise NotFound(message)
    return dict(found[name])


def set_one(call: Call, scope_key: int, name: str, *, local: bool = False) -> None:
    """Sets the variable that the body gives (:class:`OneVariable`)."""
    values = {read_text(name): read_typed(call.body, name)}
    process_instances.set_variables(call.server, call.actor, scope_key, values, local=local)


def change(call: Call, scope_key: int, *, local: bool = False) -> None:
    """Sets the variables that the body gives (:class:`Changes`).

    Raises:
        InvalidInput: some shall be deleted.
    """
    if call.body.get("deletions"):
        message = "Expected changes without deletions, which are not supported"
        raise InvalidInput(message, field="deletions")
    process_instances.set_variables(call.server, call.actor, scope_key, call.body["modifications"] or {}, local=local)
