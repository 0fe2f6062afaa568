"""Random schemas, variables and submissions for the property tests of forms."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

KEYS = ["a", "b", "c", "d", "e", "f", "k", "g.x", "g.y", "n.0.m", "this"]
WORDS = """
a;b;x;abc;5;-1.5;1e3;0x10;NaN; ;a@b.co;+4930664040900;true;files::1;😀;__proto__
2024-02-29;2024-02-30;1899-12-31;10:30;10:30Z;24:00;2026-04-01T10:30Z;2026-04-01T10:30+02:00
"""
TEXTS = st.sampled_from(["", "line\nbreak", "\ud800", *WORDS.strip().replace("\n", ";").split(";")]) | st.text(
    max_size=8
)
NUMBERS = (
    st.integers(-20, 20)
    | st.integers()
    | st.decimals(-50, 50, places=2, allow_nan=False)
    | st.sampled_from([Decimal("1E+500"), Decimal("1E-500"), Decimal("NaN"), Decimal("Infinity"), 10**450, -0.5, 1e308])
    | st.floats()
)
LEAVES = st.none() | st.booleans() | NUMBERS | TEXTS
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | TEXTS, inner, max_size=3),
    max_leaves=12,
)
STORED_TEXTS = TEXTS.filter(lambda text: "\ud800" not in text)
STORED_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.decimals(-50, 50, places=2, allow_nan=False)
    | STORED_TEXTS
)
FORMULAS = """
=a; =a > b; =a = b; =not(c); =b = null; =this.a; =parent.a; =i; =i = 1; =a + 1; =d; =count(l); =g; =g.x; =l; =l.a
=if a = null then 1 else a + 1; =[a, b]; =[this, this]; =today(); =now(); =date("2024-01-05"); =((; =; a; =-; => 5
=for x in l return x.a; =every x in l satisfies x.a = 1; =function(x) x; =[1..3]; =["a", "b"]; ={a: b, "x y": [c]}
=string(a); =a, b; =a in [1..5]; =a in ("a", "b"); =is defined(a); =a between 1 and 5; =l[item.a = 1]; =a != "x"
"""
EXPRESSIONS = st.sampled_from(FORMULAS.strip().replace("\n", "; ").split("; "))
NAMES = st.sampled_from(["a", "b", "c", "d", "e", "f", "k", "g", "l", "m", "n", "other", "x"])
STORED = st.recursive(
    STORED_LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)
OPTIONS = st.lists(STORED_LEAVES | st.fixed_dictionaries({"label": STORED_TEXTS, "value": STORED}), max_size=4)
BOUNDS = STORED_LEAVES | EXPRESSIONS
TOTALS = st.sampled_from(["sum", "avg", "min", "max", "count", "total"])
KINDS = [
    "textfield",
    "textarea",
    "number",
    "checkbox",
    "radio",
    "select",
    "checklist",
    "taglist",
    "datetime",
    "filepicker",
    "expression",
]


@st.composite
def fields(draw: Any) -> dict[str, Any]:
    component: dict[str, Any] = {"type": draw(st.sampled_from(KINDS)), "key": draw(st.sampled_from(KEYS))}
    optional = {
        "id": STORED_TEXTS,
        "defaultValue": STORED,
        "readonly": st.booleans() | EXPRESSIONS,
        "disabled": st.booleans(),
        "conditional": st.fixed_dictionaries({"hide": EXPRESSIONS | STORED}),
        "validate": st.fixed_dictionaries(
            {},
            optional={
                "required": st.booleans(),
                "min": BOUNDS,
                "max": BOUNDS,
                "minLength": BOUNDS,
                "maxLength": BOUNDS,
                "pattern": STORED_TEXTS | st.sampled_from(["^a+$", "([", r"\d{2}", "(a+)+$", r"^\p{L}$"]),
                "validationType": st.sampled_from(["email", "phone", "custom"]),
            },
        ),
        "values": OPTIONS,
        "valuesKey": st.sampled_from(KEYS),
        "valuesExpression": EXPRESSIONS,
        "expression": EXPRESSIONS,
        "computeOn": st.sampled_from(["change", "presubmit", "never"]),
        "decimalDigits": BOUNDS,
        "increment": BOUNDS,
        "serializeToString": st.booleans(),
        "subtype": st.sampled_from(["date", "time", "datetime"]),
        "timeSerializingFormat": st.sampled_from(["utc_offset", "utc_normalized", "no_timezone"]),
        "timeInterval": st.sampled_from([1, 15, 60]),
        "disallowPassedDates": st.booleans(),
        "multiple": st.booleans() | EXPRESSIONS,
        "accept": STORED_TEXTS | EXPRESSIONS,
        "properties": STORED | st.fixed_dictionaries({"total": TOTALS}, optional={"totalKey": st.sampled_from(KEYS)}),
    }
    for name in draw(st.lists(st.sampled_from(sorted(optional)), max_size=5, unique=True)):
        component[name] = draw(optional[name])
    return component


def containers(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    components = st.lists(inner, max_size=4)
    group = st.fixed_dictionaries(
        {"type": st.just("group"), "components": components},
        optional={
            "path": st.sampled_from(["g", "h", "g.i"]),
            "conditional": st.fixed_dictionaries({"hide": EXPRESSIONS}),
            "readonly": st.booleans() | EXPRESSIONS,
            "disabled": st.booleans(),
        },
    )
    rows = st.fixed_dictionaries(
        {"type": st.just("dynamiclist"), "path": st.sampled_from(["l", "m", "g.l"]), "components": components},
        optional={
            "conditional": st.fixed_dictionaries({"hide": EXPRESSIONS}),
            "readonly": st.booleans() | EXPRESSIONS,
            "allowAddRemove": st.booleans(),
            "isRepeating": st.booleans(),
            "defaultRepetitions": st.integers(0, 3),
            "properties": STORED
            | st.fixed_dictionaries(
                {"component": st.just("lineItems")},
                optional={"minRows": st.sampled_from(["0", "1", 2, "x"]), "maxRows": st.sampled_from(["1", "3", -1])},
            ),
        },
    )
    return group | rows | tables(inner)


def tables(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Line items with a column that is summed, which is what they are for."""
    column = st.fixed_dictionaries(
        {
            "type": st.sampled_from(["number", "expression"]),
            "key": st.sampled_from(["a", "g.x"]),
            "expression": EXPRESSIONS,
            "properties": st.fixed_dictionaries({"total": TOTALS, "totalKey": st.sampled_from(["t", "g.t", "a"])}),
        }
    )
    return st.fixed_dictionaries(
        {
            "type": st.just("dynamiclist"),
            "path": st.sampled_from(["l", "m", "g.l"]),
            "components": st.tuples(column, inner).map(list),
            "properties": st.just({"component": "lineItems"}),
        }
    )


COMPONENTS = st.recursive(fields(), containers, max_leaves=6)
SCHEMAS = st.fixed_dictionaries({"id": st.just("form"), "components": st.lists(COMPONENTS, max_size=6)})
ROWS = st.lists(st.dictionaries(st.sampled_from(KEYS), LEAVES, max_size=3) | JSON, max_size=3)
DATA = st.dictionaries(NAMES, JSON | ROWS, max_size=6)
"""What may come from outside: whatever Python's JSON reader could make, and more."""

CONTEXTS = st.dictionaries(
    NAMES, STORED | st.lists(st.dictionaries(st.sampled_from(KEYS), STORED_LEAVES, max_size=3), max_size=3), max_size=6
)
"""Variables of a process: JSON as ``kernel.json`` reads it."""
