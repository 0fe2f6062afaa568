"""Numbers are decimal128: exact, 34 digits, null outside of it."""

from __future__ import annotations

from decimal import Decimal, localcontext

import pytest

from bpm_server import feel
from tests.unit.feel.tables import evaluated, notes, rows


@rows(
    """
    0.1 + 0.2 => 0.3
    0.1 + 0.2 = 0.3 => true
    1.10 + 2.2 => 3.30
    1 / 3 => 0.3333333333333333333333333333333333
    2 / 3 => 0.6666666666666666666666666666666667
    1 / 3 * 3 => 0.9999999999999999999999999999999999
    9999999999999999999999999999999999 + 1 => 10000000000000000000000000000000000
    9999999999999999999999999999999999 + 2 => 10000000000000000000000000000000000
    10000000000000000000000000000000005 => 10000000000000000000000000000000000
    10000000000000000000000000000000015 => 10000000000000000000000000000000020
    12345678901234567 * 98765432109876543 => 1219326311370217861743636654061881
    0.1234567890123456789012345678901234567 => 0.1234567890123456789012345678901235
    1e3 => 1000
    1.5E-3 => 0.0015
    .5 + 1 => 1.5
    -5 => -5
    --5 => 5
    -2 ** 2 => 4
    2 ** -1 => 0.5
    2 ** 0.5 => 1.414213562373095048801688724209698
    4 ** 0.5 => 2
    2 ** 100 => 1267650600228229401496703205376
    0 ** 0 => 1
    2 ** 3 ** 2 => 64
    10 - 4 - 3 => 3
    7 / 2 => 3.5
    1 = 1.0 => true
    1.0 = 1.00 => true
    -0 = 0 => true
    string(-0.0) => "0.0"
    string(1.10) => "1.10"
    1e6144 * 10 => null
    1e-6176 / 10 => null
    -1e6144 * 10 => null
    9.999999999999999999999999999999999e6144 + 1 => 9999999999999999999999999999999999{zeros}
    1 / 0 => null
    0 / 0 => null
    0 ** -1 => null
    -1 ** 0.5 => null
    10 ** 1000000000 => null
    null + 1 => null
    1 + "1" => null
    true + 1 => null
""".replace("{zeros}", "0" * 6111)
)
def test_arithmetic(expression: str, expected: str) -> None:
    assert evaluated(expression) == expected


@rows("""
    decimal(1/3, 2) => 0.33
    decimal(1.5, 0) => 2
    decimal(2.5, 0) => 2
    decimal(0.515, 2) => 0.52
    decimal(0.525, 2) => 0.52
    decimal(125, -1) => 120
    round up(5.5, 0) => 6
    round up(-5.5, 0) => -6
    round up(1.121, 2) => 1.13
    round up(-1.126, 2) => -1.13
    round down(5.5, 0) => 5
    round down(-5.5, 0) => -5
    round down(1.126, 2) => 1.12
    round half up(5.5, 0) => 6
    round half up(-5.5, 0) => -6
    round half up(1.125, 2) => 1.13
    round half down(5.5, 0) => 5
    round half down(-5.5, 0) => -5
    round half down(1.126, 2) => 1.13
    floor(1.5) => 1
    floor(-1.56, 1) => -1.6
    ceiling(1.5) => 2
    ceiling(-1.56, 1) => -1.5
    modulo(12, 5) => 2
    modulo(-12, 5) => 3
    modulo(12, -5) => -3
    modulo(-12, -5) => -2
    modulo(10.1, 4.5) => 1.1
    modulo(-10.1, 4.5) => 3.4
    modulo(10.1, -4.5) => -3.4
    modulo(1, 0) => null
    sqrt(16) => 4
    sqrt(2) => 1.414213562373095048801688724209698
    sqrt(-1) => null
    log(10) => 2.302585092994045684017991454684364
    log(0) => null
    exp(1) => 2.718281828459045235360287471352662
    exp(100000) => null
    abs(-1.5) => 1.5
    odd(5) => true
    odd(-3) => true
    odd(5.5) => null
    even(2) => true
    even(0) => true
    number("1 000,5", " ", ",") => 1000.5
    number("1.000,5", ".", ",") => 1000.5
    number("1,000.5", ",", null) => 1000.5
    number("1000.5", null, null) => 1000.5
    number("1,5", null, ",") => 1.5
    number("abc", null, null) => null
    number("1,5", ",", ",") => null
    string(0.00000001) => "0.00000001"
    string(1e20) => "100000000000000000000"
    mean([1, 2, 2]) => 1.666666666666666666666666666666667
    stddev([1, 2, 3, 4]) => 1.290994448735805628393088466594133
    median([8, 2, 5, 3, 4]) => 4
    median([6, 1, 2, 3]) => 2.5
    mode([6, 3, 9, 6, 6]) => [6]
    mode([6, 1, 9, 6, 1]) => [1, 6]
    product([2, 3, 4]) => 24
    sum([0.1, 0.2]) => 0.3
""")
def test_functions(expression: str, expected: str) -> None:
    assert evaluated(expression) == expected


def test_a_decimal_context_of_the_caller_changes_nothing() -> None:
    with localcontext() as context:
        context.prec = 3
        assert evaluated("1 / 3") == "0.3333333333333333333333333333333333"
        assert evaluated("12345.678 + 1") == "12346.678"


def test_numbers_come_in_as_int_and_decimal_and_never_as_float() -> None:
    expression = feel.compile("a + b")
    assert expression({"a": 1, "b": Decimal("0.10")}) == Decimal("1.10")
    assert str(expression({"a": 1, "b": Decimal("0.10")})) == "1.10"
    assert type(expression({"a": 1, "b": 2})) is int
    assert expression({"a": 1.5, "b": 2}) is None


def test_true_is_not_a_number() -> None:
    assert feel.compile("a = 1")({"a": True}) is None
    assert feel.compile("a < 2")({"a": True}) is None


@pytest.mark.parametrize("text", ["1e6145", "1" + "0" * 6200])
def test_literals_outside_decimal128_are_refused(text: str) -> None:
    with pytest.raises(feel.FeelSyntaxError, match="Expected a number within decimal128"):
        feel.compile(text)


def test_overflow_says_so() -> None:
    assert notes("1 + 1e6144 * 10") == [
        "arithmetic at 1:5: Expected a product within the range of FEEL, but it is not",
        "type at 1:1: Expected operands that go together with '+', but found the number 1 and null",
    ]
