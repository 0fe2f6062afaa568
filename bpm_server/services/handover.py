"""Handover: one act reassigns everything of a person who leaves.

What the organisation says of them changes at once, and they have left at once where that is wanted: so nothing new
reaches them while their tasks go over, one by one, as items of a batch operation.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from bpm_server.domain.audit import Entity, Operation
from bpm_server.domain.batch_operations import Kind as BatchKind
from bpm_server.domain.handover import Handover, check_handover
from bpm_server.domain.notifications import Kind
from bpm_server.kernel.errors import InvalidInput
from bpm_server.services.authorization import authorize
from bpm_server.services.batch_operations import add_operation
from bpm_server.services.handover_places import hand_over_places
from bpm_server.services.notifications import notify
from bpm_server.services.organisations import RESOURCE, lock_organisation
from bpm_server.services.people import write_activity
from bpm_server.services.transaction import command, transaction
from bpm_server.store import handovers as store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction


@command
def start_handover(
    server: Server,
    actor: Actor,
    person: str,
    successor: str,
    note: str,
    *,
    by_process: Mapping[str, str] | None = None,
    leaves: bool = False,
) -> int:
    """Hands everything over that is open of a person; how far it is says the batch operation of this key.

    Drafts and private settings stay; so does what has ended.

    Args:
        server: The server.
        actor: Who hands over; their rights count for each task when its turn comes.
        person: Whose work it is, also of somebody who has left.
        successor: Who gets it.
        note: Why, for the history of every case.
        by_process: Other successors, by process id.
        leaves: The person has left from now on.

    Returns:
        The handover's key.

    Raises:
        Forbidden: the permission ORGANISATION:UPDATE is missing; or USER:UPDATE where the person leaves.
        NotFound: somebody is not known, or a successor has left.
        InvalidInput: no note, or the person as their own successor.
        Conflict: the last administrator would leave.
    """
    handover = Handover(person, successor, note, dict(by_process or {}))
    with transaction(server, actor) as tx:
        authorize(actor, RESOURCE, "UPDATE", person)
        if leaves:
            _check_leaving(actor, person)
        organisation = lock_organisation(tx)
        handover = check_handover(handover, organisation)
        key = add_operation(tx, BatchKind.HANDOVER, store.targets(person), handover.as_plan())
        places, kept = hand_over_places(tx, organisation, handover)
        before = organisation.people[person]
        has_left = leaves and before.active
        if has_left:
            write_activity(tx, before, active=False)
        result = {"moved": [asdict(one) for one in places], "kept": [asdict(one) for one in kept]}
        store.insert_handover(
            tx.connection, key, person, has_left=has_left, plan=handover.as_plan(), result=result
        )  # fmt: skip
        for heir in handover.heirs:
            told = f"handover to '{heir}': {handover.note}"
            tx.audit(
                Entity.USER, Operation.UPDATE, person, related_type=Entity.USER, related_key=heir, description=told
            )
        _tell(tx, key, handover)
    return key


def _check_leaving(actor: Actor, person: str) -> None:
    """Whoever has left has no rights any more, and so could not go on with handing over."""
    authorize(actor, "USER", "UPDATE", person)
    if actor.username == person:
        message = f"Expected somebody else to say that '{person}' has left, but found themselves"
        raise InvalidInput(message, field="leaves")


def _tell(tx: Transaction, key: int, handover: Handover) -> None:
    """Each successor is told once; the notification goes with one of the cases that they get."""
    first: dict[str, int] = {}
    for process_id, instance_key in store.cases_by_process(tx.connection, key).items():
        first.setdefault(handover.heir(process_id), instance_key)
    for heir, instance_key in first.items():
        notify(tx, [heir], Kind.HANDOVER, instance_key, person=handover.person)
