"""What a process says of itself in lists: the variables that its extension property ``summary`` names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.kernel import json
from bpm_server.store.moments import read_moment
from bpm_server.store.tables.identity import user
from bpm_server.store.tables.instances import variable as v

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy.engine import Connection

    from bpm_server.services.server import Server

Where = sa.ColumnElement[bool]
LONGEST = 2_000
"""Characters of a value that lists still show."""


def summary_names(properties: Mapping[str, str]) -> tuple[str, ...]:
    """The variables that a process shows in lists, in its order."""
    return tuple(filter(None, (name.strip() for name in properties.get("summary", "").split(","))))


def _names(connection: Connection, server: Server, definitions: Iterable[int]) -> dict[int, tuple[str, ...]]:
    version = read_moment(connection).definition_version
    return {
        key: summary_names(server.definitions.process(connection, version, key).definition.process.properties)
        for key in set(definitions)
    }


def read_summaries(connection: Connection, server: Server, scopes: Mapping[int, int]) -> dict[int, dict[str, Any]]:
    """Values by instance.

    Args:
        connection: Any transaction.
        server: The server.
        scopes: Definition key by instance key.
    """
    by_definition = _names(connection, server, scopes.values())
    wanted = sorted({name for names in by_definition.values() for name in names})
    if not wanted:
        return {}
    query = sa.select(v.c.scope_key, v.c.name, v.c.value).where(
        v.c.scope_key.in_(list(scopes)), v.c.name.in_(wanted), sa.func.length(v.c.value) <= LONGEST
    )
    found: dict[int, dict[str, Any]] = {key: {} for key in scopes}
    for row in connection.execute(query):
        found[row.scope_key][row.name] = json.loads(row.value)
    return {
        key: {name: values[name] for name in by_definition[scopes[key]] if name in values}
        for key, values in found.items()
    }


def matches_text(
    connection: Connection,
    server: Server,
    definitions: Sequence[int],
    text: str,
    instance_key: sa.ColumnElement[int],
    name: sa.ColumnElement[Any],
    starter: Any,
) -> Where:
    """Some text occurs in the summary of an instance, in a name, or in the name of who started it.

    Args:
        connection: Any transaction.
        server: The server.
        definitions: Where the names of summary variables come from.
        text: What a person typed.
        instance_key: Column of the instance.
        name: Another column to look at.
        starter: User name of who started it, as SQL.
    """
    pattern = f"%{_escaped(text.lower())}%"
    variables = sorted({name for names in _names(connection, server, definitions).values() for name in names})
    in_json = f"%{_escaped(json.dumps(text.lower())[1:-1])}%"
    in_summary = sa.exists().where(
        v.c.scope_key == instance_key,
        v.c.name.in_(variables),
        sa.func.length(v.c.value) <= LONGEST,
        sa.func.lower(v.c.value).like(in_json, escape="\\"),
    )
    people = sa.select(user.c.username).where(
        sa.or_(
            sa.func.lower(user.c.name).like(pattern, escape="\\"),
            sa.func.lower(user.c.username).like(pattern, escape="\\"),
        )
    )
    found: list[Where] = [in_summary, sa.func.lower(name).like(pattern, escape="\\")]
    if starter is not None:
        found.append(starter.in_(people))
    return sa.or_(*found)


def _escaped(text: str) -> str:
    for char in "\\%_":
        text = text.replace(char, "\\" + char)
    return text
