"""Messages that wait, and who waits for messages and signals."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from bpm_server.store.tables.model import Model, table_of
from bpm_server.store.types import Key, UtcDateTime

NAME = sa.String(512)


class Subscription(Model):
    """An open wait of an element, or of a start event (``instance_key`` None).

    Attributes:
        kind: ``message``, ``signal`` or ``condition``, which has no name: it is in the model.
        correlation_key: None where any message of that name fits (starts; Camunda 7).
    """

    __tablename__ = "subscription"
    __table_args__ = (
        sa.Index("ix_subscription_name", "kind", "name", "correlation_key"),
        sa.Index("ix_subscription_element", "element_key"),
        sa.Index("ix_subscription_instance", "instance_key"),
        sa.Index("ix_subscription_definition", "process_definition_key"),
    )

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(sa.String(16))
    name: Mapped[str] = mapped_column(NAME)
    correlation_key: Mapped[str | None] = mapped_column(NAME)
    instance_key: Mapped[int | None] = mapped_column(Key)
    process_definition_key: Mapped[int] = mapped_column(Key)
    process_id: Mapped[str] = mapped_column(NAME)
    element_key: Mapped[int | None] = mapped_column(Key)
    event_id: Mapped[str] = mapped_column(NAME)
    interrupting: Mapped[bool]
    chunk: Mapped[int] = mapped_column(Key, default=0)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    suspended: Mapped[bool] = mapped_column(default=False, server_default=sa.false())


class Message(Model):
    """A published message that is kept until it expires. ``variables``: JSON text.

    ``pending``: somebody may be waiting for it and has not got it yet; the worker delivers it.
    """

    __tablename__ = "message"
    __table_args__ = (
        sa.Index("ix_message_name", "name", "correlation_key"),
        sa.Index("ix_message_expires", "expires_at"),
        sa.UniqueConstraint("name", "correlation_key", "message_id"),
        sa.Index("ix_message_pending", "key", sqlite_where=sa.text("pending"), postgresql_where=sa.text("pending")),
    )

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(NAME)
    correlation_key: Mapped[str] = mapped_column(NAME)
    message_id: Mapped[str | None] = mapped_column(NAME)
    variables: Mapped[str] = mapped_column(sa.Text)
    published_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    pending: Mapped[bool]


class Correlation(Model):
    """A message reached a process: it does so at most once per process id. History: the message may be forgotten."""

    __tablename__ = "correlation"
    __table_args__ = (sa.Index("ix_correlation_instance", "instance_key"),)

    message_key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    process_id: Mapped[str] = mapped_column(NAME, primary_key=True)
    instance_key: Mapped[int] = mapped_column(Key)
    element_id: Mapped[str] = mapped_column(NAME)
    subscription_key: Mapped[int] = mapped_column(Key)
    name: Mapped[str] = mapped_column(NAME)
    correlation_key: Mapped[str] = mapped_column(NAME)
    correlated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class StartedByKey(Model):
    """A process started by a message with this correlation key is still running: no second one starts."""

    __tablename__ = "started_by_key"

    process_id: Mapped[str] = mapped_column(NAME, primary_key=True)
    message_name: Mapped[str] = mapped_column(NAME, primary_key=True)
    correlation_key: Mapped[str] = mapped_column(NAME, primary_key=True)
    instance_key: Mapped[int] = mapped_column(Key, index=True)


class PendingSignal(Model):
    """A broadcast that a process threw; delivered by the worker, one transaction per receiver."""

    __tablename__ = "pending_signal"

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(NAME)
    variables: Mapped[str] = mapped_column(sa.Text)
    thrown_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SignalReceipt(Model):
    """A subscription got a signal: it gets it once, even where the worker dies in between."""

    __tablename__ = "signal_receipt"

    signal_key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    subscription_key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)


subscription = table_of(Subscription)
message = table_of(Message)
correlation = table_of(Correlation)
started_by_key = table_of(StartedByKey)
pending_signal = table_of(PendingSignal)
signal_receipt = table_of(SignalReceipt)
