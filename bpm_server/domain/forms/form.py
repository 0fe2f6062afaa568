"""``Form``: a schema with its compiled rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from bpm_server.domain.forms import submitting
from bpm_server.domain.forms.checks import findings_of
from bpm_server.domain.forms.dates import zone_of
from bpm_server.domain.forms.fieldtypes import Surroundings
from bpm_server.domain.forms.references import wanted
from bpm_server.domain.forms.results import json_value
from bpm_server.domain.forms.settling import settle
from bpm_server.domain.forms.state import State
from bpm_server.domain.forms.structure import Scope, compile_schema
from bpm_server.domain.forms.values import TooLarge, plain
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput
from bpm_server.kernel.findings import Finding, RefusedFile, refuse_errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from bpm_server.domain.forms.fieldtypes import UploadedFile
    from bpm_server.domain.forms.references import Known, Wanted
    from bpm_server.domain.forms.submitting import Submission

MAX_SCHEMA_DEPTH: Final = 100


@dataclass(frozen=True, slots=True)
class Form:
    """A form: its id, the schema as it was deployed, and its compiled rules.

    It holds no state, so threads may share it.
    """

    id: str
    version_tag: str | None
    schema: dict[str, Any]
    findings: tuple[Finding, ...]
    _scope: Scope = field(repr=False, compare=False)

    @property
    def names(self) -> frozenset[str]:
        """The variables in which its fields lie, shown or not."""
        parts = [part.place for part in self._scope.fields] + [part.place for part in self._scope.lists]
        return frozenset(place.path[0] for place in parts)

    def submit(
        self,
        context: Mapping[str, Any],
        submission: Any,
        *,
        now: datetime,
        timezone: str,
        files: Mapping[str, Sequence[UploadedFile]] | None = None,
        known: Known | None = None,
        whole: bool = True,
    ) -> Submission:
        """Checks what somebody entered; never raises because of it.

        Args:
            context: Variables that the form was shown with: JSON values, fractions as ``Decimal``.
            submission: What came from outside, whatever it is.
            now: Aware time, for ``today()``, ``now()`` and dates that must not have passed.
            timezone: Of the person; an unknown one counts as UTC.
            files: Uploaded files by the reference that their field submits; None: not checked here.
            known: What its fields may refer to, see :meth:`wanted`; None: not checked here.
            whole: It comes from the viewer, which submits all but empty lists, so a list that is not there has lost
                its rows. False: what is not there stays as it is.
        """
        return submitting.check(self._scope, submission, _around(context, now, timezone, files, known), whole=whole)

    def wanted(self, submission: Any) -> Wanted:
        """People and files to which a submission refers."""
        return wanted(self._scope, submission)

    def initial(self, context: Mapping[str, Any], *, now: datetime, timezone: str) -> dict[str, Any]:
        """The data that the form shows at first: the variables, with the fields' values cleaned, defaulted, computed.

        Args:
            context: As for :meth:`submit`.
            now: As for :meth:`submit`.
            timezone: As for :meth:`submit`.
        """
        state = State(self._scope, _around(context, now, timezone, None))
        settle(state)
        shown: dict[str, Any] = json_value(state.root.data, state.around.now)
        return shown


def _around(
    context: Mapping[str, Any],
    now: datetime,
    timezone: str,
    files: Mapping[str, Sequence[UploadedFile]] | None,
    known: Known | None = None,
) -> Surroundings:
    zone = zone_of(timezone)
    return Surroundings(now.astimezone(zone), zone, context, files, known)


def from_schema(schema: dict[str, Any], *, name: str = "") -> Form:
    """A form from a schema, also from one with errors: they are among its findings, and rules in error do nothing.

    Args:
        schema: A form-js schema: JSON values.
        name: Of the file, for findings.

    Raises:
        TooLarge: more than any form is.
    """
    exact = plain(schema, depth=MAX_SCHEMA_DEPTH)
    form_id, tag = exact.get("id"), exact.get("versionTag")
    return Form(
        form_id if isinstance(form_id, str) else "",
        tag if isinstance(tag, str) and tag else None,
        schema,
        tuple(findings_of(exact, name or None)),
        compile_schema(exact),
    )


def read(data: bytes, *, name: str, embedded: bool = False) -> Form:
    """Reads a form-js schema and checks it.

    Args:
        data: JSON text.
        name: Of the file, for findings.
        embedded: It stands in another file, under a name there, so it needs no id of its own.

    Raises:
        RefusedFile: not JSON, no form, or a form with errors; the findings name components by their ids.
    """
    try:
        schema = json.loads_untrusted(data)
    except InvalidInput as error:
        raise _refuse(name, "form-json", error.message) from error
    if not isinstance(schema, dict) or not isinstance(schema.get("components"), list):
        raise _refuse(name, "form-schema", "no form: expected an object with components")
    form_id = schema.get("id")
    if not embedded and (not isinstance(form_id, str) or not form_id):
        raise _refuse(name, "form-id", "no id of the form")
    try:
        form = from_schema(schema, name=name)
    except TooLarge as error:
        raise _refuse(name, "form-size", "more values than a form can have") from error
    refuse_errors(f"{name} to be a form", form.findings)
    return form


def _refuse(name: str, rule: str, message: str) -> RefusedFile:
    finding = Finding("error", rule, f"Expected a form-js schema, but found {message}", file=name)
    return RefusedFile(f"Expected {name} to be a form, but found {message}", [finding])
