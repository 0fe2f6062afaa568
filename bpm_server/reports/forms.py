"""Forms as they were deployed: by key, of a user task, of a process's start event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.kernel.errors import NotFound
from bpm_server.reports import process_definitions, tasks
from bpm_server.reports.search import forbidden
from bpm_server.store import definitions as store
from bpm_server.store.moments import read_moment
from bpm_server.store.tables.definitions import process_definition

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from bpm_server.bpmn.model import FormRef
    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server
    from bpm_server.store.definitions import FormRow


@dataclass(frozen=True, slots=True)
class DeployedForm:
    """A form. ``schema``: JSON text, as deployed."""

    key: int
    form_id: str
    version: int
    schema: str


def _with_schema(connection: Connection, row: FormRow | None) -> DeployedForm | None:
    if row is None:
        return None
    schema = store.content(connection, row.resource_key).decode("utf-8", "replace")
    return DeployedForm(row.key, row.form_id, row.version, schema)


def by_key(connection: Connection, actor: Actor, key: int) -> DeployedForm:
    """A form by key.

    Raises:
        NotFound: there is none.
        Forbidden: the permission RESOURCE:READ is missing.
    """
    if not actor.may("RESOURCE", "READ"):
        raise forbidden(actor, "form", key, ("RESOURCE", "READ"))
    found = _with_schema(connection, store.find_form_by_key(connection, key))
    if found is None:
        message = f"Expected to find form '{key}', but there is none"
        raise NotFound(message)
    return found


def of_task(connection: Connection, actor: Actor, task_key: int) -> DeployedForm | None:
    """The deployed form that a task was created with; None where it has none, or another kind.

    Raises:
        NotFound: no such task.
        Forbidden: the actor may not see it.
    """
    task = tasks.SEARCH.get(connection, actor, task_key)
    return (
        None if task.form_key is None else _with_schema(connection, store.find_form_by_key(connection, task.form_key))
    )


def of_start(server: Server, connection: Connection, actor: Actor, definition_key: int) -> DeployedForm | None:
    """The form of a process's start event, in the version that a start now would use.

    Raises:
        NotFound: no such process definition.
        Forbidden: the actor may not see it.
    """
    line = process_definitions.SEARCH.get(connection, actor, definition_key)
    version = read_moment(connection).definition_version
    compiled = server.definitions.process(connection, version, line.key)
    starts = compiled.definition.process.starts()
    reference = next((start.form for start in starts if start.event is None and start.form is not None), None)
    if reference is None or reference.form_id is None:
        return None
    return _with_schema(connection, _bound(connection, definition_key, reference, reference.form_id))


def _bound(connection: Connection, definition_key: int, reference: FormRef, form_id: str) -> FormRow | None:
    binding = reference.binding
    if binding.kind == "versionTag" and binding.version is not None:
        return store.find_form(connection, form_id, version_tag=binding.version.source)
    if binding.kind == "deployment":
        query = sa.select(process_definition.c.deployment_key).where(process_definition.c.key == definition_key)
        return store.find_form(connection, form_id, deployment_key=connection.execute(query).scalar())
    return store.find_form(connection, form_id)
