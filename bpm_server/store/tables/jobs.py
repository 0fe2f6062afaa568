"""Jobs and timers: work that a worker picks up."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from bpm_server.store.tables.channels import CHANNEL
from bpm_server.store.tables.model import Model, partial, table_of
from bpm_server.store.types import Key, UtcDateTime

NAME = sa.String(512)
OPEN = "state = 'CREATED'"
IN_CHANNEL = "state = 'CREATED' AND channel IS NOT NULL"


class Job(Model):
    """Work for a connector or an outside worker.

    Attributes:
        state: CREATED (waits or is leased), COMPLETED, FAILED (no retries left), ERROR_THROWN, CANCELED.
        available_at: Not handed out before (database time); while leased, the end of the lease.
        lease: Token of who works on it; only it may book the result.
        scope_path: JSON list of the scope keys whose variables it sees, innermost first.
        channel: What our own workers do it through; None: it is for outside workers, or a safe point.
        operation: Of a task listener: key of the change that waits for it.
        task: Of a task listener: what it is told of its task, as JSON.
        trace_context: Which request it comes from (``kernel.context``); None where none is known.
        denied: A task listener said no; ``denied_reason`` says why.
    """

    __tablename__ = "job"
    __table_args__ = (
        sa.Index(
            "ix_job_due",
            "type",
            sa.desc("priority"),
            "available_at",
            "key",
            sqlite_where=sa.text(OPEN),
            postgresql_where=sa.text(OPEN),
        ),
        sa.Index(
            "ix_job_channel",
            "channel",
            sa.desc("priority"),
            "available_at",
            "key",
            sqlite_where=sa.text(IN_CHANNEL),
            postgresql_where=sa.text(IN_CHANNEL),
        ),
        sa.Index("ix_job_element", "element_key"),
        sa.Index("ix_job_instance", "instance_key"),
    )

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    instance_key: Mapped[int] = mapped_column(Key)
    root_key: Mapped[int] = mapped_column(Key)
    process_definition_key: Mapped[int] = mapped_column(Key)
    process_id: Mapped[str] = mapped_column(NAME)
    process_version: Mapped[int]
    element_key: Mapped[int] = mapped_column(Key)
    element_id: Mapped[str] = mapped_column(NAME)
    type: Mapped[str] = mapped_column(NAME)
    channel: Mapped[str | None] = mapped_column(CHANNEL)
    kind: Mapped[str] = mapped_column(sa.String(24))
    listener_event: Mapped[str | None] = mapped_column(sa.String(24))
    state: Mapped[str] = mapped_column(sa.String(16))
    retries: Mapped[int]
    priority: Mapped[int]
    headers: Mapped[str] = mapped_column(sa.Text)
    scope_path: Mapped[str] = mapped_column(sa.Text)
    chunk: Mapped[int] = mapped_column(Key)
    retry_cycle: Mapped[str | None] = mapped_column(NAME)
    available_at: Mapped[datetime] = mapped_column(UtcDateTime)
    lease: Mapped[str | None] = mapped_column(sa.String(32))
    worker: Mapped[str | None] = mapped_column(NAME)
    error_code: Mapped[str | None] = mapped_column(NAME)
    error_message: Mapped[str | None] = mapped_column(sa.Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    suspended: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    operation: Mapped[int | None] = mapped_column(Key)
    task: Mapped[str | None] = mapped_column(sa.Text)
    denied: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    denied_reason: Mapped[str | None] = mapped_column(sa.Text)
    trace_context: Mapped[str | None] = mapped_column(sa.String(256))


class Timer(Model):
    """A running timer of an element, or of a start event (``instance_key`` None).

    Attributes:
        due_at: Engine time.
        failures: How often firing it failed; it is tried again later.
    """

    __tablename__ = "timer"
    __table_args__ = (
        partial("ix_timer_due", "due_at", "key", where="NOT suspended"),
        sa.Index("ix_timer_element", "element_key"),
        sa.Index("ix_timer_instance", "instance_key"),
        partial("ix_timer_definition", "process_definition_key", where="process_definition_key IS NOT NULL"),
    )

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    instance_key: Mapped[int | None] = mapped_column(Key)
    process_definition_key: Mapped[int | None] = mapped_column(Key)
    element_key: Mapped[int | None] = mapped_column(Key)
    event_id: Mapped[str] = mapped_column(NAME)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    repetitions: Mapped[int | None]
    chunk: Mapped[int] = mapped_column(Key, default=0)
    failures: Mapped[int] = mapped_column(default=0)
    suspended: Mapped[bool] = mapped_column(default=False, server_default=sa.false())


job = table_of(Job)
timer = table_of(Timer)
TIMER_RUNS = sa.text("NOT timer.suspended")
"""In the words of the index of due timers: SQLite takes "suspended = 0" for another condition."""
