"""A case on paper: as a page and as PDF, in the reader's language, with what they may see."""

from __future__ import annotations

import io
import os
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from PIL import Image

from bpm_server.kernel.errors import InvalidInput
from bpm_server.reports.process_models import models
from bpm_server.reports.timeline import Item
from bpm_server.store.tables.instances import process_instance
from bpm_server.store.tables.tasks import user_task
from bpm_server.web.pages import formats, paper
from bpm_server.web.pages.form_values import Entry, Table, form_values
from bpm_server.web.pages.printing import Act, Part, Sheet, acts

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.product import Product

pdfium: Any = pytest.importorskip("pypdfium2", reason="pip install pypdfium2 (extra 'test')")
AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


@pytest.fixture
def case(company: Product) -> int:
    """An order that has been decided."""
    t = user_task
    return int(company.scalars(sa.select(t.c.instance_key).where(t.c.state == "COMPLETED").order_by(t.c.key))[0])


def test_a_page_for_paper(browser: Callable[..., Any], case: int) -> None:
    page = browser("admin", password="administrator").get(f"/instances/{case}/print")
    assert page.status == 200
    facts = dict(zip(page.texts(".pairs th"), page.texts(".pairs td"), strict=True))
    assert facts["Case"] == str(case)
    values = dict(zip(page.texts(".pair dt"), page.texts(".pair dd"), strict=True))
    assert values["Order number"].startswith("SO-2026-")
    assert "Chinese yuan CNY" in values["Currency"]
    told = page.texts(".acts tbody tr")
    assert "started the case" in told[0]
    assert any("Approved" in one for one in told)
    assert page.texts("h2")[:1] == ["Request"]


def test_a_pdf_says_the_same_in_chinese(browser: Callable[..., Any], case: int) -> None:
    person = browser("admin", password="administrator", language="zh-CN")
    reply = person.client.get(f"/instances/{case}/print.pdf", headers={"Accept-Language": "zh-CN"})
    assert reply.status_code == 200
    assert reply.headers["Content-Type"] == "application/pdf"
    assert reply.headers["Content-Disposition"].startswith("inline;")
    document = pdfium.PdfDocument(reply.data)
    keep(document, "order")
    text = "\n".join(page.get_textpage().get_text_range() for page in document)
    for part in ("SO-2026-", "订单号", "审批过程", f"第 1 页，共 {len(document)} 页", "发起人"):
        assert part in text
    assert "\ufffd" not in text


def keep(document: Any, name: str) -> None:
    """Pictures of the pages, where somebody wants to look at them."""
    folder = os.environ.get("BPM_SHOTS")
    if folder:
        for number, page in enumerate(document):
            page.render(scale=1.5).to_pil().save(Path(folder) / f"pdf-{name}-{number}.png")


def test_who_may_not_see_a_case_gets_no_paper(browser: Callable[..., Any], case: int) -> None:
    person = browser("sun.li")
    for path in (f"/instances/{case}/print", f"/instances/{case}/print.pdf"):
        assert person.client.get(path, headers={"Accept": "text/html"}).status_code == 403


def no_signature(document_id: str) -> bytes | None:
    pytest.fail(f"Expected no signature to be read, but {document_id} was")


def drawn(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGBA", (width, height), (16, 35, 63, 90)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "is_shown"),
    [
        (drawn(96, 32), True),
        (drawn(4_000, 2_000), False),
        (drawn(96, 32)[:60], False),
        (b"GIF89a", False),
        (None, False),
    ],
)
def test_a_signature_is_drawn_where_it_is_one(app: Any, content: bytes | None, *, is_shown: bool) -> None:
    entry = Entry("签名", "signature.png", "d1")
    sheet = Sheet("t", "n", "", (), (Part("申请", (entry,)),), (), (), is_cut=False, made="")
    asked: list[str] = []

    def signature(document_id: str) -> bytes | None:
        asked.append(document_id)
        return content

    with app.test_request_context("/", headers={"Accept-Language": "zh-CN"}):
        document = pdfium.PdfDocument(paper.pdf(sheet, "", "zh-CN", signature))
    text = document[0].get_textpage().get_text_range()
    assert "签名" in text
    assert ("signature.png" in text) is not is_shown
    assert asked == ["d1"]


def test_hostile_and_long_texts(app: Any) -> None:
    long = "很长的说明" * 3_000
    rows = tuple((f"第 {number} 行", "1") for number in range(120))
    sheet = Sheet(
        title="<b>报销</b> & more",
        number="N/1",
        state="",
        facts=(Entry("a", "<img src=x>\x00"),),
        parts=(
            Part("申请", (Entry("说明", long), Table("明细", ("名称", "金额"), rows))),
            Part("空", (Table("无列", (), ()),)),
        ),
        acts=tuple(Act(AT, "张伟", "同意 <script>", "😀", long) for _ in range(3)),
        files=("a&b.pdf",),
        is_cut=True,
        made="x" * 300,
    )
    with app.test_request_context("/", headers={"Accept-Language": "zh-CN"}):
        document = pdfium.PdfDocument(paper.pdf(sheet, "", "zh-CN", no_signature))
    keep(document, "hostile")
    text = "\n".join(page.get_textpage().get_text_range() for page in document)
    assert len(document) > 3
    assert "<img src=x>" in text and "<script>" in text and "第 119 行" in text
    assert "共" in text


def test_only_what_people_do_are_acts(app: Any, company: Product, case: int) -> None:
    t = process_instance
    definition = company.scalars(sa.select(t.c.process_definition_key).where(t.c.key == case))
    process = models(company.server, definition)[definition[0]]
    with app.test_request_context("/", headers={"Accept-Language": "en"}):
        made = acts(
            [
                Item(AT, "work", None, "review"),
                Item(AT, "answered", "zhang.wei", "review", values={"outcome": "approved", "comment": "好"}),
            ],
            process,
        )
    assert [(one.decision, one.comment) for one in made] == [("Approved", "好")]


def test_a_font_file_that_is_none(app: Any) -> None:
    with app.test_request_context("/"), pytest.raises(InvalidInput, match="Expected BPM_PRINT_FONT"):
        paper.pdf(Sheet("t", "n", "", (), (), (), (), False, ""), "/nowhere.ttf", "en", no_signature)


LINES: dict[str, Any] = {
    "components": [
        {
            "type": "dynamiclist",
            "path": "lines",
            "label": "明细",
            "properties": {"component": "lineItems"},
            "components": [
                {"type": "textfield", "key": "item", "label": "项目"},
                {"type": "number", "key": "n", "label": "数量", "properties": {"total": "count"}},
                {
                    "type": "number",
                    "key": "price",
                    "label": "单价",
                    "decimalDigits": 2,
                    "appearance": {"prefixAdorner": "¥"},
                    "properties": {"total": "avg"},
                },
                {
                    "type": "expression",
                    "key": "worth",
                    "properties": {"label": "金额", "decimalDigits": "2", "total": "sum"},
                },
                {"type": "expression", "key": "unseen", "properties": {"total": "sum"}},
            ],
        }
    ]
}


def test_line_items_are_numbered_and_totalled(app: Any) -> None:
    rows = [
        {"item": "a", "n": 2, "price": Decimal("1000.1"), "worth": Decimal("2000.2"), "unseen": 1},
        {"item": None, "price": "••••", "worth": Decimal("0.1")},
    ]
    with app.test_request_context("/", headers={"Accept-Language": "zh-CN"}):
        (table,) = form_values(LINES, {"lines": rows}, set())
        sheet = Sheet("t", "n", "", (), (Part("申请", (table,)),), (), (), is_cut=False, made="")
        document = pdfium.PdfDocument(paper.pdf(sheet, "", "zh-CN", no_signature))
    assert table == Table(
        "明细",
        ("#", "项目", "数量", "单价", "金额"),
        (("1", "a", "2", "¥ 1,000.10", "2,000.20"), ("2", "", "", "••••", "0.10")),
        ("合计", "", "计数 1", "平均 ¥ 1,000.10", "2,000.30"),
        frozenset({2, 3, 4}),
    )
    keep(document, "lines")
    text = document[0].get_textpage().get_text_range()
    assert all(part in text for part in ("合计", "2,000.30", "计数 1"))


def test_line_items_whose_numbers_are_kept_back_have_no_total(app: Any) -> None:
    columns = LINES["components"][0]["components"]
    masked = [{**columns[0]}, {"type": "textfield", "key": "price", "label": "单价", "properties": {"total": "avg"}}]
    schema = {"components": [{**LINES["components"][0], "components": masked}]}
    with app.test_request_context("/", headers={"Accept-Language": "en"}):
        (table,) = form_values(schema, {"lines": [{"item": "a", "price": "••••"}]}, set())
    assert isinstance(table, Table)
    assert (table.rows, table.foot) == ((("1", "a", "••••"),), ())


@pytest.mark.parametrize("number", [10**30, Decimal("1E+60"), Decimal("1E-60"), 10**300, Decimal("0." + "1" * 300)])
def test_numbers_of_any_length_are_written(app: Any, number: Any) -> None:
    with app.test_request_context("/", headers={"Accept-Language": "en"}):
        texts = [formats.number(number), formats.exact(number, 2), formats.money(number, "CNY")]
    plain = [re.sub(r"[^0-9.E+-]", "", text) for text in texts]
    assert [Decimal(text) for text in plain] == [number] * 3
