"""What is wrong with the field permissions of user tasks, as far as the files of one deployment tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.bpmn.formdata import EMBEDDED_FORM, FORM_FILE
from bpm_server.bpmn.model import NodeType, UserWork
from bpm_server.domain.forms.permissions import EVERY, PREFIX, Access, field_paths, read_permissions
from bpm_server.domain.forms.structure import parts_of
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput
from bpm_server.kernel.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bpm_server.bpmn.model import FormRef, Node, Process
    from bpm_server.services.deploying import DeployedFile

WORDS = ", ".join(Access)


def field_findings(files: Sequence[DeployedFile]) -> Iterator[tuple[DeployedFile, Finding]]:
    """Findings with the file of the task; forms that are deployed already are not looked at."""
    for file in files:
        for process in file.diagram.processes if file.diagram is not None else ():
            for node in process.nodes.values():
                if node.type is NodeType.USER_TASK and any(name.startswith(PREFIX) for name in node.properties):
                    for severity, rule, message in _of_task(files, process, node):
                        yield file, Finding(severity, rule, message, node.id, node.name, node.line, None, file.name)


def _of_task(files: Sequence[DeployedFile], process: Process, node: Node) -> Iterator[tuple[Any, str, str]]:
    reference = node.work.form if isinstance(node.work, UserWork) else None
    schema = None if reference is None else _schema(files, process, reference)
    paths = None if schema is None else list(field_paths(schema))
    for name, word in node.properties.items():
        if not name.startswith(PREFIX):
            continue
        field = name.removeprefix(PREFIX).strip()
        if word.strip() not in list(Access):
            yield "error", "field-permission-word", f"Expected '{name}' to be one of {WORDS}, but found '{word}'"
        if not parts_of(field):
            yield "error", "field-permission-field", f"Expected '{PREFIX}' with the key of a field, but found '{name}'"
        elif field != EVERY and paths is not None and not any(_leads_to(parts_of(field), path) for path in paths):
            yield "warning", "field-permission-field", f"Expected '{field}' to be a field of the form, but it has none"
    permissions = read_permissions(node.properties)
    told = {name.strip() for name in process.properties.get("summary", "").split(",")}
    for name in sorted(told & permissions.secrets(schema)) if permissions is not None else ():
        message = f"Expected '{name}' to be seen by everybody, as lists show it (summary), but this task keeps it back"
        yield "warning", "field-permission-summary", message


def _leads_to(wanted: tuple[str, ...], path: tuple[str, ...]) -> bool:
    return path[: len(wanted)] == wanted


def _schema(files: Sequence[DeployedFile], process: Process, reference: FormRef) -> dict[str, Any] | None:
    """The form's schema, where it is among the files."""
    key = "" if reference.key is None else reference.key.source
    if reference.form_id is None and not key.startswith(FORM_FILE):
        text = process.forms.get(key.removeprefix(EMBEDDED_FORM))
        return None if text is None else _parsed(text)
    name = key.removeprefix(FORM_FILE)
    for file in files:
        is_it = file.name == name if reference.form_id is None else file.form and file.form.id == reference.form_id
        if file.form is not None and is_it:
            return file.form.schema
    return None


def _parsed(text: str) -> dict[str, Any] | None:
    """An embedded form; one that is none has a finding of its own."""
    try:
        found = json.loads(text)
    except InvalidInput:
        return None
    return found if isinstance(found, dict) else None
