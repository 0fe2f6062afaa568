"""Deployments and what they contain. Definitions are immutable."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from bpm_server.store.tables.model import Model, table_of
from bpm_server.store.types import Key, UtcDateTime

NAME = sa.String(512)
DIGEST = sa.String(64)


class Deployment(Model):
    """One press of the Deploy button."""

    __tablename__ = "deployment"

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    name: Mapped[str | None] = mapped_column(NAME)
    source: Mapped[str | None] = mapped_column(NAME)
    deployed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deployed_by: Mapped[str | None] = mapped_column(NAME)


class Resource(Model):
    """One file as it was deployed. ``digest`` is SHA-256 of the content, in hex."""

    __tablename__ = "resource"
    __table_args__ = (sa.Index(None, "deployment_key"),)

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    deployment_key: Mapped[int] = mapped_column(Key)
    name: Mapped[str] = mapped_column(NAME)
    kind: Mapped[str] = mapped_column(sa.String(16))
    digest: Mapped[str] = mapped_column(DIGEST)
    content: Mapped[bytes] = mapped_column(sa.LargeBinary)


class ProcessDefinition(Model):
    """One version of a process. ``deleted_at``: no new instances."""

    __tablename__ = "process_definition"
    __table_args__ = (sa.UniqueConstraint("process_id", "version"), sa.Index(None, "deployment_key"))

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    process_id: Mapped[str] = mapped_column(NAME)
    version: Mapped[int]
    name: Mapped[str | None] = mapped_column(NAME)
    version_tag: Mapped[str | None] = mapped_column(NAME)
    resource_key: Mapped[int] = mapped_column(Key)
    resource_name: Mapped[str] = mapped_column(NAME)
    digest: Mapped[str] = mapped_column(DIGEST)
    deployment_key: Mapped[int] = mapped_column(Key)
    has_start_form: Mapped[bool] = mapped_column(default=False)
    startable: Mapped[bool] = mapped_column(default=True)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class DecisionRequirements(Model):
    """One version of a DMN file."""

    __tablename__ = "decision_requirements"
    __table_args__ = (sa.UniqueConstraint("requirements_id", "version"), sa.Index(None, "deployment_key"))

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    requirements_id: Mapped[str] = mapped_column(NAME)
    version: Mapped[int]
    name: Mapped[str | None] = mapped_column(NAME)
    resource_key: Mapped[int] = mapped_column(Key)
    resource_name: Mapped[str] = mapped_column(NAME)
    digest: Mapped[str] = mapped_column(DIGEST)
    deployment_key: Mapped[int] = mapped_column(Key)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class DecisionDefinition(Model):
    """One version of a decision inside a DMN file."""

    __tablename__ = "decision_definition"
    __table_args__ = (sa.UniqueConstraint("decision_id", "version"), sa.Index(None, "requirements_key"))

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    decision_id: Mapped[str] = mapped_column(NAME)
    version: Mapped[int]
    name: Mapped[str | None] = mapped_column(NAME)
    version_tag: Mapped[str | None] = mapped_column(NAME)
    requirements_key: Mapped[int] = mapped_column(Key)
    deployment_key: Mapped[int] = mapped_column(Key)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class FormDefinition(Model):
    """One version of a form."""

    __tablename__ = "form_definition"
    __table_args__ = (sa.UniqueConstraint("form_id", "version"), sa.Index(None, "deployment_key"))

    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    form_id: Mapped[str] = mapped_column(NAME)
    version: Mapped[int]
    version_tag: Mapped[str | None] = mapped_column(NAME)
    resource_key: Mapped[int] = mapped_column(Key)
    resource_name: Mapped[str] = mapped_column(NAME)
    digest: Mapped[str] = mapped_column(DIGEST)
    deployment_key: Mapped[int] = mapped_column(Key)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


deployment = table_of(Deployment)
resource = table_of(Resource)
process_definition = table_of(ProcessDefinition)
decision_requirements = table_of(DecisionRequirements)
decision_definition = table_of(DecisionDefinition)
form_definition = table_of(FormDefinition)
