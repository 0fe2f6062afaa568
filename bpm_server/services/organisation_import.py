"""Importing the organisation from a file: all of it or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.connectors.sealed_fields import EMAIL
from bpm_server.domain.audit import Entity, Operation
from bpm_server.domain.organisation_file import PERSON, plan_changes
from bpm_server.services.authorization import authorize
from bpm_server.services.organisations import RESOURCE, lock_organisation, write_organisation
from bpm_server.services.transaction import command, transaction
from bpm_server.services.users import check_administrator, insert_user
from bpm_server.store import identities

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor
    from bpm_server.domain.organisation_file import OrganisationFile, Plan
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction

ROLE = "staff"
"""Of people whom an import adds; they can sign in when they have a password."""


@command
def import_organisation(server: Server, actor: Actor, file: OrganisationFile) -> Plan:
    """Makes departments, positions and people those of a file; what it does not name stays as it is.

    Importing the same file again changes nothing.

    Raises:
        RefusedFile: the file does not fit; each finding names line and column.
        Conflict: the last administrator would be inactive.
        Forbidden: ORGANISATION:CREATE or ORGANISATION:UPDATE is missing, or for people USER:CREATE or USER:UPDATE.
    """
    with transaction(server, actor) as tx:
        for action in ("CREATE", "UPDATE"):
            authorize(actor, RESOURCE, action)
        before = lock_organisation(tx)
        emails = EMAIL.read_all(server.secrets, identities.stored_addresses(tx.connection))
        plan = plan_changes(before, emails, file)
        for change in plan.changes:
            if change.kind == PERSON:
                authorize(actor, "USER", "CREATE" if change.is_new else "UPDATE", change.id)
                _save_person(tx, plan, change.id, is_new=change.is_new)
            tx.audit(
                Entity.USER if change.kind == PERSON else Entity.GROUP,
                Operation.CREATE if change.is_new else Operation.UPDATE,
                change.id,
                description=f"{change.kind}: {change.told}",
            )
        write_organisation(tx, before, plan.after)
        check_administrator(tx)
    return plan


def _save_person(tx: Transaction, plan: Plan, username: str, *, is_new: bool) -> None:
    person = plan.after.people[username]
    if is_new:
        insert_user(tx, username, person.name, plan.new_emails.get(username), active=person.active)
        identities.set_roles(tx.connection, username, (ROLE,))
        return
    values: dict[str, Any] = {"name": person.name, "active": person.active}
    if username in plan.new_emails:
        values |= EMAIL.columns(tx.server.secrets, username, plan.new_emails[username])
    identities.update_user(tx.connection, username, values)
