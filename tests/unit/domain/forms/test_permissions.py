"""Fields that a user task hides, masks or only shows: what the browser gets, and what the server takes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from bpm_server.domain import forms
from bpm_server.domain.forms.permissions import MASK, Access, masked, read_permissions

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SCHEMA: dict[str, Any] = {
    "id": "f",
    "components": [
        {"type": "text", "id": "t", "text": "# {{name}}"},
        {"type": "textfield", "id": "name", "key": "name", "label": "Name", "validate": {"required": True}},
        {
            "type": "number",
            "id": "salary",
            "key": "salary",
            "label": "Salary",
            "validate": {"required": True, "max": 9},
        },
        {"type": "textfield", "id": "phone", "key": "customer.phone", "label": "Phone"},
        {"type": "textfield", "id": "city", "key": "customer.city"},
        {"type": "expression", "id": "double", "key": "double", "expression": "=salary * 2"},
        {
            "type": "dynamiclist",
            "id": "items",
            "path": "items",
            "components": [
                {"type": "textfield", "id": "what", "key": "what"},
                {"type": "number", "id": "cost", "key": "cost"},
            ],
        },
    ],
}
DATA: dict[str, Any] = {
    "name": "Ann",
    "salary": 70,
    "customer": {"phone": "13800138000", "city": "Xi'an", "rank": 1},
    "items": [{"what": "a", "cost": 1}, {"what": "b", "cost": 2}],
}


def permissions(**words: str) -> Any:
    found = read_permissions({f"field.{name.replace('__', '.')}": word for name, word in words.items()})
    assert found is not None
    return found


def submit(given: Any, values: dict[str, Any], context: dict[str, Any] = DATA) -> Any:
    form = forms.from_schema(given.narrowed_schema(SCHEMA))
    return form.submit(context, values, now=NOW, timezone="UTC")


def keys(schema: dict[str, Any]) -> list[str]:
    return [one.get("key") or one.get("path") or one["type"] for one in schema["components"]]


def test_nothing_said_restricts_nothing() -> None:
    assert read_permissions({"outcomes": "approved"}) is None
    assert permissions(**{"*": "write"}).shown_schema(SCHEMA) == SCHEMA


def test_the_nearest_word_counts() -> None:
    found = permissions(**{"*": "read", "customer": "hide", "customer__city": "write"})
    assert [found.of(path) for path in (("name",), ("customer", "phone"), ("customer", "city"))] == [
        Access.READ,
        Access.HIDE,
        Access.WRITE,
    ]


def test_hidden_values_are_not_in_what_the_browser_gets() -> None:
    found = permissions(salary="hide", customer__phone="hide", items__cost="hide")
    assert keys(found.shown_schema(SCHEMA)) == ["text", "name", "customer.city", "double", "items"]
    assert keys(found.shown_schema(SCHEMA)["components"][-1]) == ["what"]
    assert found.shown_data(SCHEMA, DATA) == {
        "name": "Ann",
        "customer": {"city": "Xi'an", "rank": 1},
        "items": [{"what": "a"}, {"what": "b"}],
    }
    assert DATA["salary"] == 70


def test_masked_values_show_their_end_only_where_they_are_long() -> None:
    found = permissions(salary="mask", customer__phone="mask", items="mask")
    data = found.shown_data(SCHEMA, DATA)
    assert (data["salary"], data["customer"]["phone"]) == (MASK, f"{MASK}8000")
    shown = {one.get("key"): one for one in found.shown_schema(SCHEMA)["components"]}
    assert shown["salary"] == {
        "type": "textfield",
        "id": "salary",
        "key": "salary",
        "label": "Salary",
        "readonly": True,
    }
    assert [masked(value) for value in (None, "", "1234567", "12345678", True, [1], {"a": 1})] == [
        None, "", MASK, f"{MASK}5678", MASK, MASK, MASK,
    ]  # fmt: skip


def test_all_but_some_are_hidden() -> None:
    found = permissions(**{"*": "hide", "name": "read", "customer__city": "write"})
    assert found.shown_data(SCHEMA, DATA) == {
        "name": "Ann",
        "customer": {"city": "Xi'an", "rank": 1},
        "items": [{}, {}],
    }
    assert keys(found.shown_schema(SCHEMA)) == ["text", "name", "customer.city"]
    assert found.shown_data(None, {"name": 1, "other": 2}) == {"name": 1}


@pytest.mark.parametrize("word", ["hide", "mask", "read"])
def test_what_is_sent_for_restricted_fields_counts_for_nothing(word: str) -> None:
    found = permissions(salary=word, customer__phone=word, items__cost=word)
    result = submit(
        found,
        {
            "name": "Bob",
            "salary": 1,
            "double": 7,
            "customer": {"phone": f"{MASK}8000", "city": "Wuhan"},
            "items": [{"what": "x", "cost": 99}, {"what": "y", "cost": "•"}],
        },
    )
    assert result.errors == ()
    assert result.values == {
        "name": "Bob",
        "double": 140,
        "customer": {"phone": "13800138000", "city": "Wuhan"},
        "items": [{"what": "x", "cost": 1}, {"what": "y", "cost": 2}],
    }


@pytest.mark.parametrize("word", ["hide", "mask"])
def test_secrets_of_rows_stay_with_their_rows(word: str) -> None:
    found = permissions(items__cost=word)
    result = submit(found, {"name": "A", "salary": 1, "items": [{"what": "b", "cost": 2}]})
    kept = [row["cost"] for row in result.values.get("items", [])]
    assert result.errors or kept == [1, 2]


def test_nobody_has_to_fill_what_they_may_not_write() -> None:
    found = permissions(**{"*": "read"})
    assert submit(found, {}, {}).errors == ()
    assert [error.path for error in submit(permissions(salary="hide"), {}, {}).errors] == [("name",)]


def test_who_has_two_tasks_may_the_more() -> None:
    both = permissions(salary="hide", name="mask").widened(permissions(**{"*": "read", "salary": "mask"}))
    assert [both.of((name,)) for name in ("salary", "name", "other")] == [Access.MASK, Access.READ, Access.WRITE]


def test_a_wrong_word_hides() -> None:
    assert permissions(salary="rea").of(("salary",)) is Access.HIDE


def test_variables_without_a_form() -> None:
    found = permissions(salary="read", customer__phone="hide")
    assert [found.may_write(name) for name in ("name", "salary", "customer")] == [True, False, False]
    assert found.secrets(SCHEMA) == {"customer"}
