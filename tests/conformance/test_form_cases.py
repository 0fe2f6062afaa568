"""What the real form viewer does, as recorded in form-cases: the server comes to the same submissions and errors.

Three kinds of cases: those of a person in front of the viewer, which must come out the same; those in which a value
was forced past the widgets (an edit ``set``), which is what a hostile request looks like: refused or cleaned, and what
is kept satisfies the form; and those in which the viewer itself fails, which the server must answer cleanly.
"""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from bpm_server.domain import forms
from bpm_server.kernel import json as exact_json
from tests.conformance.form_driver import decoded, encoded, evaluate

if TYPE_CHECKING:
    from types import ModuleType

pytestmark = pytest.mark.shared

_NOT_A_NUMBER = "Infinity is no number that a process could work with"
_TIDY = "the text of a number is stored without the blanks around it"
_MIDNIGHT = "24:00 is no time of day"
_NO_OBJECT = "the process holds something else where the form needs an object; the viewer submits an empty one"
_INDEXED = "an object with numbers as names is no list; the viewer shows its entries as rows"
_STALE = "what is computed on submission hides a field; the viewer still submits that"
_DIGITS = "sums keep every digit; the viewer rounds to a double"

DIFFERENCES: Final = {
    "nm-str~8a9168dc": _NOT_A_NUMBER,
    "nm-str-len~2963ab68": _NOT_A_NUMBER,
    "nm-str~191eab12": _TIDY,
    "nm-str-len~b466263f": _TIDY,
    "dt-time-utc_offset~0b6ccfa8": _MIDNIGHT,
    "dt-time-utc_offset~82834343": _MIDNIGHT,
    "sc-dl-dt~5dcfdde5": _MIDNIGHT,
    "sc-cond-group~66df0611": _NO_OBJECT,
    "sc-cond-group~abf586b3": _NO_OBJECT,
    "sc-group-path~afffb4d8": _NO_OBJECT,
    "sc-all-types~e8891ac9": _NO_OBJECT,
    "sc-dl-norepeat~27747837": _NO_OBJECT,
    "sc-dl-norepeat~4c1d8829": _NO_OBJECT,
    "sc-dl-norepeat~e71eb3e5": _NO_OBJECT,
    "sc-dl-norepeat~b2d76332": _NO_OBJECT,
    "sc-dl-norepeat~61d5b2bd": _NO_OBJECT,
    "sc-dl-readonly~eb6070c8": _INDEXED,
    "sc-dl-readonly~5cb1b09e": _INDEXED,
    "sc-expr-presubmit~174f0f60": _STALE,
    "sc-expr-chain~b4557c2a": _DIGITS,
}
"""Cases of a person in front of the viewer that come out otherwise, each with the reason."""

UNREPORTED: Final = {
    "se-default~6240710b": "a field that was not submitted keeps its default, so nothing that is required is missing",
    "sc-expr-presubmit~5b7a9ee7": _STALE,
}
"""Hostile submissions of which the viewer reports an error and the server accepts what is left."""

_NO_SUCH = "no such date or time exists; the viewer takes a later one that does"

FIRST_DATA: Final = {
    "nm-str~8a9168dc": _NOT_A_NUMBER,
    "nm-str-len~2963ab68": _NOT_A_NUMBER,
    "dt-time-utc_offset~0b6ccfa8": _MIDNIGHT,
    "dt-time-utc_offset~82834343": _MIDNIGHT,
    "dt-time-utc_normalized~84e38e1a": _MIDNIGHT,
    "dt-datetime-utc_normalized~e75690a7": _NO_SUCH,
    "dt-datetime-no_timezone~a08fe517": _NO_SUCH,
    "dt-datetime-no_timezone~8e123eed": "a time that summer time leaves out is kept as the process has it",
    "dt-time-req~63de7ca0": _NO_SUCH,
    "dt-datetime-nopast~4c166ff8": "a day that has passed since the process set it is not lost",
}
"""Values of the process that the form shows otherwise at first, each with the reason."""

LEAST_SHARE = 0.99


@dataclass(frozen=True)
class Case:
    """A recorded case with its schema."""

    id: str
    record: dict[str, Any]
    schema: dict[str, Any]

    @property
    def expected(self) -> dict[str, Any]:
        found: dict[str, Any] = self.record["expected"]
        return found

    @property
    def viewer_failed(self) -> bool:
        names = ("importError", "submitError", "clientCrash", "validateAfterSubmit")
        return any(self.expected.get(name) for name in names) or bool(self.record.get("formProperties"))

    @property
    def is_hostile(self) -> bool:
        return any(edit["op"] == "set" for edit in self.record["edits"])

    def evaluate(self, submission: Any) -> dict[str, Any]:
        record = self.record
        return evaluate(self.schema, record["data"], submission, record["now"], record["timezone"])


@pytest.fixture(scope="module")
def cases(shared: Path) -> list[Case]:
    schemas: dict[str, dict[str, Any]] = {}
    found = []
    for record in json.loads((shared / "form-cases" / "cases.json").read_text(encoding="utf-8")):
        name = record["schemaFile"]
        if name not in schemas:
            folder = shared / "form-cases" / "schemas" if name.startswith("own/") else shared
            schemas[name] = json.loads((folder / name.removeprefix("own/")).read_text(encoding="utf-8"))
        found.append(Case(record["id"], record, schemas[name]))
    return found


@pytest.fixture(scope="module")
def comparator(shared: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("form_compare", shared / "tools" / "form_compare.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_server_comes_to_what_the_viewer_came_to(cases: list[Case], comparator: ModuleType) -> None:
    # given
    plain = [case for case in cases if not case.viewer_failed and not case.is_hostile]

    # when
    compared = {case.id: comparator.compare(case.expected, case.evaluate(case.expected["submitted"])) for case in plain}

    # then
    different = {name: found for name, found in compared.items() if found}
    assert different.keys() == DIFFERENCES.keys(), {
        name: different.get(name, "equal now: take it from the list") for name in different.keys() ^ DIFFERENCES.keys()
    }
    assert len(plain) > 3_000
    assert 1 - len(different) / len(plain) >= LEAST_SHARE


def test_the_viewer_s_first_data_are_ours(cases: list[Case], comparator: ModuleType) -> None:
    """What the process holds is cleaned as the viewer cleans it."""
    # given
    untouched = [case for case in cases if case.record["group"] == "single-import" and not case.viewer_failed]
    untouched = [case for case in untouched if not case.record["edits"]]

    # when
    different = {}
    for case in untouched:
        record = case.record
        form = forms.from_schema(decoded(case.schema))
        now = datetime.fromisoformat(record["now"])
        shown = form.initial(decoded(record["data"]), now=now, timezone=record["timezone"])
        submitted = case.expected["submitted"]
        ours = {name: shown.get(name) for name in submitted}
        if not comparator.same(encoded(decoded(submitted), set(), ()), encoded(ours, set(), ())):
            different[case.id] = (submitted, ours)

    # then
    assert len(untouched) > 1_000
    assert different.keys() == FIRST_DATA.keys(), different


def test_hostile_submissions_are_refused_or_cleaned(cases: list[Case], comparator: ModuleType) -> None:
    # given
    hostile = [case for case in cases if case.is_hostile]
    assert len(hostile) > 2_500

    # when
    answers = {case.id: case.evaluate(case.expected.get("submitted")) for case in hostile}

    # then what is kept can be stored, and satisfies the form
    outcomes: Counter[str] = Counter()
    for case in hostile:
        answer = answers[case.id]
        exact_json.dumps(answer["submitted"])
        if answer["errors"]:
            outcomes["refused"] += 1
            continue
        again = case.evaluate(answer["submitted"])
        assert again["errors"] == [], case.id
        assert comparator.same(again["submitted"], answer["submitted"]), case.id
        outcomes["kept"] += 1
    assert outcomes["refused"] > 500
    assert outcomes["kept"] > 500


def test_what_the_viewer_reports_of_a_hostile_submission_is_not_accepted(cases: list[Case]) -> None:
    """With the same kind at the same field, unless the server refuses the submission for a stricter reason."""
    accepted = set()
    for case in cases:
        if case.is_hostile and not case.viewer_failed and case.expected["errors"]:
            answer = case.evaluate(case.expected["submitted"])
            if not answer["errors"]:
                accepted.add(case.id)
    assert accepted == UNREPORTED.keys()


def test_where_the_viewer_fails_the_server_answers(cases: list[Case]) -> None:
    # given
    failed = [case for case in cases if case.viewer_failed]
    assert len(failed) > 100

    # then both what the viewer submitted, if anything, and the process's own data have an answer
    for case in failed:
        for submission in (case.expected.get("submitted"), case.record["data"]):
            answer = case.evaluate(submission)
            exact_json.dumps(answer["submitted"])


def test_what_the_viewer_refuses_to_show_is_refused_at_deployment(cases: list[Case]) -> None:
    refused = {case.record["schemaFile"]: case.schema for case in cases if case.expected.get("importError")}
    assert refused
    for name, schema in refused.items():
        findings = forms.from_schema(schema, name=name).findings
        assert any(finding.severity == "error" for finding in findings), name
