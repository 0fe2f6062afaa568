"""Line items: totals that nobody can forge, the number of rows, and what deployment says of wrong properties."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from bpm_server.domain import forms
from bpm_server.domain.forms.lineitems import TotalKind, total
from bpm_server.domain.forms.permissions import read_permissions
from bpm_server.kernel import json
from bpm_server.kernel.findings import RefusedFile

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)


def column(key: str = "amount", kind: str = "number", **properties: str) -> dict[str, Any]:
    return {"type": kind, "id": f"F-{key}", "key": key, "properties": properties}


def table(*columns: dict[str, Any], path: str = "lines", **more: Any) -> dict[str, Any]:
    properties = {"component": "lineItems", **more.pop("properties", {})}
    base = {"type": "dynamiclist", "id": f"L-{path}", "path": path, "properties": properties}
    return {**base, "components": list(columns), **more}


def schema(*components: dict[str, Any]) -> dict[str, Any]:
    return {"id": "f", "components": list(components)}


SUMMED = schema(
    table(column(total="sum", totalKey="sum"), {"type": "textfield", "id": "what", "key": "what"}),
    {"type": "expression", "id": "big", "key": "big", "expression": "=sum > 100"},
)


def submit(form: dict[str, Any], values: Any, context: dict[str, Any] | None = None, **more: Any) -> forms.Submission:
    return forms.from_schema(form).submit(context or {}, values, now=NOW, timezone="Asia/Shanghai", **more)


def lines(*amounts: Any) -> list[dict[str, Any]]:
    return [{"amount": amount} for amount in amounts]


def findings(form: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(one.severity, one.element or "", one.message) for one in forms.from_schema(form).findings]


# --- totals ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "values", "digits", "expected"),
    [
        ("sum", [Decimal("0.1"), Decimal("0.2")], None, Decimal("0.3")),
        ("sum", [], 2, 0),
        ("sum", [None, "", "x", True, {}, []], 2, 0),
        ("sum", ["1.50", 2, None], 2, Decimal("3.5")),
        (
            "sum",
            [10**30, Decimal("1E-30")],
            2,
            Decimal(f"1{'0' * 30}.{'0' * 29}1"),
        ),
        ("avg", [1, 2], None, Decimal("1.5")),
        ("avg", [1, 1, 2], 2, Decimal("1.33")),
        ("avg", [Decimal("0.01"), Decimal("0.02")], 2, Decimal("0.02")),
        ("avg", [Decimal("-0.01"), Decimal("-0.02")], 2, Decimal("-0.02")),
        ("avg", [1, 0, 0], None, Decimal("0.3333333333")),
        ("avg", [], 2, None),
        ("min", [3, Decimal("-1.5"), None], 2, Decimal("-1.5")),
        ("max", [3, "10", None], 2, 10),
        ("max", [None], 2, None),
        ("count", [0, None, "", "7"], 2, 2),
    ],
)
def test_totals_keep_every_digit(kind: str, values: list[Any], digits: int | None, expected: Any) -> None:
    found = total(TotalKind(kind), values, digits)
    assert (found, type(found)) == (expected, type(expected))


def test_a_total_is_added_beside_its_list_and_seen_by_expressions() -> None:
    result = submit(SUMMED, {"lines": lines(Decimal("60.1"), Decimal("40.2"))})
    assert result.errors == ()
    assert (result.values["sum"], result.values["big"]) == (Decimal("100.3"), True)


@pytest.mark.parametrize("forged", [0, 1_000_000, None, "x", {}, [], "=sum(lines.amount)"])
def test_a_total_that_somebody_sends_counts_for_nothing(forged: Any) -> None:
    sent = {"lines": lines(1, 2), "what": "x"}
    assert submit(SUMMED, {**sent, "sum": forged}, {"sum": 9}) == submit(SUMMED, sent, {"sum": 9})
    assert submit(SUMMED, {**sent, "sum": forged}).values["sum"] == 3


def test_a_list_without_rows_has_a_total_of_nothing() -> None:
    assert submit(SUMMED, {}, {"lines": lines(5), "sum": 5}).values["sum"] == 0
    kept = submit(SUMMED, {}, {"lines": lines(5), "sum": 4}, whole=False)
    assert kept.values["sum"] == 5, "the total follows its list, whatever the process holds"


def test_hidden_cells_and_columns_do_not_count() -> None:
    hide = {"conditional": {"hide": "=this.what = null or this.what = parent.without"}}
    form = schema(
        {"type": "textfield", "id": "w", "key": "without"},
        table({"type": "textfield", "id": "what", "key": "what"}, {**column(total="sum", totalKey="sum"), **hide}),
    )
    sent = [{"what": "a", "amount": 1}, {"what": "b", "amount": 2}]
    assert submit(form, {"without": "a", "lines": sent}).values["sum"] == 2
    assert submit(form, {"without": "c", "lines": sent}).values["sum"] == 3


def test_a_hidden_list_has_no_total() -> None:
    form = schema(table(column(total="sum", totalKey="sum"), conditional={"hide": "=kind = 1"}))
    assert submit(form, {"lines": lines(1)}, {"kind": 1}).values == {}
    assert submit(form, {"lines": lines(1)}, {"kind": 2}).values == {"lines": lines(1), "sum": 1}


def test_totals_lie_where_their_list_does() -> None:
    inner = table(column("cost.net", total="sum", totalKey="sums.net"), path="order.lines")
    group = {"type": "group", "id": "G", "path": "trip", "components": [inner]}
    outer = {"type": "dynamiclist", "id": "L", "path": "days", "components": [group]}
    sent = {"days": [{"trip": {"order": {"lines": [{"cost": {"net": 1}}, {"cost": {"net": Decimal("0.5")}}]}}}, {}]}
    first, second = submit(schema(outer), sent).values["days"]
    assert first["trip"]["sums"] == {"net": Decimal("1.5")}
    assert second["trip"]["sums"] == {"net": 0}


def test_a_computed_column_is_summed_after_it_was_computed() -> None:
    product = {**column("worth", "expression", total="sum", totalKey="sum"), "expression": "=this.n * this.price"}
    form = schema(table(column("n"), column("price"), product))
    sent = [{"n": 3, "price": Decimal("0.1"), "worth": 99}, {"n": 1, "price": Decimal("0.2")}]
    assert submit(form, {"lines": sent, "sum": 99}).values["sum"] == Decimal("0.5")


def test_a_computed_column_that_follows_its_own_total_comes_to_an_end() -> None:
    circle = {**column("share", "expression", total="sum", totalKey="sum"), "expression": "=sum + 1"}
    result = submit(schema(table(circle)), {"lines": [{}, {}]})
    assert result.errors == ()


def test_a_read_only_list_is_summed_too() -> None:
    form = schema(table(column(total="sum", totalKey="sum"), readonly=True))
    assert submit(form, {"lines": lines(9)}, {"lines": lines(1, 2)}).values["sum"] == 3


def test_a_list_with_a_wrong_row_goes_with_its_total() -> None:
    wrong = submit(SUMMED, {"lines": lines(1, "many")}, {"lines": lines(7), "sum": 7})
    assert [(error.path, error.kind) for error in wrong.errors] == [(("lines", 1, "amount"), "notANumber")]
    assert forms.without_errors(wrong, {"lines": lines(7), "sum": 7}) == {"big": False}


def test_the_form_knows_the_total_as_its_own() -> None:
    assert forms.from_schema(SUMMED).names == {"lines", "sum", "big"}


# --- the number of rows ---------------------------------------------------------------------------------

BOUNDED = schema(table(column(), properties={"minRows": "1", "maxRows": "2"}))


@pytest.mark.parametrize(("rows", "expected"), [(0, [("minRows", 1)]), (1, []), (2, []), (3, [("maxRows", 2)])])
def test_the_number_of_rows_is_checked_at_the_list(rows: int, expected: list[tuple[str, int]]) -> None:
    result = submit(BOUNDED, {"lines": lines(*range(rows))})
    assert [(error.kind, error.param) for error in result.errors] == expected
    assert all((error.path, error.key, error.field_id) == (("lines",), "lines", "L-lines") for error in result.errors)
    for error in result.errors:
        assert forms.error_text(error, "zh-CN") != forms.error_text(error, "en")


@pytest.mark.parametrize("more", [{"readonly": True}, {"allowAddRemove": False}, {"readonly": "=true"}])
def test_nobody_is_asked_for_rows_that_they_cannot_add(more: dict[str, Any]) -> None:
    form = schema(table(column(), properties={"minRows": "3"}, **more))
    assert submit(form, {}, {"lines": lines(1)}).errors == ()


def test_a_plain_list_has_no_bounds() -> None:
    plain = {**table(column()), "properties": {"minRows": "5"}}
    assert submit(schema(plain), {"lines": []}).errors == ()


# --- permissions, drafts --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ({"lines.amount": "hide"}, None),
        ({"lines.amount": "mask"}, "••••"),
        ({"lines": "hide"}, None),
        ({"*": "hide"}, None),
        ({"lines.amount": "hide", "sum": "read"}, 8),
        ({"lines.amount": "read"}, 8),
        ({"sum": "hide"}, None),
    ],
)
def test_a_total_is_as_secret_as_its_column(words: dict[str, str], shown: Any) -> None:
    found = read_permissions({f"field.{name}": word for name, word in words.items()})
    assert found is not None
    data = found.shown_data(SUMMED, {"lines": lines(3, 5), "sum": 8})
    assert data.get("sum") == shown
    assert ("sum" in found.secrets(SUMMED)) is (shown != 8)


def test_the_total_of_a_kept_back_column_is_computed_all_the_same() -> None:
    found = read_permissions({"field.lines.amount": "hide"})
    assert found is not None
    result = submit(found.narrowed_schema(SUMMED), {"lines": [{"what": "a"}], "sum": 1}, {"lines": lines(3), "sum": 8})
    assert result.values["sum"] == 3


def test_the_total_of_a_secret_list_is_secret() -> None:
    secret = {**SUMMED, "components": [{**SUMMED["components"][0]}]}
    secret["components"][0]["properties"] = {**secret["components"][0]["properties"], "secret": "true"}
    assert forms.secret_names(secret) == {"lines", "sum"}
    assert forms.secret_names(SUMMED) == frozenset()


# --- deployment -----------------------------------------------------------------------------------------


def test_a_good_table_has_no_findings() -> None:
    product = {**column("worth", "expression", total="avg", label="Worth"), "expression": "=this.amount"}
    bounds = {"minRows": "0", "maxRows": "2000"}
    assert findings(schema(table(column(total="sum", totalKey="a.b"), product, properties=bounds))) == []


@pytest.mark.parametrize(
    ("component", "severity", "element", "told"),
    [
        (table(column(), properties={"component": "grid"}), "error", "L-lines", "'component'"),
        (table(column(), isRepeating=False), "error", "L-lines", "isRepeating"),
        (column(component="lineItems"), "error", "F-amount", "'lineItems' at a dynamiclist"),
        (table(column(), properties={"minRows": "-1"}), "error", "L-lines", "'minRows'"),
        (table(column(), properties={"maxRows": "many"}), "error", "L-lines", "'maxRows'"),
        (table(column(), properties={"maxRows": "2001"}), "error", "L-lines", "2000"),
        (table(column(), properties={"minRows": "3", "maxRows": "2"}), "error", "L-lines", "'minRows' up to 'maxRows'"),
        (table(column(), properties={"minRows": "1"}, allowAddRemove=False), "warning", "L-lines", "'minRows'"),
        (table(column(), properties={"total": "sum"}), "error", "L-lines", "'total' at a column"),
        (table(column(minRows="1")), "error", "F-amount", "'minRows' at a list"),
        (table(column(total="total")), "error", "F-amount", "sum, avg, min, max, count"),
        (table(column(kind="textfield", total="sum")), "error", "F-amount", "number or expression"),
        (table(column(totalKey="sum")), "error", "F-amount", "'total' to be one of"),
        (table(column(total="sum", totalKey=".")), "error", "F-amount", "'totalKey'"),
        (table(column(total="sum", totalKey="a..b")), "error", "F-amount", "names with dots"),
        (table(column(total="sum", totalKey="lines")), "error", "F-amount", "'totalKey' of its own"),
        (table(column(total="sum", totalKey="lines.x")), "error", "F-amount", "'totalKey' of its own"),
        (column(total="sum"), "error", "F-amount", "'total' in a list"),
        ({**table(column(total="sum")), "properties": {}}, "error", "F-amount", "'total' in a list"),
        ({**table(column()), "properties": {"maxRows": "2"}}, "error", "L-lines", "'maxRows' at a list with"),
        (table({"type": "group", "id": "G", "components": []}), "warning", "G", "a field as column"),
    ],
)
def test_wrong_properties_are_found(component: dict[str, Any], severity: str, element: str, told: str) -> None:
    found = findings(schema(component))
    assert [(one[0], one[1]) for one in found] == [(severity, element)], found
    assert told in found[0][2]


def test_an_expression_with_a_total_needs_a_label() -> None:
    product = {**column("worth", "expression", total="sum"), "expression": "=1"}
    assert [one[:2] for one in findings(schema(table(product)))] == [("warning", "F-worth")]


def test_a_key_that_a_later_field_has_is_found_at_the_total() -> None:
    form = schema(table(column(total="sum", totalKey="sum")), {"type": "number", "id": "late", "key": "sum"})
    with pytest.raises(RefusedFile) as refused:
        forms.read(json.dumps_bytes(form), name="f.form")
    assert [(one.element, one.rule, one.file) for one in refused.value.findings] == [
        ("F-amount", "form-duplicate", "f.form")
    ]
