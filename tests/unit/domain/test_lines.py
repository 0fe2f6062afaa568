"""Tables that people edit: CSV in several spellings and Excel say the same."""

from __future__ import annotations

from datetime import date
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from bpm_server.domain.lines import Line, read_lines, write_csv, write_xlsx
from bpm_server.kernel.findings import RefusedFile

COLUMNS = ("id", "name", "day")
EXPECTED = [
    Line(2, {"id": "1", "name": "华东 区", "day": "2026-10-01"}),
    Line(4, {"id": "b", "name": 'x,"y"', "day": ""}),
]


def lines(data: bytes) -> list[Line]:
    return read_lines(data, "t.csv", COLUMNS, ("id",))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_csv_in_any_spelling(encoding: str, delimiter: str, ending: str) -> None:
    rows = ["id|name|day", "1|华东 区|2026-10-01", "||", 'b|"x,""y"""|', "# remark"]
    text = ending.join(rows).replace("|", delimiter) + ending
    assert lines(text.encode(encoding)) == EXPECTED


def test_excel_with_its_kinds_of_cells() -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["id", "name", "day", None], [1.0, "华东 区", date(2026, 10, 1)], [], ["b", 'x,"y"']):
        sheet.append(row)
    buffer = BytesIO()
    book.save(buffer)
    found = lines(buffer.getvalue())
    assert [one.number for one in found] == [2, 4]
    assert [[one[name] for name in COLUMNS] for one in found] == [["1", "华东 区", "2026-10-01"], ["b", 'x,"y"', ""]]


def test_a_text_over_several_lines_counts_from_its_first() -> None:
    found = lines(b'id,name\n1,"a\nb"\n2,c\n')
    assert [(one.number, one["name"]) for one in found] == [(2, "a\nb"), (4, "c")]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "missing: 'id'"),
        (b"name\nx\n", "t.csv:1: .* missing: 'id'"),
        (b"id,nmae\n", "unknown: 'nmae'"),
        (b"id,id\n", "twice: 'id'"),
        (b"id,name\n1,2,3\n", "t.csv:2: .* Expected 2 cells, but found 3"),
        (b'id\n"a\n', "Expected CSV, but found"),
        (b"id\n\x81\n", "CSV in UTF-8 or GB 18030"),
        (b"i\0d", "but found other bytes"),
        (b"PK\x03\x04rubbish", "to be an Excel workbook, but it cannot be read"),
    ],
)
def test_files_that_cannot_be(data: bytes, says: str) -> None:
    with pytest.raises(RefusedFile, match=says):
        lines(data)


TEXTS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), max_size=12).map(str.strip)


@given(st.lists(st.fixed_dictionaries({"id": TEXTS.filter(lambda t: t and not t.startswith("#")), "name": TEXTS})))
def test_what_is_written_is_read(written: list[dict[str, str]]) -> None:
    for data in (write_csv(COLUMNS[:2], written), write_xlsx("t", COLUMNS[:2], written)):
        assert [{"id": one["id"], "name": one["name"]} for one in lines(data)] == written


def test_no_cell_is_a_formula() -> None:
    sheet = load_workbook(BytesIO(write_xlsx("t", COLUMNS, [{"id": "=1+1", "name": "=HYPERLINK()"}]))).active
    assert sheet is not None
    assert {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value is not None} == {"s"}
