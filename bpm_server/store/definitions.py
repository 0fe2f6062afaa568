"""Reading and writing definitions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.kernel.errors import NotFound
from bpm_server.store.tables import definitions as t

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Connection


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """One version of a process."""

    key: int
    process_id: str
    version: int
    name: str | None
    version_tag: str | None
    resource_key: int
    resource_name: str
    digest: str
    deployment_key: int
    has_start_form: bool
    startable: bool
    deleted_at: datetime | None


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """One version of a decision, with its file."""

    key: int
    decision_id: str
    version: int
    name: str | None
    version_tag: str | None
    requirements_key: int
    deployment_key: int
    requirements_id: str
    requirements_name: str | None
    requirements_version: int
    resource_key: int
    resource_name: str
    digest: str


@dataclass(frozen=True, slots=True)
class FormRow:
    """One version of a form."""

    key: int
    form_id: str
    version: int
    version_tag: str | None
    resource_key: int
    resource_name: str
    digest: str
    deployment_key: int


_PROCESS = sa.select(*t.process_definition.columns)
_DECISION = sa.select(
    t.decision_definition.c.key,
    t.decision_definition.c.decision_id,
    t.decision_definition.c.version,
    t.decision_definition.c.name,
    t.decision_definition.c.version_tag,
    t.decision_definition.c.requirements_key,
    t.decision_definition.c.deployment_key,
    t.decision_requirements.c.requirements_id,
    t.decision_requirements.c.name.label("requirements_name"),
    t.decision_requirements.c.version.label("requirements_version"),
    t.decision_requirements.c.resource_key,
    t.decision_requirements.c.resource_name,
    t.decision_requirements.c.digest,
).join_from(
    t.decision_definition,
    t.decision_requirements,
    t.decision_requirements.c.key == t.decision_definition.c.requirements_key,
)
_FORM = sa.select(*[column for column in t.form_definition.columns if column.name != "deleted_at"])


def find_process(connection: Connection, key: int) -> ProcessRow | None:
    """By key."""
    row = connection.execute(_PROCESS.where(t.process_definition.c.key == key)).one_or_none()
    return None if row is None else ProcessRow(**row._mapping)


def _bound(
    query: Any,
    table: sa.Table,
    number: int | None,
    version_tag: str | None,
    deployment_key: int | None,
) -> Any:
    if number is not None:
        query = query.where(table.c.version == number)
    if version_tag is not None:
        query = query.where(table.c.version_tag == version_tag)
    if deployment_key is not None:
        query = query.where(table.c.deployment_key == deployment_key)
    return query.where(table.c.deleted_at.is_(None)).order_by(table.c.version.desc()).limit(1)


def find_process_by_id(
    connection: Connection,
    process_id: str,
    number: int | None = None,
    version_tag: str | None = None,
    deployment_key: int | None = None,
) -> ProcessRow | None:
    """The latest version that fits."""
    query = _PROCESS.where(t.process_definition.c.process_id == process_id)
    row = connection.execute(_bound(query, t.process_definition, number, version_tag, deployment_key)).one_or_none()
    return None if row is None else ProcessRow(**row._mapping)


def find_decision(
    connection: Connection,
    key: int | None,
    decision_id: str | None,
    number: int | None = None,
    version_tag: str | None = None,
    deployment_key: int | None = None,
) -> DecisionRow | None:
    """By key, or the latest version that fits."""
    if key is not None:
        query = _DECISION.where(t.decision_definition.c.key == key)
    else:
        query = _DECISION.where(t.decision_definition.c.decision_id == decision_id)
        query = _bound(query, t.decision_definition, number, version_tag, deployment_key)
    row = connection.execute(query).one_or_none()
    return None if row is None else DecisionRow(**row._mapping)


def find_form(
    connection: Connection, form_id: str, version_tag: str | None = None, deployment_key: int | None = None
) -> FormRow | None:
    """The latest version that fits."""
    query = _FORM.where(t.form_definition.c.form_id == form_id)
    row = connection.execute(_bound(query, t.form_definition, None, version_tag, deployment_key)).one_or_none()
    return None if row is None else FormRow(**row._mapping)


def find_form_by_file(connection: Connection, name: str, deployment_key: int) -> FormRow | None:
    """The version that was the latest in a file of this name when the deployment was made (keys go with time)."""
    form = t.form_definition.c
    query = _FORM.where(form.resource_name == name, form.deployment_key <= deployment_key, form.deleted_at.is_(None))
    row = connection.execute(query.order_by(form.deployment_key.desc()).limit(1)).one_or_none()
    return None if row is None else FormRow(**row._mapping)


def find_form_by_key(connection: Connection, key: int) -> FormRow | None:
    """By key."""
    row = connection.execute(_FORM.where(t.form_definition.c.key == key)).one_or_none()
    return None if row is None else FormRow(**row._mapping)


def content(connection: Connection, resource_key: int) -> bytes:
    """The bytes of a deployed file.

    Raises:
        NotFound: there is none.
    """
    found = connection.execute(sa.select(t.resource.c.content).where(t.resource.c.key == resource_key)).scalar()
    if found is None:
        message = f"Expected to find resource '{resource_key}', but there is none"
        raise NotFound(message)
    return bytes(found)


def deployed_with(connection: Connection, resource_key: int, kind: str) -> dict[str, bytes]:
    """The files of a kind that were deployed together with a file, itself left out: content by name."""
    own = t.resource.alias()
    query = (
        sa.select(t.resource.c.name, t.resource.c.content)
        .join(own, own.c.deployment_key == t.resource.c.deployment_key)
        .where(own.c.key == resource_key, t.resource.c.key != resource_key, t.resource.c.kind == kind)
        .order_by(t.resource.c.key)
    )
    return {row.name: bytes(row.content) for row in connection.execute(query)}


def last_versions(connection: Connection, table: sa.Table, id_column: str, ids: list[str]) -> dict[str, Any]:
    """The highest version of each id: row with ``version`` and ``digest`` (deleted ones count)."""
    if not ids:
        return {}
    column = table.c[id_column]
    newest = (
        sa.select(column, sa.func.max(table.c.version).label("version")).where(column.in_(ids)).group_by(column)
    ).subquery()
    query = sa.select(*table.columns).join(
        newest, sa.and_(column == newest.c[id_column], table.c.version == newest.c.version)
    )
    return {getattr(row, id_column): row for row in connection.execute(query)}


@dataclass(frozen=True, slots=True)
class Deletable:
    """Something deployed that can be deleted; ``kind`` as in ``services.deploying.Deployed``."""

    kind: str
    key: int
    id: str


_DELETABLE = (
    ("process", t.process_definition, t.process_definition.c.process_id),
    ("requirements", t.decision_requirements, t.decision_requirements.c.requirements_id),
    ("form", t.form_definition, t.form_definition.c.form_id),
)


def find_deletable(connection: Connection, key: int) -> Deletable | None:
    """What has this key and is not deleted: a definition, or a file that is none."""
    for kind, table, identifier in _DELETABLE:
        query = sa.select(identifier).where(table.c.key == key, table.c.deleted_at.is_(None))
        found = connection.execute(query).scalar()
        if found is not None:
            return Deletable(kind, key, found)
    query = sa.select(t.resource.c.name).where(t.resource.c.key == key, t.resource.c.kind == "file")
    found = connection.execute(query).scalar()
    return None if found is None else Deletable("resource", key, found)


def mark_deleted(connection: Connection, what: Deletable, at: datetime) -> None:
    """Deletes; definitions are kept for what runs and for history, a plain file is removed."""
    if what.kind == "resource":
        connection.execute(t.resource.delete().where(t.resource.c.key == what.key))
        return
    for kind, table, _ in _DELETABLE:
        if kind == what.kind:
            connection.execute(table.update().where(table.c.key == what.key).values(deleted_at=at))
    if what.kind == "requirements":
        d = t.decision_definition
        connection.execute(d.update().where(d.c.requirements_key == what.key).values(deleted_at=at))
