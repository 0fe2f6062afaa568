"""What goes out: webhook endpoints, deliveries (the outbox) and their attempts."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from bpm_server.store.tables.model import Model, table_of
from bpm_server.store.types import Key, UtcDateTime

NAME = sa.String(256)
WAITING = "state = 'waiting'"


class WebhookEndpoint(Model):
    """Where webhooks go.

    Attributes:
        secrets: Encrypted JSON list of signing secrets, newest first; all of them sign while keys rotate.
        disabled_at: Set by hand or after a 410.
        paused_until: The receiver asked for time (429, 502, 504).
        most_per_minute: So many deliveries begin in a minute at most; None: no limit.
    """

    __tablename__ = "webhook_endpoint"

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(NAME, unique=True)
    url: Mapped[str] = mapped_column(sa.Text)
    secrets: Mapped[bytes] = mapped_column(sa.LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[str | None] = mapped_column(NAME)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    disabled_reason: Mapped[str | None] = mapped_column(sa.Text)
    paused_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    most_per_minute: Mapped[int | None]


class WebhookDelivery(Model):
    """One message on its way out; ``webhook_id`` stays the same over all attempts and replays.

    Attributes:
        state: ``waiting``, ``delivered``, ``failed`` (gave up) or ``canceled``.
        payload: The exact bytes that are sent.
        job_key: The job that waits for the delivery, if one does; ``element_key`` its element.
        trace_context: As of the job.
        next_at: Not before (database time); while leased, the end of the lease.
    """

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        sa.Index(
            "ix_webhook_delivery_due",
            "endpoint_name",
            "next_at",
            "key",
            sqlite_where=sa.text(WAITING),
            postgresql_where=sa.text(WAITING),
        ),
        sa.Index("ix_webhook_delivery_instance", "instance_key"),
        sa.Index("ix_webhook_delivery_endpoint", "endpoint_name", "key"),
        sa.Index("ix_webhook_delivery_element", "element_key"),
    )

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    endpoint_name: Mapped[str] = mapped_column(NAME)
    webhook_id: Mapped[str] = mapped_column(sa.String(64))
    event_type: Mapped[str] = mapped_column(NAME)
    payload: Mapped[bytes] = mapped_column(sa.LargeBinary)
    state: Mapped[str] = mapped_column(sa.String(16))
    attempts: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime] = mapped_column(UtcDateTime)
    lease: Mapped[str | None] = mapped_column(sa.String(32))
    job_key: Mapped[int | None] = mapped_column(Key)
    instance_key: Mapped[int | None] = mapped_column(Key)
    element_key: Mapped[int | None] = mapped_column(Key)
    chunk: Mapped[int] = mapped_column(Key, default=0)
    replay_of: Mapped[int | None] = mapped_column(Key)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    suspended: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    trace_context: Mapped[str | None] = mapped_column(sa.String(256))


class WebhookAttempt(Model):
    """One try. ``status`` is None where no answer came; ``answer`` the first bytes of the body."""

    __tablename__ = "webhook_attempt"

    delivery_key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    duration_ms: Mapped[int]
    status: Mapped[int | None]
    answer: Mapped[str | None] = mapped_column(sa.Text)
    error: Mapped[str | None] = mapped_column(sa.Text)


webhook_endpoint = table_of(WebhookEndpoint)
webhook_delivery = table_of(WebhookDelivery)
webhook_attempt = table_of(WebhookAttempt)
