"""Moving the tokens of an instance by hand."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bpm_server import engine
from bpm_server.domain.audit import Entity, Operation
from bpm_server.domain.suspension import waits_until_resumed
from bpm_server.kernel.errors import NotFound, WrongState
from bpm_server.services.advance import Advance
from bpm_server.services.authorization import authorize
from bpm_server.services.transaction import command, transaction

if TYPE_CHECKING:
    from bpm_server.domain import commands as c
    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction
    from bpm_server.store.batch import InstanceRow


@command
def modify_instance(server: Server, actor: Actor, key: int, plan: c.ModifyInstance) -> None:
    """Activates, moves and terminates elements of an active instance; all of it or nothing.

    Raises:
        NotFound: there is no such instance that has not ended.
        InvalidInput: an element that is not there or cannot be activated, an unclear scope, nothing to do.
        WrongState: an element instance is not active, the instance is suspended, or it was called by another one and
            would end.
        Forbidden: the permission MODIFY_PROCESS_INSTANCE is missing.
    """
    with transaction(server, actor) as tx:
        row = tx.lock_instance(key)
        authorize(actor, "PROCESS_DEFINITION", "MODIFY_PROCESS_INSTANCE", row.process_id)
        modify(tx, row, plan)


def modify(tx: Transaction, row: InstanceRow, plan: c.ModifyInstance) -> None:
    """See :func:`modify_instance`; ``row`` is locked."""
    _check_active(row)
    tx.audit_instance(Entity.PROCESS_INSTANCE, Operation.MODIFY, row.key, row)
    advance = Advance(tx)
    advance.run(row, plan)
    if row.parent_key is not None and advance.has_ended(row):
        message = (
            f"Expected process instance '{row.key}' to go on, but nothing would be active in it, and "
            f"'{row.parent_key}' waits for it: activate something too"
        )
        raise WrongState(message, retry=False)


def _check_active(row: InstanceRow) -> None:
    if row.ended_at is not None:
        message = f"Expected to modify process instance '{row.key}', but it is {row.state}"
        raise NotFound(message)


@dataclass(frozen=True, slots=True)
class ModificationCheck:
    """What a modification would lead to.

    Attributes:
        active: Element ids of the leaves that would be active afterwards, with how many of each.
        concerns: Parallel joins that would not get their tokens and get them now.
    """

    active: dict[str, int]
    ends: bool
    concerns: tuple[engine.Concern, ...]


@command
def check_modification(server: Server, actor: Actor, key: int, plan: c.ModifyInstance) -> ModificationCheck:
    """Tries :func:`modify_instance` on a copy; changes nothing.

    Raises:
        NotFound, InvalidInput, WrongState, Forbidden: as :func:`modify_instance`.
    """
    with transaction(server, actor) as tx:
        row = tx.lock_instance(key)
        authorize(actor, "PROCESS_DEFINITION", "MODIFY_PROCESS_INSTANCE", row.process_id)
        _check_active(row)
        if row.suspended:
            waits_until_resumed(plan, key)
        instance, context = Advance(tx).on_trial(row)
        before = set(engine.concerns(instance))
        outcome = engine.advance(instance, plan, context)
        if outcome.finished:
            return ModificationCheck({}, True, ())
        leaves = [one.task_spec for one in outcome.instance.tasks.values() if not one.children]
        active = Counter(one.element_id for one in leaves if one.announces)
        found = [one for one in engine.concerns(outcome.instance) if one not in before]
        return ModificationCheck(dict(active), False, tuple(found))
