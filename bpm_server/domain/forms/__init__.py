"""Forms: form-js schemas, read at deployment; what a submission must satisfy comes with ``forms.validate``.

Source: form-js schema, version 19.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput
from bpm_server.kernel.findings import Finding, RefusedFile


@dataclass(frozen=True, slots=True)
class Form:
    """A form: its id and the schema as it was deployed."""

    id: str
    version_tag: str | None
    schema: dict[str, Any]
    findings: tuple[Finding, ...]


def read(data: bytes, *, name: str) -> Form:
    """Reads a form-js schema.

    Raises:
        RefusedFile: not JSON, or not a form.
    """
    try:
        schema = json.loads_untrusted(data)
    except InvalidInput as error:
        raise _refuse(name, "form-json", error.message) from error
    if not isinstance(schema, dict) or not isinstance(schema.get("components"), list):
        raise _refuse(name, "form-schema", "no form: expected an object with components")
    form_id = schema.get("id")
    if not isinstance(form_id, str) or not form_id:
        raise _refuse(name, "form-id", "no id of the form")
    tag = schema.get("versionTag")
    return Form(form_id, tag if isinstance(tag, str) and tag else None, schema, ())


def _refuse(name: str, rule: str, message: str) -> RefusedFile:
    finding = Finding("error", rule, f"Expected a form-js schema, but found {message}", file=name)
    return RefusedFile(f"Expected {name} to be a form, but found {message}", [finding])
