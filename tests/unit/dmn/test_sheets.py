"""Decision tables to Excel and back."""

from __future__ import annotations

from datetime import date, datetime, time
from io import BytesIO
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from bpm_server import dmn
from bpm_server.dmn.reader import read
from bpm_server.dmn.sheetwriter import tables_of
from bpm_server.kernel.errors import InvalidInput
from bpm_server.kernel.findings import RefusedFile
from tests.unit.dmn.models import CAMUNDA7, CAMUNDA8, decision, definitions, table, text
from tests.unit.dmn.sheetvalues import as_values, same

RULES = ['"A" | < 10 | 1 | "x"', '- | [10..20) | n + 1 | "=cmd"', 'not("B") | - | 3 | "👍"']
DATA = definitions(
    decision("price", table(["level", "amount : [0..100]"], ["cost : 1, 2, 3 = 2", "note"], RULES, hit="FIRST")),
    decision("other", text("1 + 1")),
    attributes=CAMUNDA8,
)


def workbook(data: bytes = DATA) -> Workbook:
    """The workbook of a file, as Excel opens it."""
    return load_workbook(BytesIO(dmn.to_xlsx(data, name="m.dmn")))


def back(book: Workbook, into: bytes | None = DATA) -> bytes:
    """The file of an edited workbook."""
    buffer = BytesIO()
    book.save(buffer)
    return dmn.from_xlsx(buffer.getvalue(), name="tables.xlsx", into=into)


def tables(data: bytes) -> list[Any]:
    """All tables as plain values."""
    return [(kind, element.id, as_values(found)) for kind, element, found in tables_of(read(data, name="m.dmn"))]


def test_the_sheet_has_heads_that_people_can_read() -> None:
    sheet = workbook()["price"]
    rows = [[cell.value for cell in row[:6]] for row in sheet.iter_rows(min_row=1, max_row=14)]
    assert rows[0][:3] == ["Decision", "price", "id: price"]
    assert rows[1][:2] == ["Hit policy", "FIRST"]
    assert rows[2] == ["Column", "Input", "Input", "Output", "Output", "Description"]
    assert rows[4] == ["Expression", "level", "amount", "cost", "note", None]
    assert rows[6] == ["Allowed", None, "[0..100]", "1, 2, 3", None, None]
    assert rows[7] == ["Default", None, None, "2", None, None]
    assert rows[11] == [1, '"A"', "< 10", "1", '"x"', None]
    assert sheet.freeze_panes == "B12"
    assert sheet.row_dimensions[11].hidden


@pytest.mark.parametrize("cell", ["=1+1", "@SUM(A1)", "+1", "-1", "=cmd|' /C calc'!A0"])
def test_no_cell_becomes_a_formula(cell: str) -> None:
    data = definitions(decision("d", table(["n"], ["x"], ["- | 7"]))).replace(b"<text>7<", f"<text>{cell}<".encode())
    sheet = workbook(data)["d"]
    assert (sheet["C12"].value, sheet["C12"].data_type) == (cell, "s")


def test_there_and_back_changes_nothing() -> None:
    assert same(tables(DATA), tables(back(workbook())))


def test_what_is_not_a_table_stays_as_it_is() -> None:
    assert b"<text>1 + 1</text>" in back(workbook())


def test_without_a_file_a_new_one_is_made() -> None:
    data = back(workbook(), into=None)
    assert same([each[2]["rules"] for each in tables(DATA)], [each[2]["rules"] for each in tables(data)])
    model = dmn.load(data, name="m")
    assert model.evaluate("price", {"level": "A", "amount": 5}).value == {"cost": 1, "note": "x"}


def test_of_camunda_7_languages_and_variables_come_back() -> None:
    logic = (
        '<decisionTable><input id="i" camunda:inputVariable="v"><inputExpression expressionLanguage="juel">'
        "<text>amount</text></inputExpression></input><output id='o' name='x'/>"
        "<rule id='r'><description>why</description><inputEntry id='a' expressionLanguage='juel'><text>${v > 5}</text>"
        "</inputEntry><outputEntry id='b'><text>1</text></outputEntry></rule></decisionTable>"
    )
    data = definitions(decision("d", logic), attributes=CAMUNDA7, version="1.3")
    assert same(tables(data), tables(back(workbook(data), data)))


def test_rules_and_columns_can_be_added_moved_and_deleted() -> None:
    book = workbook()
    sheet = book["price"]
    sheet.delete_rows(12)
    for column, value in enumerate(['"C"', 50, 2, "true"], 2):
        sheet.cell(14, column).value = value
    model = dmn.load(back(book), name="m")
    assert model.evaluate("price", {"level": "C", "amount": 50}).value == {"cost": 3, "note": "👍"}
    (logic,) = (found for _, _, found in tables_of(model.definitions))
    assert [rule.id for rule in logic.rules[:2]] == ["r2", "r3"]
    assert [cell.text for cell in logic.rules[2].inputs + logic.rules[2].outputs] == ['"C"', "50", "2", "true"]
    assert len({rule.id for rule in logic.rules}) == 3


@pytest.mark.parametrize(
    ("typed", "text_"),
    [
        (5, "5"),
        (0.1, "0.1"),
        (1e21, "1000000000000000000000"),
        (True, "true"),
        (date(2026, 1, 31), 'date("2026-01-31")'),
        (datetime(2026, 1, 31, 12, 30), 'date and time("2026-01-31T12:30:00")'),  # noqa: DTZ001 - as Excel has it
        (time(12, 30), 'time("12:30:00")'),
    ],
)
def test_what_is_typed_into_excel_becomes_a_literal(typed: Any, text_: str) -> None:
    book = workbook()
    book["price"]["D12"].value = typed
    ((_, _, found),) = tables(back(book))
    assert found["rules"][0]["outputs"][0]["text"] == text_


@pytest.mark.parametrize(
    ("cell", "value", "message"),
    [
        ("B12", "< ", "cell B12: decision 'price', rule 1, input 'level': Expected"),
        ("D13", "1 +", "cell D13: decision 'price', rule 2, output 'cost': Expected"),
        ("C5", "(", "cell C5: decision 'price', input 2: Expected"),
        ("D8", ")", "cell D8: decision 'price', default output: Expected"),
        ("D12", "=A1+1", "cell D12: Expected a value, but found a formula"),
        ("B3", "Inputs", "cell B3: Expected Input, Output, Annotation or Description, but found 'Inputs'"),
        ("A5", "Expressions", "cell A5: Expected 'Expression', but found 'Expressions'"),
        ("C1", "id: nothing", "cell C1: Expected the id of a decision in the file, but found 'nothing'"),
        ("B2", "MAYBE", "Expected a hit policy, but found 'MAYBE'"),
    ],
)
def test_errors_name_the_cell(cell: str, value: str, message: str) -> None:
    book = workbook()
    book["price"][cell].value = value
    with pytest.raises(RefusedFile) as refused:
        back(book)
    assert any(message in finding.message for finding in refused.value.findings), refused.value.message


def test_what_is_no_workbook_is_refused() -> None:
    for data in (b"", b"PK\x03\x04", DATA):
        with pytest.raises(RefusedFile, match="to be an Excel workbook, but it cannot be read"):
            dmn.from_xlsx(data, name="x.xlsx")
    book = Workbook()
    with pytest.raises(RefusedFile, match="Expected a sheet with a decision table, but found none"):
        back(book)


def test_a_file_without_tables_has_no_workbook() -> None:
    with pytest.raises(InvalidInput, match=r"Expected a decision table in 'm.dmn', but found none"):
        dmn.to_xlsx(definitions(decision("d", text("1"))), name="m.dmn")


def test_titles_of_sheets_are_what_excel_takes() -> None:
    names = ["a/b:c", "a/b:c ", "x" * 40, "x" * 41]
    logic = table(["n"], ["x"], ["- | 1"])
    decisions = [f'<decision id="d{n}" name="{name}">{logic}</decision>' for n, name in enumerate(names)]
    data = definitions(*decisions)
    assert workbook(data).sheetnames == ["a b c", "a b c (2)", "x" * 31, "x" * 27 + " (2)"]
    assert same(tables(data), tables(back(workbook(data), data)))


def test_a_cell_longer_than_excel_takes_is_refused() -> None:
    data = definitions(decision("d", table(["n"], ["x"], ["- | " + '"' + "x" * 40_000 + '"'])))
    with pytest.raises(InvalidInput, match="Expected texts of at most 32767 characters, but that of C12 has 40002"):
        dmn.to_xlsx(data, name="m")
