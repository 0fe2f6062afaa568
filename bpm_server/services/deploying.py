"""The rows of one deployment: definitions with their versions, and what starts them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bpm_server import bpmn, feel
from bpm_server.bpmn import timers as timer_texts
from bpm_server.bpmn.model import ConditionalEvent, MessageEvent, SignalEvent, TimerEvent
from bpm_server.kernel.errors import InvalidInput
from bpm_server.store import definitions as store
from bpm_server.store import rows
from bpm_server.store.tables import definitions as t
from bpm_server.store.tables.jobs import timer
from bpm_server.store.tables.messages import subscription

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy.engine import Connection

    from bpm_server import dmn
    from bpm_server.bpmn import Diagram, Process
    from bpm_server.domain import forms
    from bpm_server.kernel.findings import Finding
    from bpm_server.services.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Deployed:
    """One definition of a deployment. ``is_new``: False where the same content was the latest already."""

    kind: str
    key: int
    id: str
    name: str | None
    version: int
    version_tag: str | None
    resource_name: str
    digest: str
    is_new: bool
    requirements_key: int | None = None


@dataclass(slots=True)
class DeployedFile:
    """A file of a deployment, read.

    Attributes:
        digest: SHA-256 of the content.
        imported: Names and digests of the files of the deployment that a DMN file imports, directly or through others.
    """

    name: str
    content: bytes
    kind: str
    digest: str
    diagram: Diagram | None = None
    model: dmn.Model | None = None
    form: forms.Form | None = None
    findings: list[Finding] = field(default_factory=list)
    imported: dict[str, str] = field(default_factory=dict)

    @property
    def definition_digest(self) -> str:
        """Changes with the content and with that of imported files."""
        if not self.imported:
            return self.digest
        return hashlib.sha256("".join([self.digest, *sorted(self.imported.values())]).encode()).hexdigest()


class Deploying:
    """Writes the rows of one deployment."""

    def __init__(self, tx: Transaction, key: int) -> None:
        self.tx = tx
        self.key = key
        self.made: list[Deployed] = []
        self._keeps = False

    def run(self, files: list[DeployedFile]) -> list[Deployed]:
        """Writes everything; the definitions in the order of the files.

        What is deployed together is versioned together, as in Camunda 8: either nothing has changed and all
        definitions stay what they are, or all get a new version, so that bindings to the deployment find them.
        """
        self._keeps = all(self._is_known(file) for file in files)
        for file in files:
            if file.diagram is not None:
                self._processes(file, file.diagram)
            elif file.model is not None:
                self._decisions(file, file.model)
            elif file.form is not None:
                self._form(file, file.form)
            else:
                key = self._resource(file)
                self.made.append(Deployed("resource", key, file.name, None, 1, None, file.name, file.digest, True))
        return self.made

    def _is_known(self, file: DeployedFile) -> bool:
        """Whether the newest versions of all its definitions have this content."""
        if file.diagram is not None:
            ids = [process.id for process in file.diagram.processes if process.executable]
            return all(_is_same(self._newest(t.process_definition, "process_id", key), file) for key in ids)
        if file.model is not None:
            key = file.model.id or file.name
            return _is_same(self._newest(t.decision_requirements, "requirements_id", key), file)
        if file.form is not None:
            return _is_same(self._newest(t.form_definition, "form_id", file.form.id), file)
        return False

    def _resource(self, file: DeployedFile) -> int:
        key = self.tx.server.new_key()
        values = {
            "key": key,
            "deployment_key": self.key,
            "name": file.name,
            "kind": file.kind,
            "digest": file.digest,
            "content": file.content,
        }
        rows.insert(self.tx.connection, t.resource, [values])
        return key

    def _newest(self, table: sa.Table, column: str, key: str) -> Any:
        return store.last_versions(self.tx.connection, table, column, [key]).get(key)

    def _add(self, kind: str, table: sa.Table, file: DeployedFile, values: dict[str, Any], id_column: str) -> None:
        """Inserts one definition."""
        row = {"key": self.tx.server.new_key(), "deployment_key": self.key, "deleted_at": None, **values}
        rows.insert(self.tx.connection, table, [row])
        self.made.append(_deployed(kind, row, id_column, file, is_new=True))

    def _keep(self, kind: str, row: Any, file: DeployedFile, id_column: str) -> None:
        """The content is unchanged: the definition stays what it is."""
        self.made.append(_deployed(kind, dict(row._mapping), id_column, file, is_new=False))

    # --- processes --------------------------------------------------------------------------------------

    def _processes(self, file: DeployedFile, diagram: Diagram) -> None:
        resource_key = None
        for process in diagram.processes:
            if not process.executable:
                continue
            previous = self._newest(t.process_definition, "process_id", process.id)
            if self._keeps:
                self._keep("process", previous, file, "process_id")
                continue
            resource_key = resource_key or self._resource(file)
            starts = process.starts()
            values = {
                "process_id": process.id,
                "version": _next(previous),
                "name": process.name,
                "version_tag": process.version_tag,
                "resource_key": resource_key,
                "resource_name": file.name,
                "digest": file.digest,
                "has_start_form": any(start.event is None and start.form is not None for start in starts),
                "startable": process.startable_in_tasklist and any(start.event is None for start in starts),
            }
            self._add("process", t.process_definition, file, values, "process_id")
            replace_starts(self.tx, process, self.made[-1].key)

    # --- decisions and forms ----------------------------------------------------------------------------

    def _decisions(self, file: DeployedFile, model: dmn.Model) -> None:
        requirements_id = model.id or file.name
        previous = self._newest(t.decision_requirements, "requirements_id", requirements_id)
        if self._keeps:
            self._keep("requirements", previous, file, "requirements_id")
            query = t.decision_definition.select().where(t.decision_definition.c.requirements_key == previous.key)
            for row in self.tx.connection.execute(query):
                self._keep("decision", row, file, "decision_id")
            return
        values = {
            "requirements_id": requirements_id,
            "version": _next(previous),
            "name": model.name,
            "resource_key": self._resource(file),
            "resource_name": file.name,
            "digest": file.definition_digest,
        }
        self._add("requirements", t.decision_requirements, file, values, "requirements_id")
        requirements_key = self.made[-1].key
        for decision in model.decisions:
            known = self._newest(t.decision_definition, "decision_id", decision.id)
            version_row = {
                "decision_id": decision.id,
                "version": _next(known),
                "name": decision.name,
                "version_tag": decision.version_tag or None,
                "requirements_key": requirements_key,
            }
            self._add("decision", t.decision_definition, file, version_row, "decision_id")

    def _form(self, file: DeployedFile, form: forms.Form) -> None:
        previous = self._newest(t.form_definition, "form_id", form.id)
        if self._keeps:
            self._keep("form", previous, file, "form_id")
            return
        values = {
            "form_id": form.id,
            "version": _next(previous),
            "version_tag": form.version_tag,
            "resource_key": self._resource(file),
            "resource_name": file.name,
            "digest": file.digest,
        }
        self._add("form", t.form_definition, file, values, "form_id")


def _next(previous: Any) -> int:
    return 1 if previous is None else int(previous.version) + 1


def _is_same(previous: Any, file: DeployedFile) -> bool:
    return (
        previous is not None
        and previous.digest == file.definition_digest
        and previous.resource_name == file.name
        and previous.deleted_at is None
    )


def _deployed(kind: str, row: dict[str, Any], id_column: str, file: DeployedFile, *, is_new: bool) -> Deployed:
    return Deployed(
        kind=kind,
        key=row["key"],
        id=row[id_column],
        name=row.get("name"),
        version=row["version"],
        version_tag=row.get("version_tag"),
        resource_name=file.name,
        digest=file.digest,
        is_new=is_new,
        requirements_key=row.get("requirements_key"),
    )


def replace_starts(tx: Transaction, process: Process, key: int) -> None:
    """Only this version of the process is started by messages, signals, conditions and timers from now on."""
    connection = tx.connection
    _drop_starts(connection, process.id)
    for start in process.starts():
        if isinstance(start.event, TimerEvent):
            first = first_start(start.event, tx)
            if first is not None:
                rows.insert(connection, timer, [_start_timer(tx, key, start.id, *first)])
        elif isinstance(start.event, MessageEvent | SignalEvent):
            kind = "message" if isinstance(start.event, MessageEvent) else "signal"
            name = _constant(start.event.name.evaluate({}, now=tx.now).value, f"{kind} name of '{start.id}'")
            rows.insert(connection, subscription, [_start_subscription(tx, process, key, start.id, kind, name)])
        elif isinstance(start.event, ConditionalEvent):
            rows.insert(connection, subscription, [_start_subscription(tx, process, key, start.id, "condition", "")])


def _drop_starts(connection: Connection, process_id: str) -> None:
    query = t.process_definition.select().where(t.process_definition.c.process_id == process_id)
    old = [row.key for row in connection.execute(query)]
    for table in (subscription, timer):
        connection.execute(
            table.delete().where(table.c.process_definition_key.in_(old), table.c.instance_key.is_(None))
        )


def audited(kind: str, key: int, identifier: str) -> dict[str, Any]:
    """Where the audit log names a definition or file of this kind (columns of ``store.tables.audit``)."""
    keys, ids = _AUDITED[kind]
    return {keys: key} if ids is None else {keys: key, ids: identifier}


_AUDITED = {
    "process": ("process_definition_key", "process_id"),
    "decision": ("decision_key", "decision_id"),
    "requirements": ("requirements_key", "requirements_id"),
    "form": ("form_key", None),
    "resource": ("resource_key", None),
}


def restore_starts(tx: Transaction, process_id: str) -> None:
    """A version was deleted: the latest that is left is started by messages, signals and timers."""
    _drop_starts(tx.connection, process_id)
    left = store.find_process_by_id(tx.connection, process_id)
    if left is not None:
        diagram = bpmn.read(store.content(tx.connection, left.resource_key), name=left.resource_name)
        replace_starts(tx, diagram.process(process_id), left.key)


def first_start(event: TimerEvent, tx: Transaction) -> tuple[Any, int | None] | None:
    """When a timer start is due first, and how often again; None for a date that has passed long ago or never.

    Raises:
        InvalidInput: the expression gives no date, duration or cycle.
    """
    text = _constant(feel.to_json(event.value.evaluate({}, now=tx.now).value), "timer of the start event")
    if event.kind == "date":
        return timer_texts.parse_date(text), 0
    now = tx.now.astimezone(tx.server.settings.zone())
    if event.kind == "duration":
        return timer_texts.parse_duration(text).after(now), 0
    cycle = timer_texts.parse_cycle(text)
    due = cycle.first(now)
    if due is None or cycle.repetitions == 0:
        return None
    return due, None if cycle.repetitions is None else cycle.repetitions - 1


def _constant(value: Any, what: str) -> str:
    """Start events have no variables: their expressions must give text by themselves."""
    if not isinstance(value, str) or not value:
        message = f"Expected {what} to be text, but found {value!r}"
        raise InvalidInput(message)
    return value


def _start_timer(tx: Transaction, key: int, event_id: str, due: Any, repetitions: int | None) -> dict[str, Any]:
    return {
        "key": tx.server.new_key(),
        "instance_key": None,
        "process_definition_key": key,
        "element_key": None,
        "event_id": event_id,
        "due_at": due,
        "repetitions": repetitions,
        "suspended": False,
        "chunk": 0,
        "failures": 0,
    }


def _start_subscription(
    tx: Transaction, process: Process, key: int, event_id: str, kind: str, name: str
) -> dict[str, Any]:
    return {
        "key": tx.server.new_key(),
        "kind": kind,
        "name": name,
        "correlation_key": None,
        "instance_key": None,
        "process_definition_key": key,
        "process_id": process.id,
        "element_key": None,
        "suspended": False,
        "event_id": event_id,
        "interrupting": True,
        "chunk": 0,
        "opened_at": tx.now,
    }
