"""Cluster variables, and every change of them."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from bpm_server.store.tables.model import Model, table_of

NAME = sa.String(256)


class ClusterVariable(Model):
    """A value that all processes see. ``value`` and ``remarks`` are JSON."""

    __tablename__ = "cluster_variable"

    name: Mapped[str] = mapped_column(NAME, primary_key=True)
    value: Mapped[str] = mapped_column(sa.Text)
    remarks: Mapped[str] = mapped_column(sa.Text)


class ClusterVariableChange(Model):
    """A variable got a value, or none any more (None). A step of the journal names the version it saw (ADR 12).

    Attributes:
        version: ``cluster_variable_version`` of the shared row, counted up by this change.
    """

    __tablename__ = "cluster_variable_change"
    __table_args__ = (sa.Index(None, "name", "version"),)

    version: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(NAME)
    value: Mapped[str | None] = mapped_column(sa.Text)


cluster_variable = table_of(ClusterVariable)
cluster_variable_change = table_of(ClusterVariableChange)
