"""Values at the JSON boundary."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bpm_server import feel
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("null", "null"),
        ("true", "true"),
        ("5", "5"),
        ("10 / 2", "5"),
        ("5.0", "5"),
        ("5.10", "5.10"),
        ("0.1 + 0.2", "0.3"),
        ("1 / 3", "0.3333333333333333333333333333333333"),
        ("999999999999999.0", "999999999999999"),
        ("1000000000000000.0", "1000000000000000.0"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ('"👍"', '"👍"'),
        ('[1, {a: "b"}]', '[1,{"a":"b"}]'),
        ('@"2026-01-31"', '"2026-01-31"'),
        ('@"12:30:00Z"', '"12:30:00Z"'),
        ('@"12:30:00@Europe/Berlin"', '"12:30:00@Europe/Berlin"'),
        ('@"2026-01-31T12:30:00"', '"2026-01-31T12:30:00"'),
        ('@"2026-01-31T12:30:00@Europe/Berlin"', '"2026-01-31T12:30:00+01:00[Europe/Berlin]"'),
        ('@"2026-01-31T12:30:00@Etc/UTC"', '"2026-01-31T12:30:00Z[Etc/UTC]"'),
        ('@"P1Y2M"', '"P1Y2M"'),
        ('@"PT1.5S"', '"PT1.5S"'),
        ("[1..3)", '"[1..3)"'),
    ],
)
def test_to_json(expression: str, expected: str) -> None:
    assert json.dumps(feel.to_json(feel.compile(expression)({}))) == expected


@pytest.mark.parametrize("expression", ["function(x) x", "[function(x) x]", "{a: {b: abs}}"])
def test_functions_have_no_json(expression: str) -> None:
    with pytest.raises(feel.NotJson, match="Expected a value that has a JSON form, but found") as refused:
        feel.to_json(feel.compile(expression)({}))
    assert isinstance(refused.value, InvalidInput)


def test_values_nested_without_end_have_no_json() -> None:
    value: Any = 1
    for _ in range(500):
        value = [value]
    with pytest.raises(feel.NotJson, match="nested at most"):
        feel.to_json(value)
    with pytest.raises(feel.NotJson, match="nested at most"):
        feel.from_json(value)


def test_json_comes_in_as_it_is() -> None:
    value = json.loads(b'{"a": [1, 2.50, null, true, "x"]}')
    assert feel.from_json(value) == value
    assert str(feel.compile("a[2]")(value)) == "2.50"


@pytest.mark.parametrize("value", [1.5, [1.5], {"a": object()}, {"a": {1, 2}}, b"x", Decimal("NaN")])
def test_what_is_not_json_is_refused(value: Any) -> None:
    with pytest.raises(feel.NotJson):
        feel.from_json(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.1, "0.1"),
        (date(2026, 1, 31), "2026-01-31"),
        (time(12, 30), "12:30:00"),
        (datetime(2026, 1, 31, 12, 30, tzinfo=UTC), "2026-01-31T12:30:00Z"),
        (datetime(2026, 1, 31, 12, 30, tzinfo=ZoneInfo("Europe/Berlin")), "2026-01-31T12:30:00@Europe/Berlin"),
        (timedelta(hours=25), "P1DT1H"),
        ((1, 2), "[1, 2]"),
    ],
)
def test_python_values(value: Any, expected: str) -> None:
    assert str(feel.from_python(value)) == expected


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1}])
def test_python_values_that_feel_does_not_know(value: Any) -> None:
    with pytest.raises(feel.NotJson):
        feel.from_python(value)
