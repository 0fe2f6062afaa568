"""Deploying files: all of them, or none with every finding."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bpm_server import bpmn, dmn, feel
from bpm_server.bpmn import timers as timer_texts
from bpm_server.bpmn.model import MessageEvent, SignalEvent, TimerEvent
from bpm_server.domain import forms
from bpm_server.kernel.errors import InvalidInput
from bpm_server.kernel.findings import Finding, RefusedFile
from bpm_server.services.authorization import authorize
from bpm_server.services.transaction import command, transaction
from bpm_server.store import definitions as store
from bpm_server.store import moments, rows
from bpm_server.store.tables import definitions as t
from bpm_server.store.tables.jobs import timer
from bpm_server.store.tables.messages import subscription

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpm_server.bpmn import Diagram, Process
    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction

KINDS = {".bpmn": "bpmn", ".dmn": "dmn", ".form": "form"}
BPMN_SUFFIXES = (".bpmn", ".bpmn20.xml")


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
    requirements_id: str | None = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a deployment made."""

    key: int
    definitions: tuple[Deployed, ...]
    findings: tuple[Finding, ...]


@dataclass(slots=True)
class _File:
    name: str
    content: bytes
    kind: str
    digest: str
    diagram: Diagram | None = None
    model: dmn.Model | None = None
    form: forms.Form | None = None
    findings: list[Finding] = field(default_factory=list)


def kind_of(name: str) -> str:
    """``bpmn``, ``dmn``, ``form``, or ``file`` for anything else, by the end of the name."""
    lower = name.lower()
    if lower.endswith(BPMN_SUFFIXES):
        return "bpmn"
    for suffix, kind in KINDS.items():
        if lower.endswith(suffix):
            return kind
    return "file"


def read_files(files: Mapping[str, bytes]) -> list[Finding]:
    """Every finding of these files; nothing is deployed."""
    return [finding for name, content in files.items() for finding in _read(name, content).findings]


def _read(name: str, content: bytes) -> _File:
    file = _File(name, content, kind_of(name), hashlib.sha256(content).hexdigest())
    try:
        if file.kind == "bpmn":
            file.diagram = bpmn.read(content, name=name)
            file.findings = list(file.diagram.findings)
        elif file.kind == "dmn":
            file.model = dmn.load(content, name=name)
            file.findings = list(file.model.findings)
        elif file.kind == "form":
            file.form = forms.read(content, name=name)
            file.findings = list(file.form.findings)
    except RefusedFile as error:
        file.findings = list(error.findings)
    return file


@command
def deploy(
    server: Server, actor: Actor, files: Mapping[str, bytes], *, name: str | None = None, source: str | None = None
) -> Deployment:
    """Deploys files together: a definition whose content is unchanged keeps its version.

    Args:
        server: The server.
        actor: Who deploys.
        files: Content by file name.
        name: Of the deployment.
        source: Where it came from, for instance the program.

    Raises:
        InvalidInput: no file, or two files define the same id.
        RefusedFile: a file has errors; all findings of all files are in the details.
    """
    if not files:
        message = "Expected at least one file to deploy, but found none"
        raise InvalidInput(message)
    read = [_read(file_name, content) for file_name, content in files.items()]
    findings = tuple(finding for file in read for finding in file.findings)
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        message = f"Expected files without errors, but found {errors[0].as_text()}{more}"
        raise RefusedFile(message, findings)
    _check_unique(read)
    with transaction(server, actor) as tx:
        authorize(actor, "RESOURCE", "CREATE")
        key = server.new_key()
        made = _Deploying(tx, key).run(read)
        values = {"key": key, "name": name, "source": source, "deployed_at": tx.now, "deployed_by": actor.username}
        rows.insert(tx.connection, t.deployment, [values])
        moments.bump(tx.connection, "definition_version")
        tx.wake("timers")
    return Deployment(key, tuple(made), findings)


def _check_unique(files: list[_File]) -> None:
    seen: dict[tuple[str, str], str] = {}
    for file in files:
        for kind, key in _ids(file):
            if (kind, key) in seen:
                message = (
                    f"Expected {kind} '{key}' once in a deployment, but found it in {seen[kind, key]} and {file.name}"
                )
                raise InvalidInput(message)
            seen[kind, key] = file.name


def _ids(file: _File) -> list[tuple[str, str]]:
    if file.diagram is not None:
        return [("process", process.id) for process in file.diagram.processes if process.executable]
    if file.model is not None:
        return [("decision", decision.id) for decision in file.model.decisions]
    return [("form", file.form.id)] if file.form is not None else []


class _Deploying:
    """Writes the rows of one deployment."""

    def __init__(self, tx: Transaction, key: int) -> None:
        self.tx = tx
        self.key = key
        self.made: list[Deployed] = []

    def run(self, files: list[_File]) -> list[Deployed]:
        for file in files:
            if file.diagram is not None:
                self._processes(file, file.diagram)
            elif file.model is not None:
                self._decisions(file, file.model)
            elif file.form is not None:
                self._form(file, file.form)
            else:
                self._resource(file)
        return self.made

    def _resource(self, file: _File) -> int:
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
        if file.kind == "file":
            self.made.append(Deployed("resource", key, file.name, None, 1, None, file.name, file.digest, True))
        return key

    # --- processes --------------------------------------------------------------------------------------

    def _processes(self, file: _File, diagram: Diagram) -> None:
        executable = [process for process in diagram.processes if process.executable]
        last = store.last_versions(
            self.tx.connection, t.process_definition, "process_id", [process.id for process in executable]
        )
        resource_key = None
        for process in executable:
            previous = last.get(process.id)
            same = previous is not None and previous.digest == file.digest and previous.deleted_at is None
            if same and previous is not None and previous.resource_name == file.name:
                self._keep("process", previous, process.id, process.name, file)
                continue
            if resource_key is None:
                resource_key = self._resource(file)
            version = 1 if previous is None else previous.version + 1
            self._add_process(file, process, resource_key, version)

    def _keep(self, kind: str, row: Any, key: str, name: str | None, file: _File) -> None:
        self.made.append(
            Deployed(kind, row.key, key, name, row.version, row.version_tag, file.name, file.digest, False)
        )

    def _add_process(self, file: _File, process: Process, resource_key: int, version: int) -> None:
        key = self.tx.server.new_key()
        starts = process.starts()
        values = {
            "key": key,
            "process_id": process.id,
            "version": version,
            "name": process.name,
            "version_tag": process.version_tag,
            "resource_key": resource_key,
            "resource_name": file.name,
            "digest": file.digest,
            "deployment_key": self.key,
            "has_start_form": any(start.event is None and start.form is not None for start in starts),
            "startable": process.startable_in_tasklist and any(start.event is None for start in starts),
            "deleted_at": None,
        }
        rows.insert(self.tx.connection, t.process_definition, [values])
        self._replace_starts(process, key)
        self.made.append(
            Deployed(
                "process", key, process.id, process.name, version, process.version_tag, file.name, file.digest, True
            )
        )

    def _replace_starts(self, process: Process, key: int) -> None:
        """Only the latest version is started by messages, signals and timers."""
        connection, tx = self.tx.connection, self.tx
        old = [
            row.key for row in connection.execute(
                t.process_definition.select().where(t.process_definition.c.process_id == process.id)
            )
        ]  # fmt: skip
        for table in (subscription, timer):
            connection.execute(
                table.delete().where(table.c.process_definition_key.in_(old), table.c.instance_key.is_(None))
            )
        for start in process.starts():
            if isinstance(start.event, TimerEvent):
                values = first_start(start.event, tx)
                if values is not None:
                    due, repetitions = values
                    rows.insert(connection, timer, [_start_timer(tx, key, start.id, due, repetitions)])
            elif isinstance(start.event, MessageEvent | SignalEvent):
                kind = "message" if isinstance(start.event, MessageEvent) else "signal"
                name = _constant(start.event.name.evaluate({}, now=tx.now).value, f"{kind} name of '{start.id}'")
                rows.insert(connection, subscription, [_start_subscription(tx, process, key, start.id, kind, name)])

    # --- decisions and forms ----------------------------------------------------------------------------

    def _decisions(self, file: _File, model: dmn.Model) -> None:
        connection, tx = self.tx.connection, self.tx
        requirements_id = model.id or file.name
        last = store.last_versions(connection, t.decision_requirements, "requirements_id", [requirements_id])
        previous = last.get(requirements_id)
        if previous is not None and previous.digest == file.digest and previous.deleted_at is None:
            self._keep_decisions(file, model, previous)
            return
        requirements_key = tx.server.new_key()
        values = {
            "key": requirements_key,
            "requirements_id": requirements_id,
            "version": 1 if previous is None else previous.version + 1,
            "name": model.name,
            "resource_key": self._resource(file),
            "resource_name": file.name,
            "digest": file.digest,
            "deployment_key": self.key,
            "deleted_at": None,
        }
        rows.insert(connection, t.decision_requirements, [values])
        self.made.append(
            Deployed("requirements", requirements_key, requirements_id, model.name, values["version"], None, file.name,
                     file.digest, True)
        )  # fmt: skip
        ids = [decision.id for decision in model.decisions]
        versions = store.last_versions(connection, t.decision_definition, "decision_id", ids)
        for decision in model.decisions:
            known = versions.get(decision.id)
            row = {
                "key": tx.server.new_key(),
                "decision_id": decision.id,
                "version": 1 if known is None else known.version + 1,
                "name": decision.name,
                "version_tag": getattr(decision, "version_tag", None),
                "requirements_key": requirements_key,
                "deployment_key": self.key,
                "deleted_at": None,
            }
            rows.insert(connection, t.decision_definition, [row])
            self.made.append(
                Deployed("decision", row["key"], decision.id, decision.name, row["version"], row["version_tag"],
                         file.name, file.digest, True, requirements_key, requirements_id)
            )  # fmt: skip

    def _keep_decisions(self, file: _File, model: dmn.Model, requirements: Any) -> None:
        self.made.append(
            Deployed("requirements", requirements.key, requirements.requirements_id, requirements.name,
                     requirements.version, None, file.name, file.digest, False)
        )  # fmt: skip
        query = t.decision_definition.select().where(t.decision_definition.c.requirements_key == requirements.key)
        for row in self.tx.connection.execute(query):
            self.made.append(
                Deployed("decision", row.key, row.decision_id, row.name, row.version, row.version_tag, file.name,
                         file.digest, False, requirements.key, requirements.requirements_id)
            )  # fmt: skip
        del model

    def _form(self, file: _File, form: forms.Form) -> None:
        previous = store.last_versions(self.tx.connection, t.form_definition, "form_id", [form.id]).get(form.id)
        if previous is not None and previous.digest == file.digest and previous.deleted_at is None:
            self._keep("form", previous, form.id, None, file)
            return
        values = {
            "key": self.tx.server.new_key(),
            "form_id": form.id,
            "version": 1 if previous is None else previous.version + 1,
            "version_tag": form.version_tag,
            "resource_key": self._resource(file),
            "resource_name": file.name,
            "digest": file.digest,
            "deployment_key": self.key,
            "deleted_at": None,
        }
        rows.insert(self.tx.connection, t.form_definition, [values])
        self.made.append(
            Deployed(
                "form", values["key"], form.id, None, values["version"], form.version_tag, file.name, file.digest, True
            )
        )


def first_start(event: TimerEvent, tx: Transaction) -> tuple[Any, int | None] | None:
    """When a timer start is due first, and how often again; None for a date that has passed long ago or never.

    Raises:
        InvalidInput: the expression gives no date, duration or cycle.
    """
    text = _constant(feel.to_json(event.value.evaluate({}, now=tx.now).value), "timer of the start event")
    if event.kind == "date":
        return timer_texts.parse_date(text), 0
    if event.kind == "duration":
        return timer_texts.parse_duration(text).after(tx.now), 0
    cycle = timer_texts.parse_cycle(text)
    due = cycle.first(tx.now)
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
        "event_id": event_id,
        "interrupting": True,
        "chunk": 0,
        "opened_at": tx.now,
    }
