"""Fields that refer to people and files: what is accepted, and what a hostile submission gets."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from bpm_server.domain import forms
from bpm_server.domain.forms.references import DOCUMENT, Known, read_location

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FORM: dict[str, Any] = {
    "id": "f",
    "components": [
        {"type": "textfield", "key": "boss", "properties": {"component": "userPicker"}, "validate": {"required": True}},
        {"type": "taglist", "key": "team", "properties": {"component": "userPicker", "most": "2"}},
        {"type": "filepicker", "key": "files", "properties": {"component": "attachment", "most": "2"}},
        {"type": "filepicker", "key": "signed", "properties": {"component": "signature"}},
        {"type": "textfield", "key": "place", "properties": {"component": "location"}},
        {
            "type": "dynamiclist",
            "path": "rows",
            "components": [{"type": "filepicker", "key": "receipt", "properties": {"component": "attachment"}}],
        },
    ],
}
ANN, BOB, LEFT = "ann", "bob", "left"


def kept(name: str, **about: str) -> dict[str, Any]:
    about = {"fileName": f"{name}.pdf", **about}
    return {DOCUMENT: "camunda", "documentId": name, "contentHash": "right", "metadata": about}


DRAWN = kept("png", contentType="image/png")
KNOWN = Known(frozenset({ANN, BOB, "cy"}), {name: kept(name) for name in ("d1", "d2", "d3")} | {"png": DRAWN})


def submit(values: Any, context: dict[str, Any] | None = None) -> Any:
    form = forms.from_schema(FORM)
    return form.submit(context or {}, values, now=NOW, timezone="UTC", known=KNOWN)


def test_people_and_files_that_are_known() -> None:
    forged = {"documentId": "d1", "contentHash": "wrong", "metadata": {"fileName": "x.exe"}, "more": 1}
    result = submit({"boss": ANN, "team": [ANN, BOB, ANN], "files": [forged], "rows": [{"receipt": [kept("d2")]}]})
    assert result.errors == ()
    assert result.values == {
        "boss": ANN,
        "team": [ANN, BOB],
        "files": [kept("d1")],
        "signed": [],
        "place": "",
        "rows": [{"receipt": [kept("d2")]}],
    }


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("boss", "nobody", "person"),
        ("boss", [ANN], "type"),
        ("boss", {"a": 1}, "type"),
        ("boss", 7, "type"),
        ("boss", "", "required"),
        ("boss", "x" * 10_000, "person"),
        ("team", ANN, "type"),
        ("team", [ANN, 7], "type"),
        ("team", [[ANN]], "type"),
        ("team", [ANN, BOB, "cy"], "personCount"),
        ("team", [ANN, LEFT], "person"),
        ("files", "d1", "type"),
        ("files", ["d1"], "file"),
        ("files", [{"documentId": ["d1"]}], "file"),
        ("files", [kept("theirs")], "file"),
        ("files", [kept("d1"), kept("d2"), kept("d3")], "fileCount"),
        ("signed", [kept("d1")], "fileType"),
        ("signed", [DRAWN, DRAWN], "fileCount"),
        ("place", "geo:91,0", "location"),
        ("place", "geo:0,180.1", "location"),
        ("place", "geo:1,2;u=-1", "location"),
        ("place", "geo:1,2<script>", "location"),
        ("place", ["geo:1,2"], "type"),
    ],
)
def test_what_is_refused(name: str, value: Any, kind: str) -> None:
    result = submit({"boss": ANN, name: value})
    assert [(error.key, error.kind) for error in result.errors] == [(name, kind)]
    assert forms.error_text(result.errors[0], "zh")


def test_a_signature_and_a_place() -> None:
    result = submit({"boss": ANN, "signed": [DRAWN], "place": "geo:31.230416,-121.473701;u=20"})
    assert result.errors == ()
    assert result.values["signed"] == [DRAWN]
    assert result.values["place"] == "geo:31.230416,-121.473701;u=20"
    assert read_location("geo:31.5,-121") == (Decimal("31.5"), Decimal(-121), None)


def test_what_the_process_had_stays_though_it_is_not_known_any_more() -> None:
    old = {**kept("old"), "contentHash": "kept"}
    context = {"boss": LEFT, "team": [LEFT], "files": [old]}
    result = submit({"boss": LEFT, "team": [LEFT, ANN], "files": [kept("old"), kept("d1")]}, context)
    assert result.errors == ()
    kept_values = {"boss": LEFT, "team": [LEFT, ANN], "files": [old, kept("d1")]}
    assert result.values == {**kept_values, "signed": [], "place": ""}


def test_what_a_submission_refers_to_is_found_out_before() -> None:
    values = {"boss": ANN, "team": [BOB, 7], "files": [kept("d1"), 1, None], "rows": [{"receipt": [kept("d9")]}, 5]}
    wanted = forms.from_schema(FORM).wanted(values)
    assert (wanted.people, wanted.documents) == ({ANN, BOB}, {"d1", "d9"})
    assert not forms.from_schema(FORM).wanted("x").people


@pytest.mark.parametrize(
    ("kind", "properties", "said"),
    [
        ("number", {"component": "userPicker"}, "Expected 'userPicker' at a textfield or taglist"),
        ("textfield", {"component": "attachment"}, "Expected 'attachment' at a filepicker"),
        ("textarea", {"component": "signature"}, "Expected 'signature' at a filepicker"),
        ("number", {"component": "location"}, "Expected 'location' at a textfield"),
        ("filepicker", {"component": "attachment", "most": "0"}, "Expected 'most' from 1 to 50"),
        ("taglist", {"component": "userPicker", "most": "many"}, "Expected 'most' from 1 to 50"),
    ],
)
def test_findings(kind: str, properties: dict[str, str], said: str) -> None:
    schema = {"id": "f", "components": [{"type": kind, "key": "k", "properties": properties}]}
    found = [one.message for one in forms.from_schema(schema).findings if one.rule == "form-component"]
    assert len(found) == 1
    assert found[0].startswith(said)


def test_a_good_one_has_no_findings() -> None:
    assert forms.from_schema(FORM).findings == ()
