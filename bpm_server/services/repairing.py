"""What ``bpm-server doctor --repair`` does: each repair is one transaction, and in the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.domain.audit import Entity, Operation
from bpm_server.domain.states import ElementState, JobState
from bpm_server.kernel import json
from bpm_server.services.advance import Advance
from bpm_server.services.authorization import authorize
from bpm_server.services.examining import examine_row
from bpm_server.services.reactions import bind_form, channel_of
from bpm_server.services.transaction import command, transaction
from bpm_server.store import approvals, outbox, suspension
from bpm_server.store import consistency as store
from bpm_server.store.recorded import Recorded
from bpm_server.store.strays import MENDS

if TYPE_CHECKING:
    from bpm_server.domain.consistency import Defect
    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction
    from bpm_server.store.batch import InstanceRow

TOPICS = ("jobs", "outside-jobs", "timers", "messages", "tasks", "batch-operations", "deliveries")
ENTITIES = {"job": Entity.JOB, "batch_operation": Entity.BATCH, "batch_operation_item": Entity.BATCH}
"""What a repaired row is about; else a process instance."""


@command
def repair_stray(server: Server, actor: Actor, defect: Defect) -> bool:
    """Mends one row that belongs to nobody; False where it is in order by now.

    Raises:
        Forbidden: the permission SYSTEM:UPDATE is missing.
    """
    with transaction(server, actor) as tx:
        authorize(actor, "SYSTEM", "UPDATE")
        if not MENDS[defect.rule](tx.connection, tx.moment, defect):
            return False
        entity = ENTITIES.get(defect.table or "", Entity.PROCESS_INSTANCE)
        key = defect.key if entity is not Entity.PROCESS_INSTANCE else defect.instance_key or defect.key
        description = f"repaired {defect.table}: {defect.rule}"
        tx.audit(entity, Operation.UPDATE, key or 0, instance_key=defect.instance_key, description=description)
        _wake(tx)
    return True


@command
def repair_instance(server: Server, actor: Actor, key: int) -> list[Defect]:
    """Makes the rows of one instance what its tokens need; examined once more under its lock.

    Returns:
        What was mended.

    Raises:
        NotFound: there is no such instance.
        Forbidden: the permission SYSTEM:UPDATE is missing.
    """
    with transaction(server, actor) as tx:
        authorize(actor, "SYSTEM", "UPDATE")
        row = tx.lock_instance(key)
        found = examine_row(server, tx.connection, tx.moment, row)
        mending = _Mending(tx, row)
        mended = [defect for defect in found if defect.repair is not None and mending.mend(defect)]
        if mended:
            rules = ", ".join(dict.fromkeys(f"{defect.table}: {defect.rule}" for defect in mended))
            tx.audit_instance(Entity.PROCESS_INSTANCE, Operation.UPDATE, key, row, description=f"repaired {rules}")
            _wake(tx)
    return mended


def _wake(tx: Transaction) -> None:
    for topic in TOPICS:
        tx.wake(topic)


class _Mending:
    """Repairs of one locked instance."""

    def __init__(self, tx: Transaction, row: InstanceRow) -> None:
        self._tx = tx
        self._row = row
        self._read: Recorded | None = None

    @property
    def _recorded(self) -> Recorded:
        """The journal's rows, read where a repair needs them."""
        if self._read is None:
            self._read = Recorded(self._tx.connection, self._row, self._tx.moment)
        return self._read

    def mend(self, defect: Defect) -> bool:
        """Mends one thing; False where the journal does not say how."""
        connection, key = self._tx.connection, self._row.key
        match defect.rule:
            case "missing-row":
                return self._write_again(defect.table or "", int(defect.key or 0), defect.place)
            case "row-without-token":
                self._end(defect)
            case "two-jobs":
                return self._cancel_others(int(defect.key or 0))
            case "other-element":
                self._set_element(int(defect.key or 0), defect.place)
            case "other-candidates":
                store.write_candidates(connection, int(defect.key or 0))
            case "suspended-otherwise":
                suspension.mark(connection, key, self._row.suspended_at)
            case "step-count":
                store.set_instance(connection, key, lock_version=defect.place)
            case "other-definition":
                store.set_instance(connection, key, **defect.place)
            case "incident-count":
                pass  # see below: other repairs change how many there are
        store.count_incidents(connection, key)
        return True

    def _end(self, defect: Defect) -> None:
        table = defect.table or ""
        t = store.TABLES[table]
        where = (t.c.instance_key == self._row.key) & (store.place_of(table) == defect.key)
        if isinstance(defect.place, tuple):
            where &= t.c.event_id == defect.place[1]
        store.end_row(self._tx.connection, table, where, self._tx.now)

    def _cancel_others(self, element_key: int) -> bool:
        kept = self._recorded.find("job", element_key)
        t = store.TABLES["job"]
        if kept:
            where = (t.c.element_key == element_key) & (t.c.key != kept[0]["key"])
            store.end_row(self._tx.connection, "job", where, self._tx.now)
        return bool(kept)

    def _set_element(self, key: int, element_id: str) -> None:
        t = store.TABLES["element_instance"]
        self._tx.connection.execute(t.update().where(t.c.key == key).values(element_id=element_id))

    def _write_again(self, table: str, element_key: int, place: Any) -> bool:
        found = self._recorded.find(table, element_key)
        if isinstance(place, tuple):
            found = [values for values in found if values["event_id"] == place[1]]
        if not found or (table == "element_instance" and found[0]["state"] != ElementState.ACTIVE):
            return False
        values = dict(found[0])
        if "suspended" in values:
            values["suspended"] = self._row.suspended
        if table == "job" and self._recorded.find("incident", element_key):
            values.update(state=JobState.FAILED, retries=0)  # its incident gives it new tries
        if table == "job":
            values["channel"] = self._channel(values)
        if table == "job" and outbox.has_delivery(self._tx.connection, values["key"]):
            out_of_reach = values["available_at"] + outbox.OUT_OF_REACH
            values.update(lease=outbox.HOLDER, available_at=out_of_reach)
        if table == "user_task":
            values["form_key"] = self._form_key(values)
            asked = approvals.asked_now(self._tx.connection, element_key)
            if asked is not None:
                values.update(assignee=None, candidate_users=json.dumps(asked), candidate_groups="[]")
        store.insert_again(self._tx.connection, table, values)
        if table == "user_task":
            store.write_candidates(self._tx.connection, element_key)
        store.count_incidents(self._tx.connection, self._row.key)
        return True

    def _channel(self, values: dict[str, Any]) -> str | None:
        """The channel by which our own workers find the job; None where it is for outside workers or the outbox."""
        connector = self._tx.server.connectors.find(values["type"])
        if values["kind"] == "async" or connector is None or connector.outbox:
            return None
        instance = Advance(self._tx).whole(self._row) if connector.url_input is not None else None
        return channel_of(connector, values["element_key"], instance)

    def _form_key(self, values: dict[str, Any]) -> int | None:
        """The form that the task would get now; a missing one is no reason to keep the task back."""
        tasks = self._tx.batch.tasks
        tasks[values["key"]] = dict(values)
        bind_form(Advance(self._tx), self._row, self._recorded.created[values["key"]])
        found: int | None = tasks.pop(values["key"])["form_key"]
        return found
