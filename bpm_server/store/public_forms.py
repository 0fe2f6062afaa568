"""Reading and writing forms that are open to the public."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.public_forms import OpenForm
from bpm_server.kernel import json
from bpm_server.store import rows
from bpm_server.store.tables.public_forms import public_form as t

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row


def insert(connection: Connection, values: Mapping[str, Any]) -> None:
    """Adds one; ``origins`` as a sequence."""
    rows.insert(connection, t, [{**values, "origins": json.dumps(list(values["origins"]))}])


def find_open(connection: Connection, token: str, now: datetime, *, lock: bool = False) -> OpenForm | None:
    """The form of an address; None where there is none, or it takes no submissions any more.

    Args:
        connection: Any transaction.
        token: The last part of the address.
        now: Database time.
        lock: Nobody closes it before this transaction has ended.
    """
    query = sa.select(*t.columns).where(t.c.token == token, t.c.closed_at.is_(None))
    row = connection.execute(query.with_for_update(read=True) if lock else query).one_or_none()
    if row is None or (row.expires_at is not None and row.expires_at <= now):
        return None
    origins = tuple(json.loads(row.origins))
    return OpenForm(row.key, row.token, row.process_id, origins, row.address_per_hour, row.total_per_hour)


def find(connection: Connection, key: int) -> Row[Any] | None:
    """A form by key, locked."""
    return connection.execute(sa.select(*t.columns).where(t.c.key == key).with_for_update()).one_or_none()


def close(connection: Connection, key: int, now: datetime, username: str) -> None:
    """From now on it takes no submissions."""
    connection.execute(t.update().where(t.c.key == key).values(closed_at=now, closed_by=username))
