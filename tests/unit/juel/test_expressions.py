"""Camunda 7's expressions: what they give, and what they say where they fail."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from bpm_server import juel
from bpm_server.kernel.errors import InvalidInput

NOW = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)
VARIABLES: dict[str, Any] = {
    "amount": 500_000,
    "rate": Decimal("0.17"),
    "name": "上海 Huatai",
    "none": None,
    "yes": True,
    "order": {"customer": {"name": "ACME", "level": "A"}, "lines": [{"price": 10}, {"price": 20}]},
    "text": '{"a": {"b": [1, 2]}, "ok": true}',
    "execution": {"processBusinessKey": "SO-1", "processInstanceId": "42"},
}


def value(text: str) -> Any:
    result = juel.compile(text).evaluate(VARIABLES, now=NOW)
    assert not result.diagnostics, [note.message for note in result.diagnostics]
    return result.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${amount > 500000}", False),
        ("${amount >= 500000 && yes}", True),
        ("${amount ge 500000 and not yes}", False),
        ("#{amount lt 1 or order.customer.level eq 'A'}", True),
        ("${amount * rate}", Decimal("85000.00")),
        ("${7 mod 4 + 2 * 3}", 9),
        ("${7 / 2}", Decimal("3.5")),
        ("${-amount}", -500_000),
        ("${empty none}", True),
        ("${empty order.lines}", False),
        ("${yes ? 'a' : 'b'}", "a"),
        ("${order.lines[1].price}", 20),
        ("${order['customer'].name}", "ACME"),
        ("${order.lines.size()}", 2),
        ("${name.contains('Huatai')}", True),
        ("${name.substring(0, 2)}", "上海"),
        ("${name.toUpperCase()}", "上海 HUATAI"),
        ("${order.customer.containsKey('level')}", True),
        ("${execution.getVariable('amount')}", 500_000),
        ("${execution.getVariable('missing')}", None),
        ("${execution.hasVariable('missing')}", False),
        ("${execution.processBusinessKey}", "SO-1"),
        ("${execution.getProcessBusinessKey()}", "SO-1"),
        ("${JSON(text).prop('a').prop('b').elements().get(1)}", 2),
        ("${JSON(text).prop('ok').boolValue()}", True),
        ("${JSON(order).hasProp('customer')}", True),
        ("plain text", "plain text"),
        ("Order of ${order.customer.name}: ${amount}", "Order of ACME: 500000"),
        ("\\${amount}", "${amount}"),
    ],
)
def test_values(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${missing > 3}", "Expected a variable 'missing', but found none of that name"),
        ("${name > 3}", "Expected a number, but found"),
        ("${amount.foo}", "foo"),
        ("${JSON(name)}", "Expected JSON text"),
        ("${JSON(text).prop('z')}", "Expected a property 'z', but found a, ok"),
        ("${order.lines.get(7)}", "Expected an index within 2 items, but found 7"),
        ("${execution.tenant}", "Expected 'tenant' of the execution"),
    ],
)
def test_failures_say_what_was_expected(text: str, said: str) -> None:
    result = juel.compile(text).evaluate(VARIABLES, now=NOW)
    assert result.value is None
    assert said in "; ".join(note.message for note in result.diagnostics)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${amount >}", "line 1, column"),
        ("${bean.doIt()}", "Expected a method of the supported subset at line 1, column"),
        ("${unknown(1)}", "Expected a function of the supported subset at line 1, column"),
        ("${now(1)}", "Expected no arguments"),
        ("${JSON()}", "Expected one argument"),
        ("${amount", "line 1, column"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        juel.compile(text)
    assert said in caught.value.message
