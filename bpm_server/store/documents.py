"""Reading and writing documents, and the leftovers of their files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.kernel import json
from bpm_server.store import rows
from bpm_server.store.tables.documents import document as t
from bpm_server.store.tables.documents import document_leftover as leftover

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A document without its content."""

    document_id: str
    store: str
    location: str
    content_hash: str
    content_type: str
    file_name: str
    size: int
    expires_at: datetime | None
    process_id: str | None
    instance_key: int | None
    properties: dict[str, Any]
    created_at: datetime
    created_by: str


_COLUMNS = [t.c[name] for name in DocumentRow.__slots__]


def find_document(connection: Connection, document_id: str, now: datetime) -> DocumentRow | None:
    """By id; None where there is none, or it has expired."""
    query = sa.select(*_COLUMNS).where(t.c.document_id == document_id)
    row = connection.execute(query).one_or_none()
    return None if row is None or _has_expired(row, now) else _made(row)


def _made(row: Row[Any]) -> DocumentRow:
    return DocumentRow(**{**row._mapping, "properties": json.loads(row.properties)})


def _has_expired(row: Row[Any], now: datetime) -> bool:
    return row.expires_at is not None and row.expires_at <= now


def exists(connection: Connection, document_id: str) -> bool:
    """Whether the id is taken; an expired document holds it until it is removed."""
    return connection.execute(sa.select(t.c.document_id).where(t.c.document_id == document_id)).first() is not None


def insert_document(connection: Connection, row: DocumentRow) -> None:
    """Adds a document."""
    values = {name: getattr(row, name) for name in DocumentRow.__slots__}
    rows.insert(connection, t, [{**values, "properties": json.dumps(row.properties)}])


def delete_document(connection: Connection, document_id: str) -> None:
    """Removes the row; the content is its store's business."""
    connection.execute(t.delete().where(t.c.document_id == document_id))


def expired_documents(connection: Connection, now: datetime, limit: int) -> list[DocumentRow]:
    """Documents whose time is over; locked, so that two workers do not meet."""
    query = sa.select(*_COLUMNS).where(t.c.expires_at <= now).order_by(t.c.expires_at).limit(limit)
    return [_made(row) for row in connection.execute(query.with_for_update(skip_locked=True))]


def find_documents(connection: Connection, document_ids: Sequence[str], now: datetime) -> list[DocumentRow]:
    """Those of these ids that are there and have not expired."""
    query = sa.select(*_COLUMNS).where(t.c.document_id.in_(document_ids))
    return [_made(row) for row in connection.execute(query) if not _has_expired(row, now)]


def count_waiting(connection: Connection, username: str, now: datetime) -> int:
    """How many documents of somebody have an end that has not come."""
    query = sa.select(sa.func.count()).where(t.c.expires_at > now, t.c.created_by == username)
    found: int = connection.execute(query).scalar_one()
    return found


def settle(connection: Connection, document_id: str, process_id: str, instance_key: int) -> None:
    """A document that waited belongs to an instance now and stays."""
    mine = t.c.document_id == document_id
    values = {"expires_at": None, "process_id": process_id, "instance_key": instance_key}
    connection.execute(t.update().where(mine).values(**values))


# --- leftovers ------------------------------------------------------------------------------------------


def insert_leftover(connection: Connection, location: str, due_at: datetime) -> None:
    """A file that is to be removed then."""
    rows.insert(connection, leftover, [{"location": location, "due_at": due_at}])


def delete_leftovers(connection: Connection, locations: Sequence[str]) -> int:
    """Forgets leftovers; returns how many there were."""
    return connection.execute(leftover.delete().where(leftover.c.location.in_(locations))).rowcount


def postpone_leftovers(connection: Connection, locations: Sequence[str], due_at: datetime) -> None:
    """Removes them later."""
    connection.execute(leftover.update().where(leftover.c.location.in_(locations)).values(due_at=due_at))


def due_leftovers(connection: Connection, now: datetime, limit: int) -> list[str]:
    """Locations of files to remove."""
    query = sa.select(leftover.c.location).where(leftover.c.due_at <= now).order_by(leftover.c.due_at).limit(limit)
    return list(connection.execute(query).scalars())


def next_due(connection: Connection) -> datetime | None:
    """When the next document expires or the next leftover is due; None where nothing will."""
    expiry = sa.select(sa.func.min(t.c.expires_at).label("due")).where(t.c.expires_at.is_not(None))
    removal = sa.select(sa.func.min(leftover.c.due_at).label("due"))
    either = sa.union_all(expiry, removal).subquery()
    found: datetime | None = connection.execute(sa.select(sa.func.min(either.c.due))).scalar_one()
    return found
