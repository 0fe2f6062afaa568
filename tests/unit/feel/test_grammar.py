"""The grammar of DMN 1.5, 10.3.1.2, and what each construct means."""

from __future__ import annotations

from typing import Any

import pytest

from bpm_server import feel
from tests.unit.feel.tables import NOW, evaluated, rows, shown


@rows(
    """
    1 + 2 * 3 => 7
    (1 + 2) * 3 => 9
    1 + 2 = 3 and not(false) => true
    true or false and false => true
    1 < 2 and 2 < 3 => true
    null = null => true
    1 = null => false
    1 != null => true
    "a" = 1 => null
    [1, 2] = [1, 2] => true
    [1] = [1, 2] => false
    {a: 1, b: 2} = {b: 2, a: 1} => true
    {a: 1} = {a: 2} => false
    true and null => null
    false and null => false
    true or null => true
    null or false => null
    1 and true => null
    if true then 1 else 2 => 1
    if null then 1 else 2 => 2
    if 1 then 1 else 2 => 2
    if false then 1 else if true then 2 else 3 => 2
    5 between 1 and 10 => true
    5 between 6 and 10 => false
    null between 1 and 10 => null
    1 in [1, 2] => true
    1 in (1, 2) => true
    5 in (< 3, > 4) => true
    5 in [1..5) => false
    5 in ]1..5] => true
    5 in > 4 => true
    5 in (4, [5..6]) => true
    1 in 1 => true
    "b" in ["a".."c"] => true
    [1] in [[1], 2] => true
    (< 5).end => 5
    [1..3].start => 1
    [1..3).end included => false
    [1..3) = [1..3) => true
    (> 5) = (5..null) => false
    4 in (> 5) => false
    [1, 2, 3][1] => 1
    [1, 2, 3][-1] => 3
    [1, 2, 3][0] => null
    [1, 2, 3][4] => null
    [1, 2, 3][item > 1] => [2, 3]
    [{a: 1}, {a: 2}][a > 1] => [{a: 2}]
    [{a: 1}, {a: 2}].a => [1, 2]
    [{a: 1}, {b: 2}].a => [1, null]
    [{a: 1, item: 5}][item = 5] => [{a: 1, item: 5}]
    [1, 2, 3][even(item)] => [2]
    [[1, 2], [3]][count(item) = 2] => [[1, 2]]
    5[1] => 5
    5[item > 3] => [5]
    null[1] => null
    {a: 1}.a => 1
    {a: {b: 2}}.a.b => 2
    {a: 1}.b => null
    {"a b": 1}["a b" = "a b"] => [{a b: 1}]
    {a: 1, b: a + 1, c: b * 2} => {a: 1, b: 2, c: 4}
    {a: 1, a: 2} => null
    {} => {}
    [] => []
    for x in [1, 2] return x * 2 => [2, 4]
    for x in 1..3 return x => [1, 2, 3]
    for x in 3..1 return x => [3, 2, 1]
    for x in [1..3) return x => [1, 2]
    for x in @"2026-01-30"..@"2026-02-01" return x.day => [30, 31, 1]
    for x in [1, 2], y in [10, 20] return x + y => [11, 21, 12, 22]
    for x in [[1, 2], [3]], y in x return y => [1, 2, 3]
    for i in 0..4 return if i = 0 then 1 else i * partial[-1] => [1, 1, 2, 6, 24]
    for x in 5 return x => null
    for x in null return x => null
    for x in [] return x => []
    some x in [1, 2] satisfies x > 1 => true
    some x in [1, 2] satisfies x > 2 => false
    some x in [1, null] satisfies x > 2 => null
    every x in [1, 2] satisfies x > 0 => true
    every x in [] satisfies false => true
    every x in [1, 2], y in [1, 2] satisfies x + y < 5 => true
    (function(x, y) x + y)(1, 2) => 3
    {f: function(x: number) x * 2, r: f(4)}.r => 8
    {f: function(x) if x = 0 then 1 else x * f(x - 1), r: f(5)}.r => 120
    {f: function(x: string) x, r: f(1)}.r => null
    {f: function(a, b) a - b, r: f(b: 1, a: 5)}.r => 4
    (function(x) x)(1, 2) => null
    substring(string: "foobar", start position: 4) => "bar"
    for f in [function(x) x + 1, function(x) x * 2] return f(3) => [4, 6]
    1 instance of number => true
    "a" instance of number => false
    null instance of number => false
    [1, 2] instance of list<number> => true
    [1, "a"] instance of list<number> => false
    {a: 1} instance of context<a: number> => true
    {a: 1, b: 2} instance of context<a: number> => true
    {a: "x"} instance of context<a: number> => false
    [1..3] instance of range<number> => true
    @"2026-01-31" instance of date => true
    @"P1D" instance of days and time duration => true
    @"P1Y" instance of years and months duration => true
    (function(x: number) x + 1) instance of function<number> -> number => true
    1 instance of Any => true
    1 // the rest
    + 1 => 2
""".replace("// the rest\n", "/* the rest */")
)
def test_values(expression: str, expected: str) -> None:
    assert evaluated(expression) == expected


@pytest.mark.parametrize(
    ("expression", "variables", "expected"),
    [
        ("order total + 1", {"order total": 1}, "2"),
        ("a-b", {"a-b": 5, "a": 1, "b": 1}, "5"),
        ("a - b", {"a": 3, "b": 1}, "2"),
        ("x and y", {"x and y": 1, "x": True, "y": False}, "1"),
        ("for order total in [1, 2] return order total", {}, "[1, 2]"),
        ("{net price: 5, gross price: net price * 2}.gross price", {}, "10"),
        ("some big item in [1] satisfies big item = 1", {}, "true"),
        ("(function(first name) first name)(1)", {}, "1"),
        ("[{unit price: 2}][unit price > 1].unit price", {}, "[2]"),
        ("order  total", {"order total": 1}, "1"),
        ("größe + 𝒶", {"größe": 1, "𝒶": 2}, "3"),
        ("date", {"date": 5}, "5"),
    ],
)
def test_names_of_several_words(expression: str, variables: dict[str, Any], expected: str) -> None:
    assert evaluated(expression, "dmn", **variables) == expected


@pytest.mark.parametrize(
    ("tests", "value", "expected"),
    [
        ("-", None, "true"),
        ("5", 5, "true"),
        ("5", "5", "null"),
        ("< 5", 4, "true"),
        (">= 5, 3", 3, "true"),
        ("[1..5]", 5, "true"),
        ("(1..5)", 5, "false"),
        ("not(5)", 4, "true"),
        ("not(5, 6)", 6, "false"),
        ("not((1..5])", 1, "true"),
        ("not([1..5), > 10)", 11, "false"),
        ("not(a) and not(b)", 1, "false"),
        ('"a", "b"', "b", "true"),
        ("null", None, "true"),
        ("? > 3 and ? < 5", 4, "true"),
        ("even(?)", 4, "true"),
        ("not(even(?))", 4, "false"),
        ("[1, 2, 3]", 2, "true"),
        ("a", 4, "true"),
        ("< a", 3, "true"),
        ("a + 1", 5, "true"),
        ("? in [1..10]", 4, "true"),
        ('starts with(?, "x")', "xy", "true"),
        ("some x in ? satisfies x > 2", [1, 3], "true"),
    ],
)
def test_unary_tests(tests: str, value: Any, expected: str) -> None:
    compiled = feel.compile(tests, kind="unary", dialect="dmn")
    assert shown(compiled.evaluate({"a": 4}, tested=value, now=NOW).value) == expected


@pytest.mark.parametrize(
    ("text", "line", "column", "expected", "found"),
    [
        ("", 1, 1, "an expression", "the end of the expression"),
        ("1 +", 1, 4, "an expression", "the end of the expression"),
        ("1 +\n  * 2", 2, 3, "an expression", "'*'"),
        ("(1", 1, 3, "')'", "the end of the expression"),
        ("[1, 2", 1, 6, "']' of the list", "the end of the expression"),
        ("{a 1}", 1, 5, "a key and ':'", "'}'"),
        ("if 1 then 2", 1, 12, "'else' of 'if'", "the end of the expression"),
        ("for x 1", 1, 8, "a name and 'in'", "the end of the expression"),
        ('"abc', 1, 1, 'a closing " of the string', "the end of the text"),
        ("/* abc", 1, 1, "a closing */ of the comment", "the end of the text"),
        ("a b", 1, 3, "an operator or the end of the expression (no name 'a b...' is in scope)", "'b'"),
        ("1 2", 1, 3, "an operator or the end of the expression", "'2'"),
        ("a.1", 1, 2, "an operator or the end of the expression", "'.1'"),
        ("f(a: 1, 2)", 1, 9, "a parameter name and ':'", "'2'"),
        ("1 = = 2", 1, 5, "an expression", "'='"),
        ("x instance of", 1, 14, "a type", "the end of the expression"),
        ("👍 $", 1, 3, "an operator or the end of the expression", "'$'"),
        ("$", 1, 1, "an expression", "'$'"),
        ("< 5 or > 10", 1, 8, "an expression", "'>'"),
    ],
)
def test_refused_text(text: str, line: int, column: int, expected: str, found: str) -> None:
    with pytest.raises(feel.FeelSyntaxError) as refused:
        feel.compile(text, dialect="dmn")
    error = refused.value
    assert (error.line, error.column, error.expected, error.found) == (line, column, expected, found)
    assert error.message == f"Expected {expected} at line {line}, column {column}, but found {found}"
    assert error.details["expression"] == text


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5_000 + "1" + ")" * 5_000,
        "[" * 5_000,
        "-" * 5_000 + "1",
        "{a:" * 5_000,
        "if a then " * 3_000,
        "for x in a return " * 500 + "1",
        "a[" * 3_000,
        "not(" * 3_000,
        "function(x) " * 1_000 + "x",
        "x instance of " + "list<" * 3_000,
        "1" + " in (1" * 2_000,
        "1 ** " * 20_000,
        '"' + "\\" * 9_999,
        "a" * 1_000_001,
    ],
    ids=lambda text: text[:12],
)
def test_text_that_nests_without_end_is_refused(text: str) -> None:
    with pytest.raises(feel.FeelSyntaxError):
        feel.compile(text)


@pytest.mark.parametrize(
    "text",
    [
        " + ".join(["1"] * 5_000),
        " and ".join(["true"] * 5_000),
        "if a then 1 else " * 500 + "2",
        "a" + ".a" * 5_000,
        "a" + "[1]" * 40,
        "[" + "1, " * 20_000 + "1]",
        "(" * 75 + "1" + ")" * 75,
    ],
    ids=lambda text: text[:12],
)
def test_long_text_is_no_problem(text: str) -> None:
    feel.compile(text).evaluate({"a": {}})
