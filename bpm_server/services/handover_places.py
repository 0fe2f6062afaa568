"""The organisation's part of a handover: departments, superiors and substitutions that name who leaves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bpm_server.domain.audit import Entity, Operation
from bpm_server.domain.handover import Kept, Place, What, move_places
from bpm_server.domain.substitutions import check_substitution
from bpm_server.kernel import json
from bpm_server.kernel.errors import Conflict, InvalidInput
from bpm_server.services.departments import audit_department
from bpm_server.services.organisations import RESOURCE, write_organisation
from bpm_server.services.people import audit_superior
from bpm_server.store import organisation as store

if TYPE_CHECKING:
    from bpm_server.domain.handover import Handover
    from bpm_server.domain.organisation import Organisation
    from bpm_server.domain.substitutions import Substitution
    from bpm_server.services.transaction import Transaction


def hand_over_places(
    tx: Transaction, organisation: Organisation, handover: Handover
) -> tuple[list[Place], list[Kept]]:  # fmt: skip
    """The successor takes the person's places, as far as the actor may change them; what stays is told with why.

    Args:
        tx: The transaction.
        organisation: Locked.
        handover: Whose places.
    """
    person, heir = handover.person, handover.successor
    moved = move_places(organisation, person, heir, lambda name: tx.actor.may(RESOURCE, "UPDATE", name))
    after = moved.organisation
    write_organisation(tx, organisation, after)
    for place in moved.places:
        if place.what is What.DEPARTMENT:
            before, now = organisation.departments[place.name], after.departments[place.name]
            audit_department(tx, Operation.UPDATE, before, now)
        else:
            audit_superior(tx, organisation, after, place.name)
    places, kept = list(moved.places), list(moved.kept)
    for one in [one for one in organisation.substitutions if person in (one.username, one.substitute)]:
        after = replace(after, substitutions=tuple(other for other in after.substitutions if other.key != one.key))
        place = Place(What.SUBSTITUTION, str(one.key))
        _end(tx, one)
        new, reason = (None, None) if one.username == person else _succeed(tx, after, one, heir)
        if new is not None:
            after = replace(after, substitutions=(*after.substitutions, new))
        if reason is None:
            places.append(place)
        else:
            kept.append(Kept(place.what, place.name, reason))
    return places, kept


def _end(tx: Transaction, one: Substitution) -> None:
    store.withdraw_substitution(tx.connection, one.key, tx.now, tx.actor.username)
    _audit(tx, Operation.UNASSIGN, one)


def _succeed(
    tx: Transaction, organisation: Organisation, one: Substitution, heir: str
) -> tuple[Substitution | None, str | None]:  # fmt: skip
    """The successor acts for whom the person acted; None and why where they cannot, and nobody acts any more."""
    begins_at = max(one.begins_at, tx.now)
    new = replace(one, key=tx.server.new_key(), substitute=heir, begins_at=begins_at)
    try:
        check_substitution(new, organisation)
    except (Conflict, InvalidInput) as error:
        return None, error.message
    reason = f"in the place of {one.substitute}"
    store.insert_substitution(tx.connection, new, reason=reason, now=tx.now, actor=tx.actor.username)
    _audit(tx, Operation.ASSIGN, new)
    return new, None


def _audit(tx: Transaction, operation: Operation, one: Substitution) -> None:
    tx.audit(
        Entity.USER,
        operation,
        one.username,
        related_type=None if one.substitute is None else Entity.USER,
        related_key=one.substitute,
        description=f"substitute ({one.mode}) since {json.timestamp(one.begins_at)}",
    )
