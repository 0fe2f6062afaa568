"""Reading and writing attachments, and taking their documents away with an instance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.attachments import MOST, Attachment
from bpm_server.store import rows
from bpm_server.store.contents import DatabaseContents
from bpm_server.store.tables.approvals import approval_item
from bpm_server.store.tables.attachments import attachment as t
from bpm_server.store.tables.documents import document, document_leftover, document_part
from bpm_server.store.tables.instances import process_instance
from bpm_server.store.tables.tasks import user_task, user_task_candidate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bpm_server.domain.identity import Actor
    from bpm_server.store.batch import InstanceRow

_COLUMNS = [t.c[name] for name in Attachment.__slots__]


def _made(row: sa.Row[Any]) -> Attachment:
    return Attachment(**row._mapping)


def insert_attachment(connection: Connection, made: Attachment) -> None:
    """Adds an attachment."""
    rows.insert(connection, t, [{name: getattr(made, name) for name in Attachment.__slots__}])


def find_attachment(connection: Connection, key: int) -> Attachment | None:
    """By key, removed or not; None where there is none."""
    row = connection.execute(sa.select(*_COLUMNS).where(t.c.key == key)).one_or_none()
    return None if row is None else _made(row)


def find_by_document(connection: Connection, document_id: str) -> Attachment | None:
    """The attachment whose content a document is; None where it is removed, or there is none."""
    query = sa.select(*_COLUMNS).where(t.c.document_id == document_id, t.c.removed_at.is_(None)).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else _made(row)


def of_instance(connection: Connection, instance_key: int) -> list[Attachment]:
    """What is beside an instance now, oldest first."""
    query = sa.select(*_COLUMNS).where(t.c.instance_key == instance_key, t.c.removed_at.is_(None))
    return [_made(row) for row in connection.execute(query.order_by(t.c.key).limit(MOST))]


def history(connection: Connection, instance_key: int, limit: int) -> list[Attachment]:
    """What was ever put beside an instance, oldest first."""
    query = sa.select(*_COLUMNS).where(t.c.instance_key == instance_key).order_by(t.c.key).limit(limit)
    return [_made(row) for row in connection.execute(query)]


def of_documents(connection: Connection, root_key: int, document_ids: Sequence[str]) -> list[Attachment]:
    """Attachments of a call tree with these documents."""
    query = (
        sa.select(*_COLUMNS)
        .join(process_instance, process_instance.c.key == t.c.instance_key)
        .where(process_instance.c.root_key == root_key, t.c.document_id.in_(document_ids), t.c.removed_at.is_(None))
    )
    return [_made(row) for row in connection.execute(query)]


def count_of(connection: Connection, instance_key: int) -> int:
    """How many are beside an instance now."""
    query = sa.select(sa.func.count()).where(t.c.instance_key == instance_key, t.c.removed_at.is_(None))
    found: int = connection.execute(query).scalar_one()
    return found


def mark_removed(connection: Connection, key: int, by: str, at: datetime) -> bool:
    """Notes who removed it; False where somebody else has."""
    mine = (t.c.key == key) & t.c.removed_at.is_(None)
    return bool(connection.execute(t.update().where(mine).values(removed_by=by, removed_at=at)).rowcount)


def takes_part(connection: Connection, row: InstanceRow, actor: Actor) -> bool:
    """Whether somebody started the case, has or had a task of the instance, or signed there."""
    name, task = actor.username, user_task
    if name in (row.started_by, _starter(connection, row.root_key)):
        return True
    candidate = user_task_candidate
    offered = (candidate.c.kind == "u") & (candidate.c.name == name)
    if actor.groups:
        offered |= (candidate.c.kind == "g") & candidate.c.name.in_(sorted(actor.groups))
    query = sa.select(task.c.key).where(
        task.c.instance_key == row.key,
        sa.or_(
            task.c.assignee == name,
            task.c.ended_by == name,
            sa.exists().where(approval_item.c.task_key == task.c.key, approval_item.c.acted_by == name),
            task.c.key.in_(sa.select(candidate.c.task_key).where(offered)),
        ),
    )
    return connection.execute(query.limit(1)).first() is not None


def _starter(connection: Connection, root_key: int) -> str | None:
    t = process_instance
    found: str | None = connection.execute(sa.select(t.c.started_by).where(t.c.key == root_key)).scalar_one_or_none()
    return found


def delete_documents(connection: Connection, instance_keys: Sequence[int]) -> int:
    """Takes the documents of instances' attachments away; files outside the database become leftovers that are due.

    Returns:
        How many documents.
    """
    d = document
    if connection.execute(sa.select(t.c.key).where(t.c.instance_key.in_(instance_keys)).limit(1)).first() is None:
        return 0
    ours = d.c.document_id.in_(sa.select(t.c.document_id).where(t.c.instance_key.in_(instance_keys)))
    inside = d.c.store == DatabaseContents.name
    locations = sa.select(d.c.location).where(ours, inside)
    connection.execute(document_part.delete().where(document_part.c.location.in_(locations)))
    left = sa.select(d.c.location, d.c.created_at).where(ours, ~inside)
    connection.execute(document_leftover.insert().from_select(["location", "due_at"], left))
    return connection.execute(d.delete().where(ours)).rowcount
