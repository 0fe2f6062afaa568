"""One active case for each business key, in installations that want it so (``BPM_UNIQUE_BUSINESS_IDS``).

As Camunda 8 has it: among the active instances of one process (all versions of it) that nobody called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.kernel.errors import AlreadyExists
from bpm_server.store import instances

if TYPE_CHECKING:
    from bpm_server.services.transaction import Transaction


def check_unique(tx: Transaction, process_id: str, business_key: str | None) -> None:
    """No active instance of this process may have this business key; held until the commit.

    Raises:
        AlreadyExists: one has; ``details`` name it.
    """
    if business_key is None or not tx.server.settings.unique_business_ids:
        return
    instances.lock_business_key(tx.connection, process_id, business_key)
    key = instances.find_active(tx.connection, process_id, business_key)
    if key is not None:
        message = (
            f"Expected no active instance of process '{process_id}' with business id '{business_key}', "
            f"but '{key}' has it"
        )
        raise AlreadyExists(message, processInstanceKey=str(key))
