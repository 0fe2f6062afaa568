"""What all processes of an installation share: the clock's offset, change counters, node leases."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from bpm_server.store.tables.model import Model, table_of
from bpm_server.store.types import UtcDateTime


class ServerState(Model):
    """One row, read once per command.

    Attributes:
        clock_offset_us: Engine time minus database time, microseconds; zero outside tests.
        clock_pinned_at: Engine time stands still here, None where it runs.
        identity_version: Grows with every change of people, groups, roles, tokens: caches compare it.
        definition_version: Grows with every deployment.
        cluster_variable_version: Grows with every change of a cluster variable; 0 where there never was one.
        calendar_version: Grows with every change of a business calendar.
        keeps_large_values: Whether large values may have rows of their own: no process is left that cannot read them.
    """

    __tablename__ = "server_state"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    clock_offset_us: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    clock_pinned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    identity_version: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    definition_version: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    cluster_variable_version: Mapped[int] = mapped_column(sa.BigInteger, default=0, server_default="0")
    calendar_version: Mapped[int] = mapped_column(sa.BigInteger, default=0, server_default="0")
    keeps_large_values: Mapped[bool] = mapped_column(default=True, server_default=sa.false())


class NodeLease(Model):
    """Which process makes keys with which node number."""

    __tablename__ = "node_lease"

    node: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    holder: Mapped[str] = mapped_column(sa.String(64))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


server_state = table_of(ServerState)
node_lease = table_of(NodeLease)
