"""A table of line items in Chromium: typed, pasted from a spreadsheet, deleted, sent, read and printed.

``BPM_SHOTS=folder`` keeps a screenshot of each page that axe-core looks at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bpm_server.domain.demo import COMPANY
from bpm_server.domain.identity import SYSTEM
from bpm_server.kernel import json
from bpm_server.services import deployments
from tests.support.bpmn_builder import Process
from tests.support.browser import Person, browser, look, sync_api
from tests.support.demo_server import filling
from tests.support.running import running

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.browser
expect = sync_api.expect


def number(key: str, label: str, digits: int, columns: int, **properties: str) -> dict[str, Any]:
    return {
        "type": "number",
        "id": key,
        "key": key,
        "label": label,
        "decimalDigits": digits,
        "layout": {"columns": columns},
        "properties": properties,
        "validate": {"required": True, "min": 0},
    }


COLUMNS: list[dict[str, Any]] = [
    {
        "type": "textfield",
        "id": "item",
        "key": "item",
        "label": "品名",
        "layout": {"columns": 5},
        "properties": {"label.en": "Item"},
        "validate": {"required": True},
    },
    {
        "type": "select",
        "id": "kind",
        "key": "kind",
        "label": "类别",
        "layout": {"columns": 3},
        "properties": {"label.en": "Kind", "values.0.label.en": "Parts", "values.1.label.en": "Service"},
        "values": [{"label": "备件", "value": "parts"}, {"label": "服务", "value": "service"}],
    },
    {
        "type": "datetime",
        "id": "day",
        "key": "day",
        "subtype": "date",
        "dateLabel": "交货日期",
        "layout": {"columns": 4},
        "properties": {"dateLabel.en": "Delivery"},
    },
    number("quantity", "数量", 0, 2, total="sum", **{"label.en": "Quantity"}),
    number("price", "单价", 2, 3, total="avg", **{"label.en": "Unit price"}),
    {
        "type": "expression",
        "id": "worth",
        "key": "worth",
        "expression": "=this.quantity * this.price",
        "layout": {"columns": 3},
        "properties": {
            "label": "金额",
            "label.en": "Amount",
            "decimalDigits": "2",
            "total": "sum",
            "totalKey": "amount",
        },
    },
    {
        "type": "checkbox",
        "id": "urgent",
        "key": "urgent",
        "label": "加急",
        "layout": {"columns": 2},
        "properties": {"label.en": "Urgent"},
    },
]
FORM: dict[str, Any] = {
    "id": "purchase",
    "type": "default",
    "schemaVersion": 19,
    "components": [
        {"type": "textfield", "id": "title", "key": "title", "label": "事由", "properties": {"label.en": "What for"}},
        {
            "type": "dynamiclist",
            "id": "lines",
            "path": "lines",
            "label": "采购明细",
            "components": COLUMNS,
            "properties": {"component": "lineItems", "minRows": "1", "maxRows": "300", "label.en": "Items"},
        },
        {
            "type": "textfield",
            "id": "why",
            "key": "why",
            "label": "大额说明",
            "conditional": {"hide": "=amount = null or amount < 10000"},
            "properties": {"label.en": "Why so much"},
        },
    ],
}

PLAIN: dict[str, Any] = {
    "id": "plain",
    "type": "default",
    "schemaVersion": 19,
    "components": [
        FORM["components"][0],
        {**FORM["components"][1], "components": [COLUMNS[0], COLUMNS[4]], "layout": {"row": "R", "columns": 16}},
    ],
}
DRAWN = (
    b'<di:BPMNDiagram xmlns:di="http://www.omg.org/spec/BPMN/20100524/DI" xmlns:dc="http://www.omg.org/spec/DD/20100524/DC">'
    b'<di:BPMNPlane bpmnElement="purchase"><di:BPMNShape bpmnElement="check">'
    b'<dc:Bounds x="140" y="40" width="100" height="80"/></di:BPMNShape></di:BPMNPlane></di:BPMNDiagram>'
)


def purchase(form_id: str = "purchase") -> bytes:
    process = Process(form_id, "采购申请")
    form = f'<zeebe:formDefinition formId="{form_id}"/>'
    process.add("startEvent", "s", f"<bpmn:extensionElements>{form}</bpmn:extensionElements>")
    said = {"outcomes": "approved,rejected", "field.*": "read"}
    words = "".join(f'<zeebe:property name="{name}" value="{word}"/>' for name, word in said.items())
    extra = f'{form}<zeebe:assignmentDefinition assignee="wang.fang"/><zeebe:properties>{words}</zeebe:properties>'
    process.user("check", extra=extra)
    process.end()
    process.path("s", "check", "e")
    return process.xml().replace(b"</bpmn:definitions>", DRAWN + b"</bpmn:definitions>")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("server")
    with filling(folder) as server:
        files = {"purchase.bpmn": purchase(), "purchase.form": json.dumps_bytes(FORM)}
        files |= {"plain.bpmn": purchase("plain"), "plain.form": json.dumps_bytes(PLAIN)}
        deployments.deploy(server, SYSTEM, files)
    with running(folder) as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as made:
        yield made


@pytest.fixture
def li(chromium: Any, address: str) -> Iterator[Person]:
    person = Person.of(chromium, address).sign_in("li.ming", COMPANY.password)
    person.page.on("dialog", lambda dialog: dialog.accept())
    person.goto("/start/purchase")
    discard = person.page.locator("[data-draft-discard]")
    if discard.is_visible():  # of the test before
        discard.click()
        expect(discard).to_be_hidden()
    yield person
    person.page.context.close()


def cell(person: Person, row: int, column: str) -> Any:
    return person.page.locator(f"tr[data-row='{row}'] td[data-column={column}] input").first


def shown_total(person: Person, column: str) -> Any:
    return person.page.locator(f"td[data-total={column}]")


def paste(person: Person, row: int, column: str, text: str) -> None:
    cell(person, row, column).evaluate(
        """(cell, text) => { const data = new DataTransfer(); data.setData('text/plain', text);
        cell.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true })); }""",
        text,
    )


def fill_two(li: Person) -> None:
    for row, (item, quantity, price) in enumerate([("六轴机器人", "2", "98000.10"), ("备件包", "10", "0.2")]):
        if row:
            li.page.get_by_role("button", name="添加一行").click()
        cell(li, row, "item").fill(item)
        cell(li, row, "quantity").fill(quantity)
        cell(li, row, "price").fill(price)


SHIFTS = """window.shifts = []; new PerformanceObserver((list) => shifts.push(...list.getEntries()))
  .observe({ type: "layout-shift", buffered: true });"""


def opens_without_a_jump(person: Person) -> None:
    """The opened task by its address on a phone, its form coming late: nothing that stands there moves."""
    page = person.page.context.new_page()
    page.set_viewport_size({"width": 412, "height": 823})
    page.add_init_script(SHIFTS)
    page.route("**/form-viewer.*.js", lambda route: (page.wait_for_timeout(500), route.continue_()))
    page.goto(person.page.url)
    page.locator(".island[data-ready] .lines").wait_for()
    page.wait_for_timeout(300)
    found = page.evaluate("""shifts.filter((one) => !one.hadRecentInput)
      .map((one) => [one.value, one.sources.map((two) => two.node?.className ?? two.node?.nodeName)])""")
    page.close()
    assert sum(value for value, _ in found) < 0.05, found


def test_from_typing_to_paper(li: Person, chromium: Any, address: str) -> None:
    assert li.page.evaluate("sessionStorage.length") == 0, "a form that nobody has touched is no draft"
    li.page.get_by_label("事由").fill("产线改造")
    fill_two(li)
    expect(shown_total(li, "quantity")).to_have_text("数量12")
    for column in ("kind", "day"):
        cell(li, 1, column).focus()
        look(li, f"lines-{column}")
        li.page.keyboard.press("Escape")
    expect(shown_total(li, "worth")).to_have_text("金额196,002.20")
    expect(li.page.get_by_label("大额说明")).to_be_visible()
    look(li, "lines-filled")
    li.page.get_by_role("button", name="发起", exact=True).click()
    li.page.wait_for_url("**/instances/*")
    case = li.page.url.removeprefix(address)

    wang = Person.of(chromium, address).sign_in("wang.fang", COMPANY.password)
    wang.goto("/")
    wang.page.locator(".row-link").click()
    wang.page.locator("article[data-task]").wait_for()
    wang.ready()
    expect(wang.page.locator(".lines-table tbody tr")).to_have_count(2)
    expect(wang.page.locator(".lines-table tbody :is(input, button)")).to_have_count(0)
    expect(shown_total(wang, "worth")).to_contain_text("196,002.20")
    look(wang, "lines-to-read")
    opens_without_a_jump(wang)
    wang.page.get_by_role("button", name="同意", exact=True).click()
    wang.page.locator(".toast-line.good").wait_for()

    li.page.goto(f"{address}{case}/print")
    assert li.page.locator(".grid tfoot").inner_text().split() == ["合计", "12", "平均", "49,000.15", "196,002.20"]
    assert "196,000.20" in li.page.locator(".grid tbody").first.inner_text()
    look(li, "lines-on-paper")


def test_rows_come_and_go_by_keyboard(li: Person) -> None:
    page = li.page
    fill_two(li)
    cell(li, 1, "price").press("Tab")
    expect(cell(li, 1, "urgent")).to_be_focused()
    cell(li, 1, "price").press("Enter")
    expect(cell(li, 1, "urgent")).to_be_focused()
    cell(li, 0, "item").press("Enter")
    expect(cell(li, 0, "kind")).to_be_focused()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="添加一行").press("Enter")
    expect(cell(li, 2, "item")).to_be_focused()
    page.keyboard.type("三号件")
    page.get_by_role("button", name="删除第 2 行").press("Enter")
    expect(page.get_by_role("button", name="删除第 2 行")).to_be_focused()
    expect(cell(li, 1, "item")).to_have_value("三号件")
    expect(shown_total(li, "worth")).to_have_text("金额196,000.20")
    expect(page.get_by_role("status").filter(has_text="已删除第 2 行")).to_be_visible()
    page.get_by_role("button", name="撤销").press("Enter")
    expect(cell(li, 1, "item")).to_be_focused()
    expect(cell(li, 1, "item")).to_have_value("备件包")
    expect(cell(li, 1, "price")).to_have_value("0.2")
    expect(shown_total(li, "worth")).to_have_text("金额196,002.20")
    for _ in range(3):
        page.get_by_role("button", name="删除第 1 行").press("Enter")
    expect(page.get_by_role("button", name="添加一行")).to_be_focused()
    expect(page.locator(".lines-table")).to_have_count(0)
    expect(page.get_by_label("大额说明")).to_be_hidden()
    page.get_by_role("button", name="发起", exact=True).click()
    expect(page.locator(".lines")).to_contain_text("至少需要 1 行。")
    expect(page.get_by_role("button", name="添加一行")).to_be_focused()
    look(li, "lines-too-few")
    assert page.url.endswith("/start/purchase")


def test_errors_stand_at_their_cells_and_go_along_with_them(li: Person) -> None:
    fill_two(li)
    cell(li, 1, "price").fill("-1")
    cell(li, 0, "item").fill("")
    li.page.get_by_role("button", name="发起", exact=True).click()
    wrong = li.page.locator(".lines-table .fjs-form-field-error")
    expect(wrong).to_have_text(["此项必填。", "不能小于 0。"])
    expect(cell(li, 0, "item")).to_be_focused()
    look(li, "lines-wrong")
    li.page.get_by_role("button", name="删除第 1 行").click()
    expect(wrong).to_have_text(["不能小于 0。"])
    expect(li.page.locator("tr[data-row='0'] td[data-column=price]")).to_contain_text("不能小于 0。")


SHEET = (
    "品名\t类别\t交货日期\t数量\t单价\t金额\t加急\t备注\r\n"
    '"夹具 ""A"""\t备件\t2026/3/5\t２\t￥1,234.50\t2469\t是\tx\r\n'
    "培训\tservice\t2026年12月1日\t1\t(12)\t\tno\ty\r\n"
    "验收\t其他\t三月\tmany\t1,2.5\t\t也许\tz\r\n"
)


def test_a_spreadsheet_is_pasted(li: Person) -> None:
    paste(li, 0, "item", SHEET)
    expect(li.page.locator(".lines-table tbody tr")).to_have_count(3)
    shown = [
        cell(li, row, name).input_value() for row in range(3) for name in ("item", "kind", "day", "quantity", "price")
    ]
    assert shown == [
        *('夹具 "A"', "备件", "2026/3/5", "2", "1234.5"),
        *("培训", "服务", "2026/12/1", "1", "-12"),
        *("验收", "", "", "", ""),
    ]
    assert [cell(li, row, "urgent").is_checked() for row in range(3)] == [True, False, False]
    expect(shown_total(li, "worth")).to_have_text("金额2,457.00")
    told = li.page.locator(".lines-note")
    expect(told).to_contain_text(
        "已粘贴 3 行。右侧多出的 1 列未粘贴。5 个单元格无法识别，未粘贴：第 3 行“类别”的“其他”"
    )
    expect(li.page.locator("tr[data-row='1'] td[data-column=price]")).to_contain_text("不能小于 0。")
    expect(li.page.locator("tr[data-row='2'] td[data-column=quantity]")).to_contain_text("此项必填。")
    look(li, "lines-pasted")
    li.page.get_by_role("button", name="撤销").click()
    expect(li.page.locator(".lines-table tbody tr")).to_have_count(1)
    expect(cell(li, 0, "item")).to_have_value("")


def test_a_paste_is_bounded_and_says_so(li: Person) -> None:
    paste(li, 0, "quantity", "\n".join(f"{number}\t{number}.01" for number in range(1, 401)))
    expect(li.page.locator(".lines-table tbody tr")).to_have_count(300)
    expect(li.page.locator(".lines-note")).to_contain_text("已粘贴 300 行。超出行数上限，100 行未粘贴。")
    expect(li.page.get_by_role("button", name="添加一行")).to_be_disabled()
    expect(shown_total(li, "quantity")).to_have_text("数量45,150")
    paste(li, 5, "price", "￥9,000.5")
    expect(cell(li, 5, "price")).to_have_value("9000.5")
    cell(li, 299, "quantity").fill("1")
    expect(shown_total(li, "quantity")).to_have_text("数量44,851")


def test_a_table_without_expressions_is_sent_whole_after_its_draft_came_back(li: Person) -> None:
    page = li.page
    li.goto("/start/plain")
    page.get_by_label("事由").fill("备件")
    page.get_by_role("button", name="保存草稿").click()
    expect(page.locator("[data-draft-discard]")).to_be_visible()
    page.reload()
    li.ready()
    expect(page.get_by_label("事由")).to_have_value("备件")
    page.get_by_role("button", name="发起", exact=True).click()
    expect(page.locator(".lines-table .fjs-form-field-error")).to_have_text(["此项必填。", "此项必填。"])
    paste(li, 0, "item", "甲\t1.10\n乙\t2.20\n丙\t3.30")
    page.get_by_role("button", name="保存草稿").click()
    expect(page.locator("[data-draft-discard]")).to_be_visible()
    page.reload()
    li.ready()
    assert [cell(li, row, "price").input_value() for row in range(3)] == ["1.1", "2.2", "3.3"]
    page.locator("[data-draft-discard]").click()
    expect(page.locator(".lines-table tbody tr")).to_have_count(1)
    paste(li, 0, "item", "甲\t1.10\n乙\t2.20\n丙\t3.30")
    cell(li, 1, "price").fill("4")
    page.get_by_role("button", name="删除第 1 行").click()
    expect(shown_total(li, "price")).to_have_text("单价平均 3.65")
    page.get_by_role("button", name="发起", exact=True).click()
    page.wait_for_url("**/instances/*")
    page.goto(f"{page.url}/print")
    assert page.locator(".lines tbody").inner_text().split() == ["1", "乙", "4.00", "2", "丙", "3.30"]


# --- what the browser and the server both compute -------------------------------------------------------
