"""Departments: adding, changing, moving and removing them, and who heads them."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from bpm_server.domain.audit import Entity, Operation
from bpm_server.domain.identity import check_identifier
from bpm_server.domain.organisation import Department, check_name, find_department, told_change, with_department
from bpm_server.kernel.errors import AlreadyExists, Conflict
from bpm_server.services.authorization import authorize
from bpm_server.services.organisations import (
    RESOURCE,
    check_person,
    check_place,
    lock_organisation,
    write_organisation,
)
from bpm_server.services.transaction import command, transaction

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor
    from bpm_server.domain.organisation import Organisation
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction


@command
def create_department(
    server: Server,
    actor: Actor,
    department_id: str,
    name: str,
    *,
    name_en: str | None = None,
    parent_id: str | None = None,
    head: str | None = None,
) -> Department:
    """Adds a department.

    Raises:
        AlreadyExists: the id is taken.
        InvalidInput: the id or the name cannot be one.
        NotFound: no such parent or person.
        Conflict: its head would be above themselves.
        Forbidden: the permission ORGANISATION:CREATE is missing.
    """
    check_identifier(department_id, "a department id")
    check_name(name, "a department name")
    with transaction(server, actor) as tx:
        authorize(actor, RESOURCE, "CREATE")
        organisation = lock_organisation(tx)
        if department_id in organisation.departments:
            message = f"Expected to add department '{department_id}', but there is one of that id"
            raise AlreadyExists(message)
        check_place(organisation, parent_id)
        if head is not None:
            check_person(organisation, head, active=True)
        return _save(tx, organisation, Department(department_id, name, name_en, parent_id, head), Operation.CREATE)


@command
def rename_department(server: Server, actor: Actor, department_id: str, name: str, name_en: str | None) -> Department:
    """Changes its names.

    Raises:
        NotFound: there is no such department.
        InvalidInput: the name cannot be one.
        Forbidden: the permission ORGANISATION:UPDATE is missing.
    """
    check_name(name, "a department name")
    with transaction(server, actor) as tx:
        authorize(actor, RESOURCE, "UPDATE", department_id)
        organisation = lock_organisation(tx)
        department = find_department(organisation, department_id)
        return _save(tx, organisation, replace(department, name=name, name_en=name_en), Operation.UPDATE)


@command
def move_department(server: Server, actor: Actor, department_id: str, parent_id: str | None) -> Department:
    """Puts it, with all below it, below another one, or makes it a root.

    Raises:
        NotFound: no such department or parent.
        Conflict: the parent is below it, or superiors would go in a circle; names the path.
        Forbidden: the permission ORGANISATION:UPDATE is missing.
    """
    with transaction(server, actor) as tx:
        authorize(actor, RESOURCE, "UPDATE", department_id)
        organisation = lock_organisation(tx)
        department = find_department(organisation, department_id)
        check_place(organisation, parent_id)
        return _save(tx, organisation, replace(department, parent_id=parent_id), Operation.UPDATE)


@command
def appoint_head(server: Server, actor: Actor, department_id: str, username: str | None) -> Department:
    """Makes somebody its head, or nobody.

    Raises:
        NotFound: no such department or person, or they have left.
        Conflict: superiors would go in a circle; names the path.
        Forbidden: the permission ORGANISATION:UPDATE is missing.
    """
    with transaction(server, actor) as tx:
        authorize(actor, RESOURCE, "UPDATE", department_id)
        organisation = lock_organisation(tx)
        department = find_department(organisation, department_id)
        if username is not None:
            check_person(organisation, username, active=True)
        return _save(tx, organisation, replace(department, head=username), Operation.UPDATE)


@command
def delete_department(server: Server, actor: Actor, department_id: str) -> None:
    """Removes a department that has nothing below it and nobody in it.

    Raises:
        NotFound: there is no such department.
        Conflict: departments below it or people in it are named.
        Forbidden: the permission ORGANISATION:DELETE is missing.
    """
    with transaction(server, actor) as tx:
        authorize(actor, RESOURCE, "DELETE", department_id)
        organisation = lock_organisation(tx)
        before = find_department(organisation, department_id)
        below = organisation.children.get(department_id, [])
        inside = [one.username for one in organisation.by_department.get(department_id, ())]
        if below or inside:
            message = f"Expected department '{department_id}' to be empty, but it has {', '.join((below + inside)[:5])}"
            raise Conflict(message, departments=below[:100], people=inside[:100])
        left = {key: one for key, one in organisation.departments.items() if key != department_id}
        write_organisation(tx, organisation, replace(organisation, departments=left))
        audit_department(tx, Operation.DELETE, before, None)


def _save(tx: Transaction, organisation: Organisation, department: Department, operation: Operation) -> Department:
    before = organisation.departments.get(department.department_id)
    write_organisation(tx, organisation, with_department(organisation, department))
    audit_department(tx, operation, before, department)
    return department


def audit_department(
    tx: Transaction, operation: Operation, before: Department | None, after: Department | None
) -> None:
    """Notes what became of a department; the contract's word for it is a group."""
    one = after or before
    assert one is not None  # noqa: S101
    told = told_change({} if before is None else asdict(before), {} if after is None else asdict(after))
    tx.audit(Entity.GROUP, operation, one.department_id, description=f"department: {told}")
