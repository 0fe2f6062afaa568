"""All forms of a case with what their fields hold now, as far as somebody may see it: for a page to print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.reports import field_sight
from bpm_server.reports.form_data import embedded_schema, form_data, read_schema, start_form
from bpm_server.store.moments import read_moment
from bpm_server.store.tables.tasks import user_task as t

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server

MOST = 50


@dataclass(frozen=True, slots=True)
class CaseForm:
    """A form. ``element_id``: of the step that shows it; None for the start form."""

    element_id: str | None
    schema: dict[str, Any]
    data: dict[str, Any]


def case_forms(server: Server, actor: Actor, instance_key: int, definition_key: int) -> list[CaseForm]:
    """The start form, then those of its tasks in the order in which they were asked first.

    Whether somebody may see the case is the caller's question; what its tasks hide from them is left out here.
    """
    permissions = field_sight.seen_by(server, actor, instance_key)
    schema, data = start_form(server, definition_key, instance_key, permissions)
    found = [] if schema is None else [CaseForm(None, schema, data)]
    with server.database.read() as connection:
        version = read_moment(connection).definition_version
        process = server.definitions.process(connection, version, definition_key).definition.process
        query = (
            sa.select(t.c.element_id, t.c.form_key, t.c.embedded_form)
            .where(t.c.instance_key == instance_key)
            .group_by(t.c.element_id, t.c.form_key, t.c.embedded_form)
            .order_by(sa.func.min(t.c.key))
            .limit(MOST)
        )
        for element_id, form_key, embedded in connection.execute(query).all():
            schema = (
                read_schema(connection, form_key)
                if form_key is not None
                else embedded_schema(process, embedded) if embedded else None
            )  # fmt: skip
            if schema is None:
                continue
            data = form_data(connection, schema, [instance_key])
            if permissions is not None:
                schema, data = permissions.shown_schema(schema), permissions.shown_data(schema, data)
            found.append(CaseForm(element_id, schema, data))
    return found
