"""Requests that count once, with their replies."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from bpm_server.store.tables.model import Model, table_of
from bpm_server.store.types import UtcDateTime


class IdempotentRequest(Model):
    """A request with an ``Idempotency-Key``; written with what it did.

    Attributes:
        id: SHA-256 of actor and key.
        fingerprint: SHA-256 of method, path, query and body.
        status: Of the reply; None: it has done something and waits for the rest (see ``services.idempotency``).
        body: Of the reply, encrypted: replies hold variables and fresh tokens.
        progress: What it has done so far, as encrypted JSON, so that a retry need not do it again.
        held_until: While there is no reply: until then somebody is believed to work on it (database time).
        expires_at: When the row may go (database time).
    """

    __tablename__ = "idempotent_request"
    __table_args__ = (sa.Index("ix_idempotent_request_expiry", "expires_at"),)

    id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(sa.String(64))
    status: Mapped[int | None]
    content_type: Mapped[str | None] = mapped_column(sa.String(256))
    body: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    progress: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    held_until: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


idempotent_request = table_of(IdempotentRequest)
