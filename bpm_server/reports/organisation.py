"""Departments, positions, people in them, and substitutes: searching them, and one person's place."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.connectors.sealed_fields import EMAIL
from bpm_server.domain import organisation as rules
from bpm_server.domain.organisation_file import organisation_lines, plan_changes
from bpm_server.domain.substitutions import is_absent, stand_in
from bpm_server.kernel import json
from bpm_server.kernel.errors import NotFound
from bpm_server.reports import sight
from bpm_server.reports.query import Kind
from bpm_server.reports.search import Field, Search, forbidden
from bpm_server.store.identities import stored_addresses
from bpm_server.store.moments import read_moment
from bpm_server.store.organisation import read_organisation
from bpm_server.store.tables.identity import user
from bpm_server.store.tables.organisation import department, department_member, position
from bpm_server.store.tables.organisation import substitution as s

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bpm_server.domain.identity import Actor
    from bpm_server.domain.organisation import Organisation, Superior
    from bpm_server.domain.organisation_file import OrganisationFile, Plan
    from bpm_server.services.server import Server

Where = sa.ColumnElement[bool]
RESOURCE = "ORGANISATION"
READ = (RESOURCE, "READ")


@dataclass(frozen=True, slots=True)
class DepartmentLine:
    """A department in lists."""

    department_id: str
    name: str
    name_en: str | None
    parent_id: str | None
    head: str | None


@dataclass(frozen=True, slots=True)
class PositionLine:
    """A position in lists."""

    position_id: str
    name: str
    name_en: str | None


@dataclass(frozen=True, slots=True)
class PersonLine:
    """A person in the company's directory, with their main department."""

    username: str
    name: str | None
    title: str | None
    active: bool
    department_id: str | None
    position_id: str | None


@dataclass(frozen=True, slots=True)
class SubstitutionLine:
    """A substitution or absence in lists, also one that is over."""

    key: int
    username: str
    substitute: str | None
    mode: str
    begins_at: datetime
    ends_at: datetime | None
    processes: list[str] | None
    most_amount: Decimal | None
    reason: str | None
    created_at: datetime
    created_by: str
    withdrawn_at: datetime | None
    withdrawn_by: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a person belongs."""

    department_id: str
    username: str
    name: str | None
    position_id: str | None
    is_main: bool


@dataclass(frozen=True, slots=True)
class PersonDetails:
    """A person's place in the organisation at a moment.

    Attributes:
        heads: Departments that they head, the highest first.
        superiors: The chain above them, nearest first.
        substitute: Who acts for them now, for all processes.
    """

    username: str
    name: str | None
    active: bool
    absent: bool
    substitute: str | None
    departments: list[Place]
    heads: list[str]
    superiors: list[Superior]


def _sight(column: sa.ColumnElement[str]) -> Callable[[Actor], Where | None]:
    return lambda actor: sight.by_permission(actor, RESOURCE, "READ", column)


def _texts(table: sa.Table, *names: str) -> dict[str, Field]:
    return {name: Field(Kind.TEXT, table.c[name]) for name in names}


DEPARTMENTS = Search(
    "department",
    DepartmentLine,
    source=department,
    key=department.c.department_id,
    columns={name: department.c[name] for name in DepartmentLine.__slots__},
    fields_=_texts(department, *DepartmentLine.__slots__),
    sight=_sight(department.c.department_id),
    permission=READ,
)
POSITIONS = Search(
    "position",
    PositionLine,
    source=position,
    key=position.c.position_id,
    columns={name: position.c[name] for name in PositionLine.__slots__},
    fields_=_texts(position, *PositionLine.__slots__),
    sight=_sight(position.c.position_id),
    permission=READ,
)
_MAIN = sa.and_(department_member.c.username == user.c.username, department_member.c.is_main)
PEOPLE = Search(
    "person",
    PersonLine,
    source=user.outerjoin(department_member, _MAIN),
    key=user.c.username,
    columns={
        **{name: user.c[name] for name in ("username", "name", "title", "active")},
        **{name: department_member.c[name] for name in ("department_id", "position_id")},
    },
    fields_={
        **_texts(user, "username", "name", "title"),
        **_texts(department_member, "department_id", "position_id"),
        "active": Field(Kind.FLAG, user.c.active),
    },
    sight=_sight(user.c.username),
    permission=READ,
    alone=user,
)


def _mine(actor: Actor) -> Where | None:
    own = (s.c.username == actor.username, s.c.substitute == actor.username)
    return sight.by_permission(actor, RESOURCE, "READ", s.c.username, lambda: own)


SUBSTITUTIONS = Search(
    "substitution",
    SubstitutionLine,
    source=s,
    key=s.c.key,
    columns={name: s.c[name] for name in SubstitutionLine.__slots__},
    fields_={
        **_texts(s, "username", "substitute", "mode", "created_by"),
        "key": Field(Kind.KEY, s.c.key),
        **{name: Field(Kind.MOMENT, s.c[name]) for name in ("begins_at", "ends_at", "created_at", "withdrawn_at")},
    },
    sight=_mine,
    permission=READ,
    convert={"processes": json.loads, "most_amount": Decimal},
)


def export_lines(server: Server, actor: Actor) -> list[dict[str, str]]:
    """The whole organisation as the lines of its file, with addresses.

    Raises:
        Forbidden: the permission ORGANISATION:READ or USER:READ is missing.
    """
    return organisation_lines(*_everything(server, actor))


def plan_import(server: Server, actor: Actor, file: OrganisationFile) -> Plan:
    """What importing a file would change.

    Raises:
        RefusedFile: the file does not fit; names lines and columns.
        Forbidden: the permission ORGANISATION:READ or USER:READ is missing.
    """
    return plan_changes(*_everything(server, actor), file)


def _everything(server: Server, actor: Actor) -> tuple[Organisation, dict[str, str]]:
    """The organisation, and everybody's address."""
    for right in (READ, ("USER", "READ")):
        if not actor.may(*right):
            raise forbidden(actor, "organisation", "all of it", right)
    with server.database.read() as connection:
        organisation = read_organisation(connection, read_moment(connection).now)
        return organisation, EMAIL.read_all(server.secrets, stored_addresses(connection))


def members(server: Server, connection: Connection, actor: Actor, department_id: str, *, deep: bool) -> list[Place]:
    """Who is in a department, with those below it where ``deep``; active people only.

    Raises:
        NotFound: there is no such department.
        Forbidden: the actor may not see it.
    """
    DEPARTMENTS.get(connection, actor, department_id)
    organisation = server.organisations.at(connection, read_moment(connection))
    ids = rules.with_below(organisation, department_id) if deep else [department_id]
    return [
        _place(organisation, one)
        for below in ids
        for one in organisation.by_department.get(below, ())
        if organisation.is_active(one.username)
    ]


def person(server: Server, connection: Connection, actor: Actor, username: str) -> PersonDetails:
    """A person's place now.

    Raises:
        NotFound: there is no such person.
        Forbidden: somebody else, and the permission ORGANISATION:READ is missing.
    """
    if actor.username != username and not actor.may(*READ, username):
        raise forbidden(actor, "person", username, READ)
    moment = read_moment(connection)
    organisation = server.organisations.at(connection, moment)
    found = organisation.people.get(username)
    if found is None:
        message = f"Expected to find person '{username}', but there is none"
        raise NotFound(message)
    acting = stand_in(organisation, username, moment.now, None)
    return PersonDetails(
        username,
        found.name,
        found.active,
        is_absent(organisation, username, moment.now),
        None if acting is None else acting.username,
        [_place(organisation, one) for one in organisation.by_person.get(username, ())],
        organisation.headed.get(username, []),
        rules.superiors(organisation, username),
    )


def _place(organisation: Organisation, one: rules.Membership) -> Place:
    someone = organisation.people.get(one.username)
    name = None if someone is None else someone.name
    return Place(one.department_id, one.username, name, one.position_id, one.is_main)
