"""Filling in forms beforehand: what a link or an earlier request may bring, and what not."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from bpm_server.domain import forms
from tests.support.requests import FORM

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)


def linked(**texts: list[str]) -> dict[str, Any]:
    return forms.from_link(FORM, lambda name: texts.get(name, []))


def prefilled(values: dict[str, Any], schema: dict[str, Any] = FORM) -> dict[str, Any]:
    return forms.prefilled(forms.from_schema(schema), values, now=NOW, timezone="UTC")


def test_texts_of_a_link_become_values_of_their_fields() -> None:
    assert linked(guest=["Wu", "Xu"], people=["12"], room=["7"], lunch=["on"], unknown=["x"]) == {
        "guest": "Xu", "people": 12, "room": 7, "lunch": True,
    }  # fmt: skip
    assert linked(people=["1.50"]) == {"people": Decimal("1.50")}
    assert linked(lunch=["false"]) == {"lunch": False}
    assert len(linked(note=["长" * 10_000])["note"]) == 4_000


@pytest.mark.parametrize("text", ["", "twelve", "NaN", "Infinity", "1e999999999", "0x10", "1" * 100])
def test_a_text_that_is_no_number_fills_in_nothing(text: str) -> None:
    assert prefilled(linked(people=[text])) == {}


def test_a_link_reaches_no_field_that_is_secret_read_only_or_unknown_to_its_options() -> None:
    assert linked(badge=["4711"], office=["Bonn"], room=["red"]) == {}
    assert [one["key"] for one in forms.link_fields(FORM)] == ["guest", "people", "room", "lunch", "diet", "note"]


def test_what_would_be_refused_or_is_not_shown_is_left_out() -> None:
    given = {"guest": "Wu", "people": 51, "room": "red", "diet": "none", "badge": "4711", "office": "Bonn", "x": 1}
    assert prefilled(given) == {"guest": "Wu", "office": ""}, "what is read-only is the form's own"
    assert prefilled({"diet": "none", "lunch": True}) == {"diet": "none", "lunch": True}
    assert prefilled({"guest": {"a": 1}, "note": ["x"], "lunch": "yes"}) == {}


def test_secrets_and_files_are_found_wherever_they_lie() -> None:
    secret = {"type": "textfield", "key": "pin", "id": "S", "properties": {"secret": "yes"}}
    plain = {"type": "textfield", "key": "pin", "id": "S", "properties": {"secret": "false"}}
    schema = {
        "components": [
            {"type": "dynamiclist", "path": "guests", "id": "L", "components": [secret]},
            {"type": "group", "id": "G", "components": [{**secret, "key": "code"}, {**plain, "key": "open"}]},
            {"type": "group", "path": "car.plate", "id": "H", "components": [secret]},
            {"type": "filepicker", "key": "scan", "id": "P"},
            "no component",
        ]
    }
    assert forms.secret_names(schema) == {"guests", "code", "car", "scan"}
    assert prefilled({"guests": [{"pin": "1"}], "code": "2", "open": "3", "car": {"plate": {"pin": "4"}}}, schema) == {
        "open": "3"
    }
