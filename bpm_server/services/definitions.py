"""Compiled definitions, cached by digest in each process; which version is the latest, cached until a deployment."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bpm_server import bpmn, dmn, engine
from bpm_server.bpmn.formdata import EMBEDDED_FORM
from bpm_server.domain import forms
from bpm_server.domain.approvals.policy import comes_straight_back, is_approval
from bpm_server.domain.service_levels import has_service_level
from bpm_server.kernel import json
from bpm_server.kernel.errors import NotFound
from bpm_server.store import definitions as store

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Connection

    from bpm_server.domain.forms.permissions import Permissions
    from bpm_server.store.definitions import DecisionRow, FormRow, ProcessRow

MAX_COMPILED = 500


@dataclass(frozen=True, slots=True)
class CompiledProcess:
    """A process definition with its row.

    Attributes:
        comes_back: Whether an approval node of it takes corrected requests straight back.
        has_clocks: Whether a user task of it has a service level.
        has_approvals: Whether a user task of it is an approval node.
    """

    row: ProcessRow
    definition: engine.Definition
    comes_back: bool = False
    has_clocks: bool = False
    has_approvals: bool = False


@dataclass(frozen=True, slots=True)
class CompiledForm:
    """A form with the text of its schema."""

    form: forms.Form
    text: str

    def mentions(self, name: str) -> bool:
        """Whether the form can show a variable: its name occurs in the schema."""
        return name in self.text


class Definitions:
    """Immutable by key; "latest" is looked up anew after each deployment (``definition_version``)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._compiled: dict[tuple[str, str], Any] = {}
        self._rows: dict[tuple[str, Any], Any] = {}
        self._version = -1

    def _cached(self, version: int, kind: str, key: Any, read: Callable[[], Any]) -> Any:
        """Rows are read once per ``definition_version``; a missing one is remembered too."""
        with self._lock:
            if version != self._version:
                self._rows.clear()
                self._version = version
            if (kind, key) in self._rows:
                return self._rows[kind, key]
        row = read()
        with self._lock:
            if version == self._version:
                self._rows[kind, key] = row
        return row

    def _compile(self, kind: str, digest: str, make: Callable[[], Any]) -> Any:
        with self._lock:
            found = self._compiled.pop((kind, digest), None)
            if found is not None:
                self._compiled[kind, digest] = found  # most recently used last
                return found
        made = make()
        with self._lock:
            self._compiled[kind, digest] = made
            while len(self._compiled) > MAX_COMPILED:
                self._compiled.pop(next(iter(self._compiled)))
        return made

    # --- processes --------------------------------------------------------------------------------------

    def process(self, connection: Connection, version: int, key: int) -> CompiledProcess:
        """The process definition with this key.

        Raises:
            NotFound: there is none.
        """
        row = self._cached(version, "process", key, lambda: store.find_process(connection, key))
        if row is None:
            message = f"Expected to find process definition '{key}', but there is none"
            raise NotFound(message)
        return self._compiled_process(connection, row)

    def find_process(
        self,
        connection: Connection,
        version: int,
        process_id: str,
        *,
        number: int | None = None,
        version_tag: str | None = None,
        deployment_key: int | None = None,
    ) -> CompiledProcess | None:
        """The latest version of a process, or the one that the binding names; None where there is none."""
        wanted = (process_id, number, version_tag, deployment_key)
        row = self._cached(
            version,
            "process-id",
            wanted,
            lambda: store.find_process_by_id(connection, process_id, number, version_tag, deployment_key),
        )
        return None if row is None else self._compiled_process(connection, row)

    def _compiled_process(self, connection: Connection, row: ProcessRow) -> CompiledProcess:
        def make() -> tuple[engine.Definition, bool, bool, bool]:
            diagram = bpmn.read(store.content(connection, row.resource_key), name=row.resource_name)
            process = diagram.process(row.process_id)
            properties = [node.properties for node in process.nodes.values()]
            said = [any(map(asked, properties)) for asked in (comes_straight_back, has_service_level, is_approval)]
            return engine.compile_process(process, diagram.dialect), said[0], said[1], said[2]

        return CompiledProcess(row, *self._compile("process", f"{row.process_id}@{row.digest}", make))

    # --- decisions and forms ----------------------------------------------------------------------------

    def find_decision(
        self,
        connection: Connection,
        version: int,
        *,
        key: int | None = None,
        decision_id: str | None = None,
        number: int | None = None,
        version_tag: str | None = None,
        deployment_key: int | None = None,
    ) -> tuple[DecisionRow, dmn.Model] | None:
        """A decision and the model that holds it; None where there is none."""
        wanted = (key, decision_id, number, version_tag, deployment_key)
        row = self._cached(version, "decision", wanted, lambda: store.find_decision(connection, *wanted))
        if row is None:
            return None
        model = self._compile(
            "decision",
            row.digest,
            lambda: _load_model(connection, row),
        )
        return row, model

    def find_form(
        self,
        connection: Connection,
        version: int,
        form_id: str,
        *,
        version_tag: str | None = None,
        deployment_key: int | None = None,
    ) -> FormRow | None:
        """The form that a binding names; None where there is none."""
        wanted = (form_id, version_tag, deployment_key)
        row: FormRow | None = self._cached(version, "form", wanted, lambda: store.find_form(connection, *wanted))
        return row

    def find_form_file(self, connection: Connection, version: int, name: str, deployment_key: int) -> FormRow | None:
        """The form that a deployment left in a file of this name; None where there is none."""
        wanted = (name, deployment_key)
        row: FormRow | None = self._cached(
            version, "form-file", wanted, lambda: store.find_form_by_file(connection, *wanted)
        )
        return row

    def form(self, connection: Connection, version: int, key: int) -> CompiledForm | None:
        """The deployed form with this key; None where it has been deleted."""
        row: FormRow | None = self._cached(version, "form-key", key, lambda: store.find_form_by_key(connection, key))
        if row is None:
            return None
        made: CompiledForm = self._compile(
            "form", row.digest, lambda: _compiled_form(store.content(connection, row.resource_key).decode())
        )
        return made

    def embedded_form(self, process: CompiledProcess, form_key: str) -> CompiledForm | None:
        """The form in the BPMN file that a form key names; None where it names something else."""
        form_key = form_key.removeprefix(EMBEDDED_FORM)
        text = process.definition.process.forms.get(form_key)
        if text is None:
            return None
        name = f"{process.row.process_id}@{process.row.digest}#{form_key}"
        made: CompiledForm = self._compile("embedded-form", name, lambda: _compiled_form(text))
        return made

    def narrowed_form(self, form: CompiledForm, permissions: Permissions) -> CompiledForm:
        """The form by which a submission is checked of somebody who may not write all of it."""
        digest = hashlib.sha256(f"{permissions}{form.text}".encode()).hexdigest()

        def compiled() -> CompiledForm:
            return CompiledForm(forms.from_schema(permissions.narrowed_schema(form.form.schema)), form.text)

        made: CompiledForm = self._compile("narrowed-form", digest, compiled)
        return made


def _compiled_form(text: str) -> CompiledForm:
    schema = json.loads(text)
    return CompiledForm(forms.from_schema(schema), json.dumps(schema))


def _load_model(connection: Connection, row: DecisionRow) -> dmn.Model:
    """The model of a decision; what it imports was deployed with it."""

    def find(namespace: str, location: str) -> bytes | None:
        together = store.deployed_with(connection, row.resource_key, "dmn")
        return dmn.among(together)(namespace, location)

    return dmn.load(store.content(connection, row.resource_key), name=row.resource_name, imports=find, check=False)
