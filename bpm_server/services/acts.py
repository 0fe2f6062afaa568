"""The history of approvals: what is not done on somebody's item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.domain.tasks import check_comment
from bpm_server.store import approvals as store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bpm_server.domain.approvals.node import Act
    from bpm_server.domain.identity import Actor
    from bpm_server.services.transaction import Transaction


def note_act(
    tx: Transaction,
    act: Act,
    instance_key: int,
    task_key: int | None = None,
    comment: str | None = None,
    *,
    people: Sequence[str] = (),
    by: Actor | None = None,
    place: str | None = None,
    before: Mapping[str, Any] | None = None,
) -> None:
    """Adds to the history what is not done on somebody's item; see ``store.approvals.ActRow``."""
    name, said = (by or tx.actor).username, check_comment(comment)
    row = store.ActRow(
        tx.server.new_key(), instance_key, task_key, act, name, tx.now, comment=said, people=people,
        place=place, before=before,
    )  # fmt: skip
    store.insert_acts(tx.connection, [row])
