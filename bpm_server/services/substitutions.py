"""Substitutes and absences: appointing and withdrawing them, one's own or by right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.domain.audit import Entity, Operation
from bpm_server.domain.substitutions import Mode, Substitution, check_substitution
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput, NotFound, WrongState
from bpm_server.services.authorization import authorize
from bpm_server.services.organisations import RESOURCE, check_person, lock_organisation
from bpm_server.services.transaction import command, transaction
from bpm_server.store import organisation as store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from decimal import Decimal

    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server


@command
def appoint_substitute(
    server: Server,
    actor: Actor,
    username: str,
    substitute: str | None,
    *,
    mode: Mode = Mode.ABSENCE,
    begins_at: datetime | None = None,
    ends_at: datetime | None = None,
    processes: Sequence[str] | None = None,
    most_amount: Decimal | None = None,
    reason: str | None = None,
) -> int:
    """Lets somebody act for a person, or notes that a person is away; see ``domain.substitutions.Substitution``.

    Without ``begins_at`` it counts from now on.

    Raises:
        NotFound: no such person, or the substitute has left.
        InvalidInput: the parts do not fit together, or it is over already.
        Conflict: another one counts at that time, or substitutes would go in a circle.
        Forbidden: somebody else's, and the permission ORGANISATION:UPDATE is missing.
    """
    with transaction(server, actor) as tx:
        if actor.username != username:
            authorize(actor, RESOURCE, "UPDATE", username)
        organisation = lock_organisation(tx)
        check_person(organisation, username)
        if substitute is not None:
            check_person(organisation, substitute, active=True)
        if ends_at is not None and ends_at <= tx.now:
            message = f"Expected an end that is to come, but found {json.timestamp(ends_at)}"
            raise InvalidInput(message, field="endsAt")
        new = Substitution(
            server.new_key(),
            username,
            substitute,
            mode,
            begins_at or tx.now,
            ends_at,
            None if processes is None else tuple(dict.fromkeys(processes)),
            most_amount,
        )
        check_substitution(new, organisation)
        store.insert_substitution(tx.connection, new, reason=reason, now=tx.now, actor=actor.username)
        tx.audit(
            Entity.USER,
            Operation.ASSIGN,
            username,
            related_type=None if substitute is None else Entity.USER,
            related_key=substitute,
            description=_told(new),
        )
    return new.key


def _told(one: Substitution) -> str:
    end = "withdrawn" if one.ends_at is None else json.timestamp(one.ends_at)
    limit = "" if one.most_amount is None else f", up to {one.most_amount}"
    processes = "all processes" if one.processes is None else ", ".join(one.processes)
    return f"substitute ({one.mode}) from {json.timestamp(one.begins_at)} until {end}{limit}, for {processes}"


@command
def withdraw_substitute(server: Server, actor: Actor, key: int) -> None:
    """Ends a substitution or absence now, or before it begins.

    Raises:
        NotFound: there is none of this key.
        WrongState: it is over already.
        Forbidden: somebody else's, and the permission ORGANISATION:UPDATE is missing.
    """
    with transaction(server, actor) as tx:
        lock_organisation(tx)
        found = store.find_substitution(tx.connection, key)
        if found is None:
            message = f"Expected to find substitution '{key}', but there is none"
            raise NotFound(message)
        if actor.username != found.username:
            authorize(actor, RESOURCE, "UPDATE", found.username)
        over = found.withdrawn_at or found.ends_at
        if over is not None and (found.withdrawn_at is not None or over <= tx.now):
            message = f"Expected to withdraw substitution '{key}', but it is over since {json.timestamp(over)}"
            raise WrongState(message)
        store.withdraw_substitution(tx.connection, key, tx.now, actor.username)
        tx.audit(
            Entity.USER,
            Operation.UNASSIGN,
            found.username,
            related_type=None if found.substitute is None else Entity.USER,
            related_key=found.substitute,
            description=f"substitute ({found.mode}) since {json.timestamp(found.begins_at)}",
        )
