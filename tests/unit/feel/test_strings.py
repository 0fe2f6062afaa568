"""Strings are sequences of code points; regular expressions are those of XPath, in bounded time."""

from __future__ import annotations

import time

import pytest

from bpm_server import feel
from tests.unit.feel.tables import evaluated, notes, rows


@rows(r"""
    string length("👍a") => 2
    string length("e\u0301") => 2
    substring("👍👎🐎", 2, 1) => "👎"
    substring("foobar", -2, 1) => "a"
    substring("foobar", 3) => "obar"
    substring("foobar", 0) => null
    substring("foobar", 7) => null
    upper case("straße👍") => "STRASSE👍"
    lower case("ÀÉ") => "àé"
    substring before("a👍b", "👍") => "a"
    substring after("a👍b", "👍") => "b"
    substring after("abc", "") => "abc"
    substring before("abc", "x") => ""
    contains("a👍b", "👍") => true
    starts with("👍b", "👍") => true
    ends with("", "") => true
    split("a👍b👍", "👍") => ["a", "b", ""]
    string join(["👍", null, "b"], "-") => "👍-b"
    "\U01F40E" => "🐎"
    "\ud83d\udc0e" => "🐎"
    "\u0041" => "A"
    "𝒶" < "𝒷" => true
    "\uFFFD" < "👍" => true
    "a\\b" => "a\\b"
    "\"" => "\""
    "ab" + "👍" => "ab👍"
    string({a: "x"}) => "{a: \"x\"}"
    string([1, "a", @"P1D"]) => "[1, \"a\", P1D]"
""")
def test_code_points(expression: str, expected: str) -> None:
    assert evaluated(expression) == expected


@rows(r"""
    matches("foobar", "^fo*b") => true
    matches("FOO", "foo") => false
    matches("FOO", "foo", "i") => true
    matches("a\nb", "a.b") => false
    matches("a\nb", "a.b", "s") => true
    matches("a\nb", "^b", "m") => true
    matches("a\nb", "^b") => false
    matches("a.b", "a.b", "q") => true
    matches("axb", "a.b", "q") => false
    matches("ab", "a b", "x") => true
    matches("ab", "a", "z") => null
    matches("a", "[") => null
    matches("a", "(?=a)") => null
    matches("a", "\b") => null
    matches("x", "[a-z-[aeiou]]") => true
    matches("e", "[a-z-[aeiou]]") => false
    matches("é", "\p{L}") => true
    matches("é", "\p{IsBasicLatin}") => false
    matches("ä:b", "^\i\c*$") => true
    matches("1b", "^\i") => false
    matches("K", "\u212A", "i") => true
    matches("👍", "^.$") => true
    matches("👍", "^[👍👎]$") => true
    matches("ab\n", "b$") => false
    matches("abab", "^(ab)\1$") => true
    matches("٣", "^\d$") => true
    matches("a", "a{2,1}") => null
    matches("", "") => true
    matches(null, "a") => null
    replace("abracadabra", "bra", "*") => "a*cada*"
    replace("abracadabra", "a(.)", "a$1$1") => "abbraccaddabbra"
    replace("abracadabra", "a.*?a", "*") => "*c*bra"
    replace("AAAA", "A+", "b") => "b"
    replace("a", "a", "\$1") => "$1"
    replace("a", "a", "$") => null
    replace("ab", "(a)(b)", "$2$1$3") => "ba"
    replace("a", "a?", "b") => null
    replace("a.c", ".", "x", "q") => "axc"
    split("a1b22c", "[0-9]+") => ["a", "b", "c"]
    split("ab", "") => null
""")
def test_regular_expressions(expression: str, expected: str) -> None:
    assert evaluated(expression) == expected


@rows(r"""
    matches("foobar", "(?=foo)") => true
    matches("foo bar", "\bbar") => true
    matches("FOO", "(?i)foo") => true
""")
def test_camunda_reads_what_java_knows(expression: str, expected: str) -> None:
    assert evaluated(expression, "camunda8") == expected


@pytest.mark.parametrize(
    ("pattern", "text"),
    [("^(a+)+$", "a" * 60 + "b"), ("^(a|aa)+$", "a" * 80 + "b"), ("^(.*?,){25}x", "1," * 30)],
)
def test_a_pattern_that_explodes_ends_in_time(pattern: str, text: str) -> None:
    expression = feel.compile("matches(text, pattern)", dialect="dmn")
    started = time.perf_counter()
    result = expression.evaluate({"text": text, "pattern": pattern})
    assert time.perf_counter() - started < 2
    assert result.value in {None, False}
    assert all("within 0.25 s" in note.message for note in result.diagnostics)


@pytest.mark.parametrize("pattern", ["(((a{100}){100}){100}){100}", "a{1000000}", "(" * 200 + ")" * 200, "a" * 20_000])
def test_a_pattern_that_is_too_large_is_refused(pattern: str) -> None:
    result = feel.compile("matches(text, pattern)", dialect="dmn").evaluate({"text": "a", "pattern": pattern})
    assert result.value is None
    assert [note.kind for note in result.diagnostics] == ["argument"]


def test_a_bad_pattern_is_explained() -> None:
    assert notes('matches("a", "a(b")') == [
        "argument at 1:1: matches: Expected ')' of the group at position 4 of the pattern, but found the end"
    ]
