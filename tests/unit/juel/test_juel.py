"""The part of JUEL that models for Camunda 7 use."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpm_server import juel
from tests.unit.feel.tables import shown

PROOF = os.environ.get("BPM_PROOF") == "1"
NOW = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)
VARIABLES: dict[str, Any] = {
    "n": 5,
    "price": Decimal("19.90"),
    "name": "Ada 👍",
    "yes": True,
    "nothing": None,
    "blank": "",
    "list": [1, "b", None],
    "map": {"a": 1, "b c": 2, "inner": {"x": "y"}},
    "execution": {"processInstanceId": "42", "businessKey": "SO-1"},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${1 + 2 * 3}", "7"),
        ("${(1 + 2) * 3}", "9"),
        ("${0.1 + 0.2}", "0.3"),
        ("${0.1 + 0.2 == 0.3}", "true"),
        ("${7 / 2}", "3.5"),
        ("${7 mod 4}", "3"),
        ("${-7 % 4}", "-3"),
        ("${7 div 2 - 1}", "2.5"),
        ("${-n + 1}", "-4"),
        ('${"3" + 4}', "7"),
        ("${nothing + 1}", "1"),
        ("${n > 4 && price < 20}", "true"),
        ("${n gt 4 and not (price ge 20)}", "true"),
        ("${n eq 5 or missing}", "true"),
        ("${!yes}", "false"),
        ("${n == '5'}", "true"),
        ("${nothing == null}", "true"),
        ("${blank == null}", "false"),
        ("${empty blank && empty nothing && !empty list}", "true"),
        ("${nothing < 1}", "false"),
        ("${'a' < 'b'}", "true"),
        ("${yes ? 'a' : 'b'}", '"a"'),
        ("${n > 9 ? 1 : n > 4 ? 2 : 3}", "2"),
        ("${map.a + map['b c']}", "3"),
        ("${map.inner.x}", '"y"'),
        ("${map.missing.x}", "null"),
        ("${list[1]}", '"b"'),
        ("${list[9]}", "null"),
        ("${list.size()}", "3"),
        ("${list.contains('b')}", "true"),
        ("${list.get(0)}", "1"),
        ("${map.containsKey('a') && map.get('a') == 1}", "true"),
        ("${name.length()}", "5"),
        ("${name.toUpperCase().startsWith('ADA')}", "true"),
        ("${name.substring(0, 3).concat('!')}", '"Ada!"'),
        ("${name.replace('a', 'aa')}", '"Adaa 👍"'),
        ("${n.toString().equals('5')}", "true"),
        ("${price.intValue()}", "19"),
        ("${nothing.anything}", "null"),
        ("#{n}", "5"),
        ("plain", '"plain"'),
        ("", '""'),
        ("Dear ${name}, ${n}%", '"Dear Ada 👍, 5%"'),
        ("${list} ${map.a} ${nothing}|", '"[1, b, null] 1 |"'),
        (r"\${n}", '"${n}"'),
        (r"${'it\'s'}", '"it\'s"'),
        ("${execution.processInstanceId}", '"42"'),
        ("${execution.getBusinessKey()}", '"SO-1"'),
        ("${execution.getVariable('n') + 1}", "6"),
        ("${execution.hasVariable('nothing')}", "true"),
        ("${execution.hasVariable('missing')}", "false"),
        ("${now().plusDays(1).plusMonths(1)}", "2026-03-01T12:30:00Z"),
        ("${dateTime().minusHours(13).toDate()}", "2026-01-30T23:30:00Z"),
    ],
)
def test_values(text: str, expected: str) -> None:
    result = juel.compile(text).evaluate(VARIABLES, now=NOW)
    assert shown(result.value) == expected
    assert result.diagnostics == ()


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("${missing}", "unknown-name", "Expected a variable 'missing', but found none of that name"),
        ("${name + 1}", "type", "Expected a number, but found the string"),
        ("${yes + 1}", "type", "Expected a number, but found the boolean true"),
        ("${n / 0}", "arithmetic", "Expected numbers that '/' can work on, but found 5 and 0"),
        ("${n % 0}", "arithmetic", "Expected numbers that '%' can work on, but found 5 and 0"),
        ("${n.x}", "no-entry", "Expected a map or list with 'x', but found the number 5"),
        ("${n.size()}", "function", "Expected a value with a method 'size', but found the number 5"),
        ("${name.substring(9)}", "index", "Expected positions within 5 characters, but found 9 and 5"),
        ("${list.get(3)}", "index", "Expected an index within 3 items, but found 3"),
        ("${name.length(1)}", "function", "Expected other arguments for 'length', but found 1"),
        ("${execution.tenantId}", "no-entry", "Expected 'tenantId' of the execution, but it is not known here"),
        ("${list > map}", "type", "Expected values that have an order, but found"),
    ],
)
def test_failures_are_null_with_the_reason(text: str, kind: str, message: str) -> None:
    result = juel.compile(text).evaluate(VARIABLES, now=NOW)
    assert result.value is None
    (note,) = result.diagnostics
    assert note.kind == kind
    assert note.message.startswith(message)
    assert (note.excerpt, note.line, note.column) == (text, 1, 1)


def test_without_a_clock_there_is_no_now() -> None:
    assert juel.compile("${now()}").evaluate({}).diagnostics[0].kind == "clock"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${", "Expected a value at line 1, column 3, but found the end of the expression"),
        ("${1", "Expected '}' at line 1, column 4, but found the end of the expression"),
        ("${1 +}", "Expected a value at line 1, column 6, but found '}'"),
        ("a\n${1 ! 2}", "Expected '}' at line 2, column 5, but found '!'"),
        ("${x.getClass()}", "Expected a method of the supported subset at line 1, column 5, but found 'getClass'"),
        ("${bean(1)}", "Expected a function of the supported subset at line 1, column 3, but found 'bean'"),
        ("${execution.setVariable('a', 1)}", "Expected a reading method of the execution"),
        ("${x = 1}", "Expected an expression of the supported subset"),
        ("${[1]}", "Expected a value"),
        ("${1e9999}", "Expected a number within decimal128"),
        ("${" + "(" * 50 + "1" + ")" * 50 + "}", "Expected expressions nested at most 40 deep"),
        ("x" * 100_001, "Expected at most 100000 characters"),
    ],
)
def test_what_is_outside_the_subset_is_refused(text: str, message: str) -> None:
    with pytest.raises(juel.JuelSyntaxError) as refused:
        juel.compile(text)
    assert refused.value.message.startswith(message)


def test_bare_text_is_an_expression_in_cells() -> None:
    assert juel.compile("n > 4", bare=True)(VARIABLES) is True
    assert juel.compile("${n} > 4", bare=True)(VARIABLES) == "5 > 4"
    assert juel.compile("n > 4")(VARIABLES) == "n > 4"


def test_the_names_that_it_reads() -> None:
    expression = juel.compile("${a.b + c[d]} ${execution.getVariable('e')} ${true ? null : 'f'}")
    assert expression.names == {"a", "c", "d", "e"}


@pytest.mark.parametrize(
    "text",
    [
        "${" + "!" * 20_000 + "yes}",
        "${map" + ".a" * 20_000 + "}",
        "${" + "name.concat(" * 30 + "name" + ")" * 30 + "}",
        "${big.replace('', big)}",
        "${big.concat(big)}",
        "${deep}",
        "${deep == deep2}",
    ],
)
def test_what_is_too_large_is_null_within_a_moment(text: str) -> None:
    deep: Any = None
    for _ in range(100_000):
        deep = [deep]
    variables = {**VARIABLES, "big": "x" * 900_000, "deep": deep, "deep2": [deep]}
    started = time.process_time()
    juel.compile(text + " ").evaluate(variables, now=NOW)
    assert time.process_time() - started < 5


_WORDS = st.sampled_from(
    [
        *("${", "#{", "}", "(", ")", "[", "]", ".", ",", "?", ":", "+", "-", "*", "/", "%", "==", "<", "!", "&&", "||"),
        *("empty ", " and ", "n", "name", "list", "map", ".size()", ".get(", ".substring(", "'a'", '"', "1", "0.5"),
        *("execution", "getVariable(", "now()", "null", "true", "\\", " ", "é", "中"),
    ]
)


@settings(max_examples=20_000 if PROOF else 100, deadline=None)
@given(st.lists(_WORDS, max_size=20).map("".join), st.booleans())
def test_any_text_is_compiled_or_refused(text: str, bare: bool) -> None:
    try:
        expression = juel.compile(text, bare=bare)
    except juel.JuelSyntaxError as error:
        assert error.message.startswith("Expected ")  # noqa: PT017 - it may also compile
        return
    result = expression.evaluate(VARIABLES, now=NOW)
    assert result.value is None or result.diagnostics == ()
