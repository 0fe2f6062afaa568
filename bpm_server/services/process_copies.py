"""Copies that a process sends at its approval nodes: ``approval.copyAtStart`` and ``approval.copyAtEnd``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.domain.approvals.node import Act
from bpm_server.domain.identity import SYSTEM
from bpm_server.domain.notifications import Kind
from bpm_server.kernel.errors import InvalidInput
from bpm_server.services.acts import note_act
from bpm_server.services.approval_signers import find_informed
from bpm_server.services.notifications import notify
from bpm_server.store.carbon_copies import insert_copies

if TYPE_CHECKING:
    from bpm_server.bpmn.model import Process
    from bpm_server.domain.property_values import Values
    from bpm_server.services.transaction import Transaction
    from bpm_server.store.approvals import ApprovalRow


def send_copies_of_process(
    tx: Transaction,
    process: Process,
    element_id: str,
    stored: ApprovalRow,
    root_key: int,
    name: str,
    values: Values,
) -> None:
    """Sends the copies that the process asks for; the history says so, and where its rules give no people."""
    case, task = stored.instance_key, stored.task_key
    try:
        people = find_informed(tx, process, element_id, name, stored.initiator, values)
    except InvalidInput as error:
        note_act(tx, Act.COPY, case, task, error.message, by=SYSTEM)
        return
    new = insert_copies(tx.connection, tx.server.new_key, root_key, people, None, tx.now) if people else []
    if new:
        note_act(tx, Act.COPY, case, task, people=new, by=SYSTEM)
        notify(tx, new, Kind.COPIED, root_key)
