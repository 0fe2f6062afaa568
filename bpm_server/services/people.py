"""People in the organisation: where they belong, who is above them, and whether they have left."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from bpm_server.domain.audit import Entity, Operation
from bpm_server.domain.organisation import (
    Membership,
    check_organisation,
    told_change,
    with_membership,
    with_superior,
    without_membership,
)
from bpm_server.kernel.errors import NotFound
from bpm_server.services.authorization import authorize
from bpm_server.services.organisations import (
    RESOURCE,
    check_person,
    check_place,
    lock_organisation,
    write_organisation,
)
from bpm_server.services.transaction import command, transaction
from bpm_server.services.users import check_administrator
from bpm_server.store import identities

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor
    from bpm_server.domain.organisation import Organisation, Person
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction


@command
def assign_person(
    server: Server,
    actor: Actor,
    department_id: str,
    username: str,
    *,
    position_id: str | None = None,
    is_main: bool = False,
) -> None:
    """Puts a person into a department with a position, or changes these.

    The first department of a person is the main one, until another one is made it.

    Raises:
        NotFound: no such department, position or person.
        Conflict: superiors would go in a circle; names the path.
        Forbidden: the permission ORGANISATION:UPDATE is missing.
    """
    with transaction(server, actor) as tx:
        authorize(actor, RESOURCE, "UPDATE", department_id)
        organisation = lock_organisation(tx)
        check_place(organisation, department_id, position_id)
        check_person(organisation, username)
        after = with_membership(organisation, Membership(department_id, username, position_id, is_main))
        write_organisation(tx, organisation, after)
        audit_memberships(tx, organisation, after, username)


@command
def unassign_person(server: Server, actor: Actor, department_id: str, username: str) -> None:
    """Takes a person out of a department. Where it was the main one, the first that is left becomes it.

    Raises:
        NotFound: no such department, or they are not in it.
        Conflict: superiors would go in a circle; names the path.
        Forbidden: the permission ORGANISATION:UPDATE is missing.
    """
    with transaction(server, actor) as tx:
        authorize(actor, RESOURCE, "UPDATE", department_id)
        organisation = lock_organisation(tx)
        check_place(organisation, department_id)
        after = without_membership(organisation, department_id, username)
        if len(after.memberships) == len(organisation.memberships):
            message = f"Expected '{username}' to be in department '{department_id}', but they are not"
            raise NotFound(message)
        write_organisation(tx, organisation, after)
        audit_memberships(tx, organisation, after, username)


@command
def name_superior(server: Server, actor: Actor, username: str, superior: str | None) -> None:
    """Names a person's superior; None leaves it to the heads of their department and those above.

    Raises:
        NotFound: no such person, or the superior has left.
        Conflict: superiors would go in a circle; names the path.
        Forbidden: the permission ORGANISATION:UPDATE is missing.
    """
    with transaction(server, actor) as tx:
        authorize(actor, RESOURCE, "UPDATE", username)
        organisation = lock_organisation(tx)
        check_person(organisation, username)
        if superior is not None:
            check_person(organisation, superior, active=True)
        after = with_superior(organisation, username, superior)
        write_organisation(tx, organisation, after)
        audit_superior(tx, organisation, after, username)


@command
def set_activity(server: Server, actor: Actor, username: str, *, active: bool) -> None:
    """Whether a person works here: whoever has left cannot sign in, is nobody's superior and is not asked to sign.

    What they head and where they belong stays as it is, for when they come back.

    Raises:
        NotFound: there is no such person.
        Conflict: the last administrator, or superiors would go in a circle when they come back.
        Forbidden: the permission USER:UPDATE is missing.
    """
    with transaction(server, actor) as tx:
        authorize(actor, "USER", "UPDATE", username)
        organisation = lock_organisation(tx)
        check_person(organisation, username)
        before = organisation.people[username]
        if active:
            after = replace(organisation, people={**organisation.people, username: replace(before, active=True)})
            check_organisation(after)
        write_activity(tx, before, active=active)


def write_activity(tx: Transaction, before: Person, *, active: bool) -> None:
    """Writes and notes whether a person works here.

    Raises:
        Conflict: the last administrator would have left.
    """
    identities.update_user(tx.connection, before.username, {"active": active})
    check_administrator(tx)
    told = told_change({"active": before.active}, {"active": active})
    tx.audit(Entity.USER, Operation.UPDATE, before.username, description=told)


def audit_memberships(tx: Transaction, before: Organisation, after: Organisation, username: str) -> None:
    """Notes each department of a person that is new, gone or otherwise."""
    old = {one.department_id: asdict(one) for one in before.by_person.get(username, ())}
    new = {one.department_id: asdict(one) for one in after.by_person.get(username, ())}
    for department_id in dict.fromkeys([*old, *new]):
        told = told_change(old.get(department_id, {}), new.get(department_id, {}))
        if told:
            tx.audit(
                Entity.GROUP,
                Operation.ASSIGN if department_id in new else Operation.UNASSIGN,
                department_id,
                related_type=Entity.USER,
                related_key=username,
                description=f"department member: {told}",
            )


def audit_superior(tx: Transaction, before: Organisation, after: Organisation, username: str) -> None:
    """Notes that another superior, or none, is named for a person."""
    told = told_change({"superior": before.superiors.get(username)}, {"superior": after.superiors.get(username)})
    if told:
        tx.audit(Entity.USER, Operation.UPDATE, username, description=told)
