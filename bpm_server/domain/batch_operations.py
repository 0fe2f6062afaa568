"""Batch operations: what can be done to many instances, who may, and when it can be held or stopped.

A batch operation is a list of items that is made once, and the rights are those of who asked for it, at the time when
each item's turn comes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from bpm_server.domain.states import BatchOperationState
from bpm_server.kernel.errors import WrongState

if TYPE_CHECKING:
    from collections.abc import Iterable

RESOURCE = "BATCH"
UNFINISHED = (BatchOperationState.CREATED, BatchOperationState.ACTIVE, BatchOperationState.SUSPENDED)
RUNNING = (BatchOperationState.CREATED, BatchOperationState.ACTIVE)


class Kind(StrEnum):
    """What is done to each item."""

    CANCEL_PROCESS_INSTANCE = "CANCEL_PROCESS_INSTANCE"
    DELETE_PROCESS_INSTANCE = "DELETE_PROCESS_INSTANCE"
    RESOLVE_INCIDENT = "RESOLVE_INCIDENT"
    MODIFY_PROCESS_INSTANCE = "MODIFY_PROCESS_INSTANCE"
    MIGRATE_PROCESS_INSTANCE = "MIGRATE_PROCESS_INSTANCE"
    SUSPEND_PROCESS_INSTANCE = "SUSPEND_PROCESS_INSTANCE"
    RESUME_PROCESS_INSTANCE = "RESUME_PROCESS_INSTANCE"
    HANDOVER = "HANDOVER"
    """Of tasks of somebody who leaves, see ``domain.handover``; our own, no word of the contract."""

    @property
    def permission(self) -> str:
        """The right to ask for operations of this kind only; who may suspend may resume."""
        kind = Kind.SUSPEND_PROCESS_INSTANCE if self is Kind.RESUME_PROCESS_INSTANCE else self
        return f"CREATE_BATCH_OPERATION_{kind}"


class AskerKind(StrEnum):
    """Who asked for it."""

    USER = "USER"
    ANONYMOUS = "ANONYMOUS"


@dataclass(frozen=True, slots=True)
class LeasedItem:
    """An item that one worker has for a while. ``plan``: JSON text of what the kind needs to know beside the key."""

    operation_key: int
    item_key: int
    lease: str
    kind: Kind
    plan: str | None
    asker_kind: AskerKind
    asker: str


def check_state(key: int, state: str, act: str, allowed: Iterable[BatchOperationState]) -> None:
    """An operation can be held, let go on or stopped in some states only.

    Raises:
        WrongState: it is in another state.
    """
    if state not in tuple(allowed):
        message = f"Expected to {act} batch operation '{key}', but it is {state}"
        raise WrongState(message, retry=False)
