"""Batch operations and their items: the same act on many process instances or incidents."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from bpm_server.store.tables.model import Model, table_of
from bpm_server.store.types import Key, UtcDateTime

NAME = sa.String(512)
RUNNING = "state IN ('CREATED', 'ACTIVE')"


class BatchOperation(Model):
    """An act on many things.

    Attributes:
        plan: JSON of what the kind needs to know, for instance where tokens move; None for most kinds.
        asker_kind: USER, or ANONYMOUS for a request without credentials.
        asker: Whose rights count for each item.
        total: Items; ``completed`` counts those that were skipped, too.
        started_at: When the first item was taken.
    """

    __tablename__ = "batch_operation"
    __table_args__ = (
        sa.Index("ix_batch_operation_running", "key", sqlite_where=sa.text(RUNNING), postgresql_where=sa.text(RUNNING)),
        sa.Index("ix_batch_operation_asker", "asker", "key"),
    )

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(sa.String(32))
    state: Mapped[str] = mapped_column(sa.String(16))
    plan: Mapped[str | None] = mapped_column(sa.Text)
    asker_kind: Mapped[str] = mapped_column(sa.String(16))
    asker: Mapped[str] = mapped_column(NAME)
    total: Mapped[int]
    completed: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class BatchOperationItem(Model):
    """One thing that the operation is for. It is a log: it stays when the instance is deleted.

    Attributes:
        item_key: The incident, or the process instance itself.
        available_at: Not handed out before (database time); while leased, the end of the lease.
        lease: Token of who works on it; only it may book the result.
    """

    __tablename__ = "batch_operation_item"
    __table_args__ = (
        sa.Index("ix_batch_operation_item_state", "operation_key", "state", "item_key"),
        sa.Index("ix_batch_operation_item_instance", "instance_key", "operation_key"),
    )

    operation_key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    item_key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    instance_key: Mapped[int] = mapped_column(Key)
    root_key: Mapped[int] = mapped_column(Key)
    state: Mapped[str] = mapped_column(sa.String(16))
    available_at: Mapped[datetime] = mapped_column(UtcDateTime)
    lease: Mapped[str | None] = mapped_column(sa.String(32))
    error_message: Mapped[str | None] = mapped_column(sa.Text)
    processed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


batch_operation = table_of(BatchOperation)
batch_operation_item = table_of(BatchOperationItem)
