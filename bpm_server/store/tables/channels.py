"""What is known of channels that outside work goes through."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from bpm_server.store.tables.model import Model, table_of
from bpm_server.store.types import UtcDateTime

CHANNEL = sa.String(800)
"""A host or nothing, and a job type; or the name of a webhook endpoint (``domain.channels``)."""


class Channel(Model):
    """How a channel does; one that never failed and has no rate has no row. All moments are database time.

    Attributes:
        failures: Calls in a row that got no answer that counts.
        paused_until: Nothing begins before; afterwards one call shows whether it works again.
        reason: What the last failure was.
        free_at: Where it has a rate: what is begun now counts from here.
    """

    __tablename__ = "channel"

    name: Mapped[str] = mapped_column(CHANNEL, primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    paused_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reason: Mapped[str | None] = mapped_column(sa.Text)
    free_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


channel = table_of(Channel)
