"""Forms: form-js schemas, read and checked at deployment; submissions, checked by the form's own rules.

    >>> form = from_schema({"id": "visit", "components": [{"type": "number", "key": "n", "validate": {"max": 9}}]})
    >>> result = form.submit({}, {"n": 12}, now=datetime(2026, 1, 31, tzinfo=UTC), timezone="Asia/Shanghai")
    >>> [(error.path, error.kind, error.param) for error in result.errors]
    [(('n',), 'max', 9)]

Source: form-js documentation and schema, version 19; ``docs/how-to/change-a-form.md``.
"""

from __future__ import annotations

from bpm_server.domain.forms.errors import LANGUAGES, FieldError, error_text
from bpm_server.domain.forms.fieldtypes import UploadedFile
from bpm_server.domain.forms.form import Form, from_schema, read
from bpm_server.domain.forms.prefilling import from_link, link_fields, prefilled, secret_names
from bpm_server.domain.forms.submitting import Submission, changed, without_errors

__all__ = [
    "LANGUAGES",
    "FieldError",
    "Form",
    "Submission",
    "UploadedFile",
    "changed",
    "error_text",
    "from_link",
    "from_schema",
    "link_fields",
    "prefilled",
    "read",
    "secret_names",
    "without_errors",
]
