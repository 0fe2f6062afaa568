"""The built-ins of DMN 1.5 and Camunda's extras; each one is in a table of these tests."""

from __future__ import annotations

import re
from pathlib import Path

from bpm_server import feel
from bpm_server.feel.builtins import LIBRARIES
from tests.unit.feel.tables import evaluated, rows


@rows("""
    string(1) => "1"
    string(null) => null
    string("a") => "a"
    string(true) => "true"
    string([1..3)) => "[1..3)"
    number("1", null, null) => 1
    number(from: "1.5", grouping separator: null, decimal separator: ".") => 1.5
    duration("P1D") => P1D
    context([{key: "a", value: 1}, {key: "b", value: 2}]) => {a: 1, b: 2}
    context([{key: "a", value: 1}, {key: "a", value: 2}]) => null
    context([{key: "a"}]) => null
    range("[1..3]") => [1..3]
    range("(@\\"2026-01-01\\"..@\\"2026-02-01\\")") => (2026-01-01..2026-02-01)
    range("[\\"a\\"..\\"c\\"]") => ["a".."c"]
    range("[3..1]") => null
    range("1..3") => null
    not(true) => false
    not(null) => null
    not(1) => null
    is(1, 1.0) => true
    is(1, "1") => false
    is(@"10:00:00", @"10:00:00Z") => false
    is(null, null) => true
    count([1, null]) => 2
    count([]) => 0
    min([1, 2, 3]) => 1
    min(3, 1, 2) => 1
    min([]) => null
    max("a", "b") => "b"
    max(@"P1Y", @"P2Y") => P2Y
    max(1, "a") => null
    sum(1, 2, 3) => 6
    sum([]) => null
    sum([1, null]) => null
    all([true, true]) => true
    all([]) => true
    all([true, null]) => null
    all([false, null]) => false
    all(true, false) => false
    any([false, true]) => true
    any([]) => false
    any([false, null]) => null
    any([true, null]) => true
    list contains([1, 2], 2) => true
    list contains([1, null], null) => true
    sublist([1, 2, 3], 2) => [2, 3]
    sublist([1, 2, 3], -2, 1) => [2]
    sublist([1, 2, 3], 0) => null
    append([1], 2, null) => [1, 2, null]
    append(1, 2) => [1, 2]
    concatenate([1], [2, 3], [[]]) => [1, 2, 3, []]
    insert before([1, 3], 2, 2) => [1, 2, 3]
    insert before([1, 3], 0, 2) => null
    remove([1, 2, 3], -1) => [1, 2]
    remove([1, 2, 3], 4) => null
    list replace([2, 4, 7, 8], 3, 6) => [2, 4, 6, 8]
    list replace([2, 4, 7, 8], -1, 6) => [2, 4, 7, 6]
    list replace([2, 4, 7, 8], function(item, newItem) item < newItem, 5) => [5, 5, 7, 8]
    list replace([2, 4], 3, 6) => null
    reverse([1, 2, 3]) => [3, 2, 1]
    index of([1, 2, 3, 2], 2) => [2, 4]
    index of([1], 2) => []
    union([1, 2], [2, 3]) => [1, 2, 3]
    distinct values([1, 2, 1.0, "1", null, null]) => [1, 2, "1", null]
    flatten([[1, [2]], [[3]], 4]) => [1, 2, 3, 4]
    sort([3, 1, 2], function(x, y) x < y) => [1, 2, 3]
    sort(list: ["b", "a"], precedes: function(x, y) x > y) => ["b", "a"]
    sort([3, 1, 2]) => [1, 2, 3]
    sort([1, "a"]) => null
    string join(["a", "b"], ", ") => "a, b"
    string join([]) => ""
    get value({a: 1}, "a") => 1
    get value({a: 1}, "b") => null
    get entries({a: 1, b: 2}) => [{key: "a", value: 1}, {key: "b", value: 2}]
    context put({a: 1}, "b", 2) => {a: 1, b: 2}
    context put({a: {b: 1}}, ["a", "b"], 2) => {a: {b: 2}}
    context put({a: 1}, [], 2) => null
    context merge([{a: 1}, {a: 2, b: 3}]) => {a: 2, b: 3}
    mode([]) => []
    stddev([1]) => null
    product([]) => null
""")
def test_standard(expression: str, expected: str) -> None:
    assert evaluated(expression) == expected


@rows("""
    before(1, 10) => true
    before(10, 1) => false
    before(1, [1..10]) => false
    before(1, (1..10]) => true
    before([1..10], 10) => false
    before([1..10), 10) => true
    before([1..10), [10..20]) => true
    before(range: [1..2], point: 3) => true
    before(point: 3, range: [1..2]) => false
    after(10, 5) => true
    after(12, [1..10]) => true
    after([11..20], [1..11)) => true
    after([11..20], [1..11]) => false
    meets([1..5], [5..10]) => true
    meets([1..5), [5..10]) => false
    met by([5..10], [1..5]) => true
    met by((5..10], [1..5]) => false
    overlaps([1..5], [3..8]) => true
    overlaps([1..5), [5..8]) => false
    overlaps([1..5], [5..8]) => true
    overlaps before([1..5], [3..8]) => true
    overlaps before([1..5], [1..8]) => false
    overlaps after([3..8], [1..5]) => true
    overlaps after([4..8], [1..5)) => true
    finishes(10, [1..10]) => true
    finishes(10, [1..10)) => false
    finishes([5..10], [1..10]) => true
    finishes([5..10), [1..10]) => false
    finished by([1..10], 10) => true
    finished by([1..10], [5..10]) => true
    includes([1..10], 5) => true
    includes([1..10), 10) => false
    includes([1..10], [4..6]) => true
    includes([1..10), [5..10]) => false
    during(5, [1..10]) => true
    during([4..6], [1..10]) => true
    during([4..10], [1..10)) => false
    starts(1, [1..10]) => true
    starts(1, (1..10]) => false
    starts([1..5], [1..10]) => true
    started by([1..10], 1) => true
    started by([1..10], [1..5]) => true
    coincides(5, 5) => true
    coincides([1..5], [1..5]) => true
    coincides([1..5), [1..5]) => false
    before(1, "a") => null
    includes([1..3], @"2026-01-01") => null
""")
def test_relations(expression: str, expected: str) -> None:
    assert evaluated(expression) == expected


@rows("""
    is defined(1) => true
    is defined(null) => false
    is defined(nowhere.at.all) => false
    get or else(null, 1) => 1
    get or else(nowhere, "x") => "x"
    get or else(0, 1) => 0
    assert(1, true) => 1
    assert(1, 1 > 2) => null
    assert(1, false, "no") => null
    get value({a: {b: 1}}, ["a", "b"]) => 1
    get value({a: 1}, ["a", "b"]) => null
    context put({a: 1}, ["x", "y"], 2) => {a: 1, x: {y: 2}}
    context merge({a: 1}, {b: 2}, {a: 3}) => {a: 3, b: 2}
    put({a: 1}, "b", 2) => {a: 1, b: 2}
    put all({a: 1}, {b: 2}) => {a: 1, b: 2}
    date and time(@"2020-07-31T14:27:30Z", "Asia/Tokyo") => 2020-07-31T23:27:30@Asia/Tokyo
    date and time(@"2020-07-31T14:27:30", "Z") => 2020-07-31T14:27:30Z
    duplicate values([1, 2, 3, 2, 1]) => [1, 2]
    string join(["a", "b"], ",", "[", "]") => "[a,b]"
    is empty([]) => true
    is empty([1]) => false
    partition([1, 2, 3, 4, 5], 2) => [[1, 2], [3, 4], [5]]
    partition([1], 0) => null
    cycle(duration("P7D")) => "R/P7D"
    cycle(duration("P1M")) => "R/P1M"
    cycle(3, duration("PT90M")) => "R3/PT1H30M"
    cycle(null, duration("P1Y")) => "R/P1Y"
    cycle(0, duration("P7D")) => "R0/P7D"
    cycle(1.5, duration("P7D")) => null
    cycle(-1, duration("P7D")) => null
    cycle(3, "P7D") => null
    string length(uuid()) => 36
    random number() < 1 => true
    extract("this is 1-2 and 3", "[0-9]+") => ["1", "2", "3"]
    trim("  a b ") => "a b"
    to base64("FEEL 👍") => "RkVFTCDwn5GN"
    from base64("RkVFTCDwn5GN") => "FEEL 👍"
    from base64("%") => null
    is blank("  ") => true
    is blank("a") => false
    last day of month(@"2024-02-01") => 2024-02-29
    last day of month(@"2026-02-01T10:00:00Z") => 2026-02-28
    number("1500.5") => 1500.5
    number("1,500", ",") => 1500
    from json("{\\"a\\": [1, 2.50, null]}") => {a: [1, 2.50, null]}
    from json("{") => null
    to json({a: 1, b: @"2026-01-31"}) => "{\\"a\\":1,\\"b\\":\\"2026-01-31\\"}"
    fromAi(5, "how many") => 5
    fromAi(value: 5, description: "how many", type: "number") => 5
    and([true, false]) => false
    or([true, false]) => true
    substring("abc", 7) => ""
""")
def test_camunda(expression: str, expected: str) -> None:
    assert evaluated(expression, "camunda8") == expected


def test_each_built_in_is_in_a_table() -> None:
    tables = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    untested = [name for name in LIBRARIES["camunda8"] if not re.search(rf"(?<!\w){re.escape(name)}\(", tables)]
    assert untested == []


def test_camunda_has_all_of_the_standard() -> None:
    assert LIBRARIES["dmn"].keys() <= LIBRARIES["camunda8"].keys()


def test_a_seed_makes_random_repeatable() -> None:
    expression = feel.compile("[uuid(), random number()]")
    assert expression.evaluate({}, seed=1) == expression.evaluate({}, seed=1)
    assert expression.evaluate({}, seed=1) != expression.evaluate({}, seed=2)
    assert expression.evaluate({}) != expression.evaluate({})


def test_uuid_is_of_version_4() -> None:
    assert re.fullmatch(
        r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", feel.compile("uuid()")({})
    )
