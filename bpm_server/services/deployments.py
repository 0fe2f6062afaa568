"""Deploying files: all of them, or none with every finding."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bpm_server import bpmn, dmn
from bpm_server.domain import forms
from bpm_server.domain.approvals.checking import approval_findings
from bpm_server.domain.audit import Entity, Operation
from bpm_server.domain.service_levels import service_level_findings
from bpm_server.kernel.errors import InvalidInput
from bpm_server.kernel.findings import RefusedFile
from bpm_server.services.authorization import authorize
from bpm_server.services.deploying import Deployed, DeployedFile, Deploying, audited
from bpm_server.services.field_findings import field_findings
from bpm_server.services.transaction import command, transaction
from bpm_server.store import moments, rows
from bpm_server.store.tables import definitions as t

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bpm_server.domain.identity import Actor
    from bpm_server.kernel.findings import Finding
    from bpm_server.services.server import Server

KINDS = {".bpmn": "bpmn", ".dmn": "dmn", ".form": "form"}
BPMN_SUFFIXES = (".bpmn", ".bpmn20.xml")


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a deployment made."""

    key: int
    definitions: tuple[Deployed, ...]
    findings: tuple[Finding, ...]


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
    return [finding for file in _read_all(files) for finding in file.findings]


def _read_all(files: Mapping[str, bytes]) -> list[DeployedFile]:
    """Every file with its findings, also those that two files together make."""
    read = [_read(name, content, files) for name, content in files.items()]
    for file, finding in list(field_findings(read)):
        file.findings.append(finding)
    return read


def _read(name: str, content: bytes, files: Mapping[str, bytes]) -> DeployedFile:
    file = DeployedFile(name, content, kind_of(name), hashlib.sha256(content).hexdigest())
    try:
        if file.kind == "bpmn":
            file.diagram = bpmn.read(content, name=name)
            file.findings = [
                *file.diagram.findings,
                *_embedded_findings(file.diagram, name),
                *approval_findings(file.diagram, name),
                *service_level_findings(file.diagram, name),
            ]
        elif file.kind == "dmn":
            file.model = dmn.load(content, name=name, imports=_noting(file, files))
            file.findings = list(file.model.findings)
        elif file.kind == "form":
            file.form = forms.read(content, name=name)
            file.findings = list(file.form.findings)
    except RefusedFile as error:
        file.findings = list(error.findings)
    return file


def _embedded_findings(diagram: bpmn.Diagram, name: str) -> list[Finding]:
    """What is wrong with the forms inside a diagram; each finding without a field of its own names its form."""
    found: list[Finding] = []
    for process in diagram.processes:
        for key, text in process.forms.items():
            try:
                findings = forms.read(text.encode(), name=name, embedded=True).findings
            except RefusedFile as error:
                findings = error.findings
            found += [replace(finding, element=finding.element or key) for finding in findings]
    return found


def _noting(file: DeployedFile, files: Mapping[str, bytes]) -> Callable[[str, str], bytes | None]:
    """Imports come from files of the same deployment; the file notes which."""
    others = {name: content for name, content in files.items() if name != file.name}

    def find(namespace: str, location: str) -> bytes | None:
        name = dmn.imported_file(others, namespace, location)
        if name is None:
            return None
        file.imported.setdefault(name, hashlib.sha256(others[name]).hexdigest())
        return others[name]

    return find


@command
def deploy(
    server: Server, actor: Actor, files: Mapping[str, bytes], *, name: str | None = None, source: str | None = None
) -> Deployment:
    """Deploys files together: where nothing has changed, all keep their version; else all get a new one.

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
    read = _read_all(files)
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
        made = Deploying(tx, key).run(read)
        values = {"key": key, "name": name, "source": source, "deployed_at": tx.now, "deployed_by": actor.username}
        rows.insert(tx.connection, t.deployment, [values])
        for one in made:
            about = audited(one.kind, one.key, one.id)
            tx.audit(
                Entity.RESOURCE, Operation.CREATE, one.key, deployment_key=key, description=one.resource_name, **about
            )
        moments.bump(tx.connection, "definition_version")
        tx.wake("timers")
    return Deployment(key, tuple(made), findings)


def _check_unique(files: list[DeployedFile]) -> None:
    seen: dict[tuple[str, str], str] = {}
    for file in files:
        for kind, key in _ids(file):
            if (kind, key) in seen:
                message = (
                    f"Expected {kind} '{key}' once in a deployment, but found it in {seen[kind, key]} and {file.name}"
                )
                raise InvalidInput(message)
            seen[kind, key] = file.name


def _ids(file: DeployedFile) -> list[tuple[str, str]]:
    if file.diagram is not None:
        return [("process", process.id) for process in file.diagram.processes if process.executable]
    if file.model is not None:
        return [("decision", decision.id) for decision in file.model.decisions]
    return [("form", file.form.id)] if file.form is not None else []
