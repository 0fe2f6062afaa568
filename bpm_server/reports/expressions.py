"""Evaluating a FEEL expression on given variables, or on those that an element sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server import feel
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput, NotFound
from bpm_server.reports import process_instances
from bpm_server.reports.search import forbidden
from bpm_server.store.instances import effective_variables
from bpm_server.store.moments import read_moment
from bpm_server.store.tables.instances import element_instance, process_instance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Connection

    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server

LONGEST = 32_768
MAX_DEPTH = 200
BUDGET = feel.Budget(steps=200_000, size=100_000)


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The value as JSON, and why parts of it are null."""

    value: Any
    warnings: tuple[str, ...]


def evaluate(
    server: Server, actor: Actor, expression: str, variables: Mapping[str, Any], scope_key: int | None
) -> Evaluated:
    """Evaluates an expression.

    Args:
        server: The server.
        actor: Who asks.
        expression: FEEL, with or without a leading ``=``.
        variables: JSON values; they go before those of the scope, which go before cluster variables.
        scope_key: Process or element instance whose variables are seen.

    Raises:
        InvalidInput: a syntax error, with its position; or a value without a JSON form.
        NotFound: there is no such scope.
        Forbidden: the permission EXPRESSION:EVALUATE is missing, or the actor may not see the scope's instance.
    """
    if not actor.may("EXPRESSION", "EVALUATE"):
        raise forbidden(actor, "expression", expression[:40], ("EXPRESSION", "EVALUATE"))
    text = expression.strip().removeprefix("=")
    if not text or len(text) > LONGEST:
        message = f"Expected an expression of 1 to {LONGEST} characters, but found {len(text)}"
        raise InvalidInput(message, field="expression")
    compiled = feel.compile(text)
    with server.database.read() as connection:
        moment = read_moment(connection)
        outer = (
            server.cluster_variables.outer(connection, moment.cluster_variable_version)
            if actor.may("CLUSTER_VARIABLE", "READ")
            else {}
        )
        seen = {} if scope_key is None else _seen(connection, actor, scope_key)
    found = compiled.evaluate({**outer, **seen, **variables}, now=moment.now, budget=BUDGET)
    return Evaluated(feel.to_json(found.value), tuple(note.message for note in found.diagnostics))


def _seen(connection: Connection, actor: Actor, scope_key: int) -> dict[str, Any]:
    t = element_instance
    path: list[int] = []
    instance_key: int | None = None
    at: int | None = scope_key
    while at is not None and len(path) < MAX_DEPTH:
        path.append(at)
        row = connection.execute(sa.select(t.c.scope_key, t.c.instance_key).where(t.c.key == at)).one_or_none()
        if row is None:
            p = process_instance
            instance_key = connection.execute(sa.select(p.c.key).where(p.c.key == at)).scalar()
            break
        at = row.scope_key
    if instance_key is None:
        message = f"Expected to find process or element instance '{scope_key}', but there is none"
        raise NotFound(message)
    process_instances.SEARCH.get(connection, actor, instance_key)
    return {name: json.loads(value) for name, value in effective_variables(connection, path).items()}
