"""Which fields somebody sees of a case: their tasks may hide or mask some (``domain.forms.permissions``).

That binds whoever sees a case only by their tasks. Who started it, and who may read all instances of the process
(READ_PROCESS_INSTANCE), see everything; who has several tasks in a case sees what any of them shows.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from bpm_server.domain.forms.permissions import Permissions, read_permissions
from bpm_server.domain.forms.references import DOCUMENT, document_ids
from bpm_server.kernel import json
from bpm_server.reports import sight
from bpm_server.reports.form_data import embedded_schema
from bpm_server.store.instances import effective_variables
from bpm_server.store.moments import read_moment
from bpm_server.store.tables.instances import process_instance as p
from bpm_server.store.tables.instances import variable as v
from bpm_server.store.tables.tasks import user_task as t

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.engine import Connection

    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server

Where = sa.ColumnElement[bool]
EVERYTHING = "READ_PROCESS_INSTANCE"


class _Node(NamedTuple):
    """A user task of a version of a process, with the form that it has there."""

    process_id: str
    process_definition_key: int
    element_id: str
    form_key: int | None
    embedded_form: str | None


_NODE = (t.c.process_id, t.c.process_definition_key, t.c.element_id, t.c.form_key, t.c.embedded_form)


def of_case(server: Server, connection: Connection, actor: Actor, instance_key: int) -> Permissions | None:
    """What holds for somebody who looks at an instance; None where they see all of it."""
    root = p.alias("root")
    query = sa.select(p.c.process_id, root.c.started_by).join_from(p, root, root.c.key == p.c.root_key)
    process_id, starter = connection.execute(query.where(p.c.key == instance_key)).one()
    if actor.may(sight.PROCESS, EVERYTHING, process_id) or actor.username == starter:
        return None
    found = [_permissions(server, connection, node) for node in _nodes(connection, actor, instance_key)]
    if not found or None in found:
        return None
    return reduce(Permissions.widened, filter(None, found))


def seen_by(server: Server, actor: Actor, instance_key: int) -> Permissions | None:
    """Like :func:`of_case`, for callers without a transaction."""
    with server.database.read() as connection:
        return of_case(server, connection, actor, instance_key)


def _nodes(connection: Connection, actor: Actor, instance_key: int | None = None) -> list[_Node]:
    """The nodes of which somebody has or had tasks."""
    query = sa.select(*_NODE).where(sight.own_tasks(actor)).distinct()
    if instance_key is not None:
        query = query.where(t.c.instance_key == instance_key)
    return [_Node(*row) for row in connection.execute(query)]


def _permissions(server: Server, connection: Connection, node: _Node) -> Permissions | None:
    version = read_moment(connection).definition_version
    process = server.definitions.process(connection, version, node.process_definition_key).definition.process
    drawn = process.nodes.get(node.element_id)
    return None if drawn is None else read_permissions(drawn.properties)


def _secrets(server: Server, connection: Connection, node: _Node) -> frozenset[str]:
    """Variables with something that a task hides or masks."""
    permissions = _permissions(server, connection, node)
    if permissions is None:
        return frozenset()
    version = read_moment(connection).definition_version
    if node.form_key is not None:
        form = server.definitions.form(connection, version, node.form_key)
        return permissions.secrets(None if form is None else form.form.schema)
    process = server.definitions.process(connection, version, node.process_definition_key).definition.process
    return permissions.secrets(embedded_schema(process, node.embedded_form) if node.embedded_form else None)


def hidden_documents(server: Server, connection: Connection, actor: Actor, instance_key: int) -> frozenset[str]:
    """Documents of a case that only fields show which are kept back from somebody."""
    if of_case(server, connection, actor, instance_key) is None:
        return frozenset()
    kept_back = [_secrets(server, connection, node) for node in _nodes(connection, actor, instance_key)]
    names = frozenset.intersection(*kept_back)
    found: dict[bool, set[str]] = {True: set(), False: set()}
    for name, value in effective_variables(connection, [instance_key]).items():
        if DOCUMENT.encode() in value:
            found[name in names].update(document_ids(json.loads(value)))
    return frozenset(found[True] - found[False])


def of_task_variables(server: Server, connection: Connection, actor: Actor, task_key: int) -> Iterable[Where]:
    """Leaves out the variables of a task that it does not show to somebody as they are."""
    node = _Node(*connection.execute(sa.select(*_NODE).where(t.c.key == task_key)).one())
    if actor.may(sight.PROCESS, EVERYTHING, node.process_id):
        return
    secrets = _secrets(server, connection, node)
    if secrets:
        yield v.c.name.not_in(sorted(secrets))


def of_variables(server: Server, connection: Connection, actor: Actor) -> Iterable[Where]:
    """Leaves out the variables that somebody's tasks do not show to them, in all cases that they did not start."""
    if actor.may(sight.PROCESS, EVERYTHING):
        return
    started = p.alias("started_by_them")
    theirs = p.c.root_key.in_(sa.select(started.c.key).where(started.c.started_by == actor.username))
    for node in _nodes(connection, actor):
        secrets = _secrets(server, connection, node)
        if secrets and not actor.may(sight.PROCESS, EVERYTHING, node.process_id):
            same = p.c.process_definition_key == node.process_definition_key
            yield ~(same & v.c.name.in_(sorted(secrets)) & ~theirs)
