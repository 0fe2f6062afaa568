"""What nobody would ever finish: work of instances that have ended, and processes whose caller does not wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.snapshot import Snapshot

ENDS = {"user_task": "ended_at", "job": "ended_at", "element_instance": "ended_at", "incident": "resolved_at"}
"""What says that a row is over; rows of other tables are deleted then."""


def orphans(found: Snapshot) -> Iterator[str]:
    """Each with the place where it stands."""
    running = {row["key"] for row in found.rows("process_instance", ended_at=None)}
    active = {row["key"] for row in found.rows("element_instance", ended_at=None)}
    for table in (*ENDS, "timer", "subscription"):
        for row in found.rows(table, **({ENDS[table]: None} if table in ENDS else {})):
            if row["instance_key"] not in running:
                yield f"{table} {row['key']} of an ended instance"
            elif table == "user_task" and row["key"] not in active:
                yield f"{table} {row['key']} at {row['element_id']}, which has ended"
    for row in found.rows("process_instance", ended_at=None):
        if row["parent_key"] is not None and row["parent_element_key"] not in active:
            yield f"instance {row['key']} of {row['process_id']}, whose caller does not wait"
