"""What counts of a submission, what is refused, and what stays of one that need not be complete."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from bpm_server.domain import forms

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)

ORDER: dict[str, Any] = {
    "id": "order",
    "components": [
        {"type": "textfield", "key": "number", "id": "F1", "readonly": True},
        {"type": "textfield", "key": "customer", "id": "F2", "validate": {"required": True, "maxLength": 10}},
        {"type": "number", "key": "amount", "id": "F3", "validate": {"min": 1, "max": 1000}},
        {"type": "checkbox", "key": "urgent", "id": "F4"},
        {
            "type": "textfield",
            "key": "reason",
            "id": "F5",
            "validate": {"required": True},
            "conditional": {"hide": "=urgent != true"},
        },
        {"type": "select", "key": "currency", "id": "F6", "values": [{"label": "¥", "value": "CNY"}]},
        {"type": "expression", "key": "tax", "id": "F7", "expression": "=amount * 0.13"},
        {"type": "textfield", "key": "owner", "id": "F8", "disabled": True},
        {"type": "datetime", "key": "due", "id": "F9", "subtype": "date"},
        {
            "type": "dynamiclist",
            "path": "lines",
            "id": "L1",
            "components": [{"type": "number", "key": "quantity", "id": "F10", "validate": {"required": True}}],
        },
        {
            "type": "group",
            "path": "address",
            "id": "G1",
            "components": [
                {"type": "textfield", "key": "city", "id": "F11", "validate": {"maxLength": 5}},
                {"type": "textfield", "key": "street", "id": "F12"},
            ],
        },
    ],
}
CONTEXT = {"number": "SO-1", "owner": "li.ming", "lines": [{"quantity": 1}], "address": {"city": "上海", "street": "a"}}
GOOD = {"customer": "华泰", "amount": 100, "urgent": False, "currency": "CNY", "lines": [{"quantity": 2}]}


def submit(submission: Any, context: dict[str, Any] | None = None) -> forms.Submission:
    found = CONTEXT if context is None else context
    return forms.from_schema(ORDER).submit(found, submission, now=NOW, timezone="Asia/Shanghai")


def kinds(submission: Any) -> list[tuple[str, str]]:
    return [(".".join(map(str, error.path)), error.kind) for error in submit(submission).errors]


def test_a_good_submission_is_kept_with_what_the_form_computes() -> None:
    result = submit(GOOD)
    assert result.errors == ()
    assert result.values == {
        "number": "SO-1",
        "customer": "华泰",
        "amount": 100,
        "urgent": False,
        "currency": "CNY",
        "tax": Decimal("13.00"),
        "due": None,
        "lines": [{"quantity": 2}],
        "address": {"city": "上海", "street": "a"},
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("number", "SO-2"),
        ("owner", "mallory"),
        ("tax", 0),
        ("reason", "hidden, so not asked for"),
        ("approved", True),
        ("__proto__", {"urgent": True}),
    ],
)
def test_what_is_not_the_persons_to_say_does_not_count(name: str, value: Any) -> None:
    assert submit({**GOOD, name: value}) == submit(GOOD)


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("customer", "", "required"),
        ("customer", None, "required"),
        ("customer", {}, "type"),
        ("customer", ["华泰"], "type"),
        ("customer", 5, "type"),
        ("customer", "x" * 11, "maxLength"),
        ("customer", "x" * 1_000_000, "maxLength"),
        ("amount", "many", "notANumber"),
        ("amount", True, "notANumber"),
        ("amount", {}, "notANumber"),
        ("amount", [1], "notANumber"),
        ("amount", 1001, "max"),
        ("amount", Decimal("0.99"), "min"),
        ("amount", Decimal("1e400000"), "notANumber"),
        ("amount", "NaN", "notANumber"),
        ("urgent", "yes", "type"),
        ("urgent", 1, "type"),
        ("currency", "XXX", "option"),
        ("currency", {"value": "CNY"}, "option"),
        ("due", "2026-02-30", "date"),
        ("due", 20260101, "type"),
        ("lines", {"quantity": 1}, "type"),
        ("address", "上海", "type"),
    ],
)
def test_a_wrong_value_is_refused_at_its_field(name: str, value: Any, kind: str) -> None:
    assert (name, kind) in kinds({**GOOD, name: value})


def test_a_field_that_becomes_visible_is_asked_for() -> None:
    assert kinds({**GOOD, "urgent": True}) == [("reason", "required")]
    assert submit({**GOOD, "urgent": True, "reason": "broken"}).values["reason"] == "broken"


def test_rows_are_named_by_number() -> None:
    assert kinds({**GOOD, "lines": [{"quantity": 1}, {}, {"quantity": "x"}]}) == [
        ("lines.1.quantity", "required"),
        ("lines.2.quantity", "notANumber"),
    ]


def test_removed_rows_are_said_to_be_removed() -> None:
    result = submit({**GOOD, "lines": []})
    assert ("lines" in result.values, result.cleared) == (False, ("lines",))


@pytest.mark.parametrize("wrong", [[], "text", 5, True, Decimal("NaN")])
def test_what_is_no_object_is_refused_as_a_whole(wrong: Any) -> None:
    assert kinds(wrong) == [("", "type")]


def test_not_a_number_is_no_value() -> None:
    assert kinds({**GOOD, "amount": Decimal("NaN")}) == [("amount", "notANumber")]
    assert kinds({**GOOD, "amount": float("inf")}) == [("amount", "notANumber")]


def test_endless_nesting_and_endless_lists_are_refused() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert kinds({**GOOD, "lines": deep}) == [("", "tooLarge")]
    assert kinds({**GOOD, "lines": [{}] * 2_001})[0] == ("lines", "rows")
    assert kinds({**GOOD, "customer": ["x"] * 200_000}) == [("", "tooLarge")]


def test_of_an_incomplete_submission_the_good_part_stays() -> None:
    # given
    wrong = {**GOOD, "customer": "", "amount": 5000, "lines": [{"quantity": "x"}]}
    wrong["address"] = {"city": "a city too far", "street": "b"}

    # when
    kept = forms.without_errors(submit(wrong), CONTEXT)

    # then what is wrong is as if it had not been sent
    assert {"customer", "amount", "lines"}.isdisjoint(kept)
    assert kept["currency"] == "CNY"
    assert kept["address"] == {"city": "上海", "street": "b"}


def test_of_nonsense_nothing_stays() -> None:
    assert forms.without_errors(submit("nonsense"), CONTEXT) == {}


def test_messages_come_in_both_languages() -> None:
    (error,) = submit({**GOOD, "amount": 5000}).errors
    assert error.as_json() == {
        "path": ["amount"],
        "key": "amount",
        "fieldId": "F3",
        "kind": "max",
        "param": 1000,
        "message": {"en": "Enter a value of at most 1000.", "zh": "请输入不大于 1000 的值。"},
    }
