"""Forms of tasks and start events: schema and the data that they show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.bpmn.formdata import EMBEDDED_FORM, FORM_FILE
from bpm_server.kernel import json
from bpm_server.reports import forms, sight
from bpm_server.store import definitions
from bpm_server.store.instances import effective_variables
from bpm_server.store.moments import read_moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection

    from bpm_server.bpmn.model import Process
    from bpm_server.domain.forms.permissions import Permissions
    from bpm_server.services.definitions import CompiledProcess
    from bpm_server.services.server import Server


def read_schema(connection: Connection, form_key: int) -> dict[str, Any]:
    """The schema of a deployed form.

    Raises:
        NotFound: there is no such form.
    """
    row = definitions.find_form_by_key(connection, form_key)
    found: dict[str, Any] = json.loads(definitions.content(connection, row.resource_key)) if row is not None else {}
    return found


def embedded_schema(process: Process, form_key: str) -> dict[str, Any] | None:
    """The schema of a form that stands in the BPMN file; None where it is not there."""
    text = process.forms.get(form_key.removeprefix(EMBEDDED_FORM))
    return None if text is None else json.loads(text)


def form_data(connection: Connection, schema: dict[str, Any], scope_path: Sequence[int]) -> dict[str, Any]:
    """The variables that a form can show.

    Only those whose name occurs in the schema leave the server: a process may hold more than this reader should see.
    """
    text = json.dumps(schema)
    found = effective_variables(connection, scope_path)
    return {name: json.loads(value) for name, value in found.items() if name in text}


def _by_key(server: Server, connection: Connection, compiled: CompiledProcess, key: str) -> dict[str, Any] | None:
    """What the form key of a start event names: a file of the deployment, or a form inside the diagram."""
    if not key.startswith(FORM_FILE):
        return embedded_schema(compiled.definition.process, key)
    version, name = read_moment(connection).definition_version, key.removeprefix(FORM_FILE)
    row = server.definitions.find_form_file(connection, version, name, compiled.row.deployment_key)
    return None if row is None else read_schema(connection, row.key)


def start_form(
    server: Server, definition_key: int, instance_key: int | None = None, permissions: Permissions | None = None
) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """The start form of a process and, for a running case, what its fields hold now.

    Whether the reader may see it, and which fields (``permissions``), is the caller's question.
    """
    with server.database.read() as connection:
        version = read_moment(connection).definition_version
        compiled = server.definitions.process(connection, version, definition_key)
        process = compiled.definition.process
        deployed = forms.of_start(server, connection, sight.EVERYTHING, definition_key)
        if deployed is not None:
            schema: dict[str, Any] | None = json.loads(deployed.schema)
        else:
            references = [start.form for start in process.starts() if start.event is None and start.form is not None]
            key = references[0].key.source if references and references[0].key is not None else ""
            schema = _by_key(server, connection, compiled, key) if key else None
        if schema is None or instance_key is None:
            return schema, {}
        data = form_data(connection, schema, [instance_key])
        return (
            (schema, data)
            if permissions is None
            else (
                permissions.shown_schema(schema),
                permissions.shown_data(schema, data),
            )
        )
