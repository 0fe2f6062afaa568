"""``bpm-server feel``, ``decide`` and ``dmn``: what they print, where, and their exit status."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from openpyxl import load_workbook

from bpm_server import dmn
from bpm_server.cli.main import main
from bpm_server.kernel import json
from tests.unit.dmn.models import CAMUNDA8, decision, definitions, table, text

if TYPE_CHECKING:
    from pathlib import Path

DISCOUNT = decision("discount", table(["amount"], ["percent"], ["< 1000 | 0", "[1000..5000] | 2.50"]))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A DMN file with one decision table."""
    path = tmp_path / "discount.dmn"
    path.write_bytes(definitions(DISCOUNT, attributes=CAMUNDA8))
    return path


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["0.1 + 0.2 = x", "--input", '{"x": 0.3}'], "true"),
        (["x", "--input", '{"x": 500000.01}'], "500000.01"),
        (['{a: @"2026-01-31" + @"P1M"}'], '{"a":"2026-02-28"}'),
        (["[1..5), 9", "--tested", "4"], "true"),
        (["[1..5), 9", "--tested", "5"], "false"),
        (["order total * 2", "--dialect", "dmn", "--input", '{"order total": 4}'], "8"),
        (["order.net sum", "--dialect", "dmn", "--input", '{"order": {"net sum": 4}}'], "4"),
    ],
)
def test_feel_prints_the_value_as_json(capsys: pytest.CaptureFixture[str], arguments: list[str], printed: str) -> None:
    assert main(["feel", *arguments]) == 0
    assert capsys.readouterr() == (f"{printed}\n", "")


def test_feel_says_why_the_value_is_null(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["feel", "1 + missing"]) == 1
    shown = capsys.readouterr()
    assert shown.out == "null\n"
    assert (
        "warning: Expected a variable 'missing', but found none of that name (line 1, column 5: missing)" in shown.err
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["1 +"], "Expected an expression at line 1, column 4, but found the end of the expression"),
        (["1", "--input", "[1]"], "Expected --input to be a JSON object, but found list"),
        (["1", "--input", "{"], "Expected JSON, but found"),
        (["1", "--input", "@nowhere.json"], "Expected a JSON file 'nowhere.json', but there is none"),
        (["function(x) x"], "Expected a value that has a JSON form"),
    ],
)
def test_feel_refuses_what_it_cannot_do(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    assert main(["feel", *arguments]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert message in shown.err


def test_decide_prints_the_value(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decide", str(model), "discount", "--input", '{"amount": 4999.99}']) == 0
    variables = tmp_path / "input.json"
    variables.write_text('{"amount": 999}', encoding="utf-8")
    assert main(["decide", str(model), "discount", "--input", f"@{variables}"]) == 0
    assert capsys.readouterr() == ("2.50\n0\n", "")


def test_decide_explains(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decide", str(model), "discount", "--input", '{"amount": 1000}', "--explain"]) == 0
    explained = json.loads(capsys.readouterr().out)
    (one,) = explained["decisions"]
    assert (one["id"], one["type"], one["inputs"]) == ("discount", "decision table", {"amount": 1000})
    assert [(rule["id"], rule["index"]) for rule in one["rules"]] == [("r2", 2)]
    assert str(explained["value"]) == "2.50"


def test_decide_says_what_failed(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decide", str(model), "nothing"]) == 1
    assert "Expected a decision 'nothing' in 'discount.dmn', but found none" in capsys.readouterr().err
    broken = decision("d", table(["n"], ["x"], ["- | 1", "- | 2"]))
    model.write_bytes(definitions(broken, attributes=CAMUNDA8))
    assert main(["decide", str(model), "d"]) == 1
    shown = capsys.readouterr()
    assert shown.out == "null\n"
    assert "Expected one rule that matches, but found rules 1, 2" in shown.err


def test_decide_lists_every_finding_of_a_refused_file(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model.write_bytes(definitions(decision("d", table(["n"], ["x"], ["1 + | 1", "- | )"])), attributes=CAMUNDA8))
    assert main(["decide", str(model), "d"]) == 1
    shown = capsys.readouterr().err.splitlines()
    assert [line.partition(": Expected")[0] for line in shown if ": error" in line] == [
        "discount.dmn:1: error [r1]: decision 'd', rule 1, input 'n'",
        "discount.dmn:1: error [r2]: decision 'd', rule 2, output",
    ]


def test_decide_finds_imported_models_beside_the_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rate = decision("rate", text("0.25"))
    (tmp_path / "base.dmn").write_bytes(definitions(rate, namespace="urn:base"))
    (tmp_path / "other.dmn").write_bytes(b"no DMN at all")
    wanted = '<import name="base" namespace="urn:base" importType="https://www.omg.org/spec/DMN/20230324/MODEL/"/>'
    tax = (
        '<decision id="tax" name="tax"><variable name="tax"/><informationRequirement>'
        '<requiredDecision href="urn:base#rate"/></informationRequirement>'
        f"{text('base.rate * 100')}</decision>"
    )
    (tmp_path / "tax.dmn").write_bytes(definitions(wanted, tax))
    assert main(["decide", str(tmp_path / "tax.dmn"), "tax"]) == 0
    assert capsys.readouterr() == ("25\n", "")


def test_tables_go_to_excel_and_back(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workbook = tmp_path / "tables.xlsx"
    assert main(["dmn", "to-xlsx", str(model), str(workbook)]) == 0
    book = load_workbook(workbook)
    book["discount"]["C13"] = 5
    book.save(workbook)
    before = model.read_bytes()
    other = tmp_path / "other.dmn"
    assert main(["dmn", "from-xlsx", str(workbook), str(model), "--out", str(other)]) == 0
    assert model.read_bytes() == before
    assert dmn.load(other.read_bytes(), name="o").evaluate("discount", {"amount": 1000}).value == 5
    assert main(["dmn", "from-xlsx", str(workbook), str(model)]) == 0
    assert dmn.load(model.read_bytes(), name="m").evaluate("discount", {"amount": 1000}).value == 5
    made = tmp_path / "made.dmn"
    assert main(["dmn", "from-xlsx", str(workbook), str(made)]) == 0
    assert dmn.load(made.read_bytes(), name="made").evaluate("discount", {"amount": 1000}).value == 5
    assert capsys.readouterr().err == ""


def test_a_wrong_cell_leaves_the_file_as_it_is(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    book = load_workbook(BytesIO(dmn.to_xlsx(model.read_bytes(), name="discount.dmn")))
    book["discount"]["B12"] = "< "
    book["discount"]["C13"] = "=A1"
    workbook = tmp_path / "tables.xlsx"
    book.save(workbook)
    before = model.read_bytes()
    assert main(["dmn", "from-xlsx", str(workbook), str(model)]) == 1
    assert "Sheet 'discount', cell C13: Expected a value, but found a formula" in capsys.readouterr().err
    book["discount"]["C13"] = "1"
    book.save(workbook)
    assert main(["dmn", "from-xlsx", str(workbook), str(model)]) == 1
    assert (
        "Sheet 'discount', cell B12: decision 'discount', rule 1, input 'amount': Expected" in capsys.readouterr().err
    )
    assert model.read_bytes() == before


def test_what_is_no_workbook_is_refused(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dmn", "from-xlsx", str(model), str(model)]) == 1
    assert "Expected 'discount.dmn' to be an Excel workbook" in capsys.readouterr().err
    assert main(["dmn", "to-xlsx", str(tmp_path / "none.dmn"), str(tmp_path / "out.xlsx")]) == 1
    assert "none.dmn', but there is none" in capsys.readouterr().err


def test_lint_names_rule_and_cell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logic = table(["n"], ["x"], ["< 5 | 1", "< 6 | 2", "> 6 | )"])
    file = tmp_path / "d.dmn"
    file.write_bytes(definitions(decision("d", logic), attributes=CAMUNDA8))
    assert main(["lint", str(tmp_path)]) == 1
    shown = capsys.readouterr()
    assert shown.out.splitlines() == [
        (
            f"{file}:1: error [r3]: decision 'd', rule 3, output: Expected an expression at line 1, column 1, "
            "but found ')' (feel-syntax)"
        ),
        (
            f"{file}:1: warning [r1]: decision 'd': Expected at most one of rules 1 and 2, but both match n < 5 "
            "(dmn-overlapping-rules)"
        ),
        f"{file}:1: warning: decision 'd': Expected a rule for all values, but found none for n = 6 (dmn-missing-rule)",
    ]
    assert shown.err == "1 files: 1 errors, 2 warnings, 0 remarks\n"


def test_lint_finds_imports_among_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "base.dmn").write_bytes(definitions(decision("rate", text("0.25")), namespace="urn:base"))
    (tmp_path / "tax.dmn").write_bytes(definitions('<import name="base" namespace="urn:base" importType="DMN"/>'))
    assert main(["lint", "--json", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert main(["lint", "--json", str(tmp_path / "tax.dmn")]) == 1
    (finding,) = json.loads(capsys.readouterr().out)
    assert (finding["rule"], finding["file"]) == ("dmn-import", str(tmp_path / "tax.dmn"))
