"""Forms of tasks and start events: schema and the data that they show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.kernel import json
from bpm_server.store import definitions
from bpm_server.store.instances import effective_variables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection

    from bpm_server.bpmn.model import Process

EMBEDDED = "camunda-forms:bpmn:"


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
    text = process.forms.get(form_key.removeprefix(EMBEDDED))
    return None if text is None else json.loads(text)


def form_data(connection: Connection, schema: dict[str, Any], scope_path: Sequence[int]) -> dict[str, Any]:
    """The variables that a form can show.

    Only those whose name occurs in the schema leave the server: a process may hold more than this reader should see.
    """
    text = json.dumps(schema)
    found = effective_variables(connection, scope_path)
    return {name: json.loads(value) for name, value in found.items() if name in text}
