"""What nobody would ever finish: work of instances that have ended, and processes whose caller does not wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.snapshot import Snapshot

OPEN = {
    "user_task": {"CREATED"}, "job": {"CREATED", "FAILED"}, "incident": {"ACTIVE"}, "element_instance": {"ACTIVE"},
}  # fmt: skip


def orphans(found: Snapshot) -> Iterator[str]:
    """Each with the place where it stands."""
    running = {row["key"] for row in found.rows("process_instance", ended_at=None)}
    active = {row["key"] for row in found.rows("element_instance", state="ACTIVE")}
    for table in (*OPEN, "timer", "subscription"):
        for row in found.rows(table):
            if row["instance_key"] not in running and row.get("state") in OPEN.get(table, {None}):
                yield f"{table} {row['key']} of an ended instance"
            elif table in ("user_task", "job") and row["state"] in OPEN[table] and _element(row) not in active:
                yield f"{table} {row['key']} at {row['element_id']}, which has ended"
    for row in found.rows("process_instance", ended_at=None):
        if row["parent_key"] is not None and row["parent_element_key"] not in active:
            yield f"instance {row['key']} of {row['process_id']}, whose caller does not wait"


def _element(row: dict[str, int]) -> int:
    return row["key"] if "element_key" not in row else row["element_key"]
