"""Index ranges of somebody's inbox: what they have, what is offered to them or to one of their groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.states import TaskState
from bpm_server.kernel import json
from bpm_server.store.tables.tasks import user_task as t
from bpm_server.store.tables.tasks import user_task_candidate as c

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection

    from bpm_server.domain.identity import Actor

Where = sa.ColumnElement[bool]
BRANCHES = 60
"""Index ranges in one statement; more than a page has rows, and SQLite takes at most 500."""
MOST_REPRESENTED = 60
"""People (and kinds of their work) for whom one person acts; of more the first by name are shown."""


def assigned(actor: Actor, columns: Sequence[sa.ColumnElement[Any]]) -> sa.Select[Any]:
    """Columns of open tasks that somebody has."""
    return sa.select(*columns).where(t.c.assignee == actor.username, t.c.state == TaskState.CREATED)


def offered(kind: str, named: Where, columns: Sequence[sa.ColumnElement[Any]]) -> sa.Select[Any]:
    """Columns of open tasks that nobody has taken, and that are offered under such a name."""
    return (
        sa.select(*columns)
        .join_from(c, t, t.c.key == c.c.task_key)
        .where(c.c.kind == kind, named, t.c.assignee.is_(None), t.c.state == TaskState.CREATED)
    )


def listed(connection: Connection, names: Sequence[str]) -> Any:
    """The names as a column, given in one parameter."""
    text = sa.literal(json.dumps(names), sa.Text)
    if connection.dialect.name == "sqlite":
        each = sa.func.json_each(text)
    else:
        each = sa.func.json_array_elements_text(sa.cast(text, sa.JSON))
    return each.table_valued(sa.column("value", sa.Text)).c.value
