"""What a batch operation does to one item: the plain functions behind the single commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.domain.batch_operations import Kind
from bpm_server.services import deletion, incidents, process_instances

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bpm_server.services.transaction import Transaction


def _cancel(tx: Transaction, key: int, _plan: Any) -> None:
    process_instances.cancel(tx, key)


def _delete(tx: Transaction, key: int, _plan: Any) -> None:
    deletion.delete(tx, key)


def _resolve(tx: Transaction, key: int, _plan: Any) -> None:
    incidents.resolve(tx, key)


ACTS: Mapping[Kind, Callable[[Transaction, int, Any], None]] = {
    Kind.CANCEL_PROCESS_INSTANCE: _cancel,
    Kind.DELETE_PROCESS_INSTANCE: _delete,
    Kind.RESOLVE_INCIDENT: _resolve,
}
"""By kind: given the transaction of this one item, its key, and the operation's plan (JSON, None without)."""
