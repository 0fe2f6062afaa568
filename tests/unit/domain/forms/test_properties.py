"""Whatever the form and whatever comes in: no exception, and what was accepted is accepted again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bpm_server.domain import forms
from bpm_server.domain.forms.values import equal
from bpm_server.kernel import json
from bpm_server.kernel.findings import RefusedFile
from tests.unit.domain.forms.strategies import CONTEXTS, DATA, JSON, SCHEMAS

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
ZONES = st.sampled_from(["UTC", "Asia/Shanghai", "Asia/Kolkata", "America/New_York", "no such zone"])
PROFILE = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


@PROFILE
@given(SCHEMAS, CONTEXTS, DATA | JSON, ZONES, st.booleans())
def test_submissions_never_raise(
    schema: dict[str, Any], context: dict[str, Any], submission: Any, zone: str, whole: bool
) -> None:
    # given
    form = forms.from_schema(schema)

    # when
    result = form.submit(context, submission, now=NOW, timezone=zone, whole=whole)

    # then what is kept, also of a wrong one, can be stored
    json.dumps(result.values)
    sent = submission if isinstance(submission, dict) else {}
    json.dumps(forms.changed(forms.without_errors(result, context), sent, context, whole=whole))
    for error in result.errors:
        assert error.as_json()["message"].keys() == {"en", "zh"}


@PROFILE
@given(SCHEMAS, CONTEXTS, DATA, ZONES)
def test_what_was_accepted_is_accepted_again(
    schema: dict[str, Any], context: dict[str, Any], submission: dict[str, Any], zone: str
) -> None:
    # given a form that could be deployed
    form = forms.from_schema(schema)
    assume(not any(finding.severity == "error" for finding in form.findings))
    first = form.submit(context, submission, now=NOW, timezone=zone)
    if first.errors:
        return

    # when
    second = form.submit(context, first.values, now=NOW, timezone=zone)

    # then
    assert second.errors == ()
    assert equal(second.values, first.values), (first.values, second.values)


@PROFILE
@given(SCHEMAS, CONTEXTS, ZONES)
def test_initial_data_never_raise(schema: dict[str, Any], context: dict[str, Any], zone: str) -> None:
    shown = forms.from_schema(schema).initial(context, now=NOW, timezone=zone)

    # then every variable is still there
    assert context.keys() <= shown.keys()
    json.dumps(shown)


@PROFILE
@given(SCHEMAS | JSON)
def test_reading_gives_a_form_or_findings(schema: Any) -> None:
    try:
        data = json.dumps_bytes(schema)
    except (TypeError, ValueError):
        return
    refused = False
    try:
        findings = forms.read(data, name="f.form").findings
    except RefusedFile as error:
        findings, refused = error.findings, True

    # then
    assert refused is any(finding.severity == "error" for finding in findings)
