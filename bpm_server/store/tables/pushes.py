"""Browsers that take notifications of people also when no page of ours is open."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from bpm_server.store.tables.identity import HASH, NAME
from bpm_server.store.tables.model import Model, partial, table_of
from bpm_server.store.types import Key, UtcDateTime


class PushSubscription(Model):
    """One browser of one person (RFC 8030).

    Attributes:
        endpoint_digest: SHA-256 of the endpoint, by which it is found; a browser belongs to one person at a time.
        sealed: Endpoint and keys (``domain.pushes.Subscription``), sealed for the row with this digest.
        host: Of the endpoint, in plain text.
        name: Of the device, by its user agent.
        device: SHA-256 of the cookie by which the browser is known again; None: it was added over REST.
        last_used_at: When the push service last took something.
        problem: Why it did not take the last one.
        test_at: Since when a test waits (engine time).
    """

    __tablename__ = "push_subscription"
    __table_args__ = (
        sa.UniqueConstraint("endpoint_digest"),
        sa.Index("ix_push_subscription_person", "username", "key"),
        partial("ix_push_subscription_device", "device", where="device IS NOT NULL"),
        partial("ix_push_subscription_test", "test_at", where="test_at IS NOT NULL"),
    )

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    username: Mapped[str] = mapped_column(NAME)
    endpoint_digest: Mapped[str] = mapped_column(HASH)
    sealed: Mapped[bytes] = mapped_column(sa.LargeBinary)
    host: Mapped[str] = mapped_column(NAME)
    name: Mapped[str] = mapped_column(NAME)
    device: Mapped[str | None] = mapped_column(HASH)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    problem: Mapped[str | None] = mapped_column(sa.Text)
    test_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


push_subscription = table_of(PushSubscription)
