"""A claim with an approver and a receipt in Chromium: chosen, sent, looked at, put beside, masked and printed.

``BPM_SHOTS=folder`` keeps a screenshot of each page that axe-core looks at.
"""

from __future__ import annotations

import os
from pathlib import Path
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
PDF = {"name": "发票.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7\n" + b"x" * 4_000}
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cfc0f01f0005050201"
    "5fc8f1d20000000049454e44ae426082"
)
FORM: dict[str, Any] = {
    "id": "claim",
    "type": "default",
    "schemaVersion": 19,
    "components": [
        {"type": "textfield", "id": "what", "key": "what", "label": "事由", "validate": {"required": True}},
        {"type": "textfield", "id": "account", "key": "account", "label": "银行账号"},
        {"type": "number", "id": "salary", "key": "salary", "label": "工资"},
        {
            "type": "textfield",
            "id": "boss",
            "key": "boss",
            "label": "审批人",
            "properties": {"component": "userPicker"},
            "validate": {"required": True},
        },
        {"type": "taglist", "id": "team", "key": "team", "label": "同行人", "properties": {"component": "userPicker"}},
        {
            "type": "filepicker",
            "id": "receipts",
            "key": "receipts",
            "label": "发票",
            "properties": {"component": "attachment"},
        },
        {
            "type": "filepicker",
            "id": "signed",
            "key": "signed",
            "label": "签名",
            "properties": {"component": "signature"},
            "validate": {"required": True},
        },
        {
            "type": "textfield",
            "id": "place",
            "key": "place",
            "label": "地点",
            "properties": {"component": "location"},
        },
    ],
}
DRAWN = (
    b'<di:BPMNDiagram xmlns:di="http://www.omg.org/spec/BPMN/20100524/DI" xmlns:dc="http://www.omg.org/spec/DD/20100524/DC">'
    b'<di:BPMNPlane bpmnElement="claim">'
    + b"".join(
        b'<di:BPMNShape bpmnElement="%b"><dc:Bounds x="%d" y="40" width="%d" height="%d"/></di:BPMNShape>' % one
        for one in ((b"s", 40, 36, 36), (b"check", 140, 100, 80), (b"e", 300, 36, 36))
    )
    + b"</di:BPMNPlane></di:BPMNDiagram>"
)
WORDS = {"outcomes": "approved,rejected", "field.account": "mask", "field.salary": "hide", "field.what": "read"}


def claim() -> bytes:
    process = Process("claim", "费用报销")
    form = '<zeebe:formDefinition formId="claim"/>'
    process.add("startEvent", "s", f"<bpmn:extensionElements>{form}</bpmn:extensionElements>")
    words = "".join(f'<zeebe:property name="{name}" value="{word}"/>' for name, word in WORDS.items())
    extra = f'{form}<zeebe:assignmentDefinition assignee="=boss"/><zeebe:properties>{words}</zeebe:properties>'
    process.user("check", extra=extra)
    process.end()
    process.path("s", "check", "e")
    return process.xml().replace(b"</bpmn:definitions>", DRAWN + b"</bpmn:definitions>")


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Person]]:
    """Who claims, and who decides."""
    folder = tmp_path_factory.mktemp("server")
    with filling(folder) as server:
        deployments.deploy(server, SYSTEM, {"claim.bpmn": claim(), "claim.form": json.dumps_bytes(FORM)})
    with browser() as chromium, running(folder) as server:
        address = f"http://127.0.0.1:{server.port}"
        yield {name: Person.of(chromium, address).sign_in(name, COMPANY.password) for name in ("li.ming", "wang.fang")}


def test_a_claim_from_its_form_to_paper(people: dict[str, Person]) -> None:
    case = _claims(people["li.ming"])
    _decides(people["wang.fang"])
    _prints(people["li.ming"], case)


def _claims(li: Person) -> str:
    page = li.page
    page.context.grant_permissions(["geolocation"])
    page.context.set_geolocation({"latitude": 31.230416, "longitude": 121.473701, "accuracy": 19.4})
    li.goto("/start/claim")
    page.get_by_label("事由").fill("客户拜访")
    page.get_by_label("银行账号").fill("6222020200112233")
    page.get_by_label("工资").fill("31415")
    boss = page.get_by_role("combobox", name="审批人")
    boss.fill("王")
    expect(page.get_by_role("option", name="王芳")).to_be_visible()
    look(li, "claim-people")
    boss.press("Enter")
    expect(page.locator(".form-part-chips li").first).to_contain_text("王芳")
    team = page.get_by_role("combobox", name="同行人")
    for name in ("吴迪", "林雪"):
        team.fill(name)
        expect(page.get_by_role("option", name=name)).to_be_visible()
        team.press("Enter")
        team.press("Escape")
    expect(page.locator(".form-part-chips li")).to_have_count(3)
    on_their_way: list[Any] = []

    def hold(route: Any) -> None:
        on_their_way.append(route)

    page.route("**/uploads/*", hold)
    page.get_by_label("发票").set_input_files(PDF)
    page.locator("form[data-acts] button[type=submit]").click()
    expect(page.locator(".toast-line.bad")).to_have_text("文件仍在上传，请稍候再提交。")
    on_their_way[0].continue_()
    expect(page.locator(".form-part-files a")).to_have_text("发票.pdf")
    page.unroute("**/uploads/*")
    _signs(page)
    page.get_by_role("button", name="获取当前位置").click()
    expect(page.get_by_label("地点")).to_have_value("geo:31.230416,121.473701;u=20")
    look(li, "claim-start")
    page.locator("#acts button[type=submit], form[data-acts] button[type=submit]").first.click()
    page.wait_for_url("**/instances/*")

    li.ready()
    expect(page.locator(".attachment-what a")).to_have_text(["发票.pdf", "signature.png"])
    look(li, "claim-case")
    return str(page.url).removeprefix(li.address)


def _signs(page: Any) -> None:
    """Signs by typing, thinks better of it, signs by hand."""
    page.get_by_placeholder("或输入姓名").fill("李明")
    expect(page.locator(".form-part-signed img")).to_be_visible()
    page.get_by_role("button", name="重新签名").click()
    box = page.locator(".form-part-canvas").bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 60)
    page.mouse.down()
    for step in range(1, 12):
        page.mouse.move(box["x"] + 40 + 30 * step, box["y"] + (30 if step % 2 else 90))
    page.mouse.up()
    picture = page.locator(".form-part-signed img")
    expect(picture).to_be_visible()
    assert picture.evaluate("(one) => one.decode().then(() => one.naturalWidth)") == 960


def _decides(wang: Person) -> None:
    page = wang.page
    wang.goto("/")
    page.locator(".row-link").first.click()
    page.locator("article[data-task]").wait_for()
    wang.ready()
    expect(page.get_by_label("银行账号")).to_have_value("••••2233")
    assert "31415" not in page.content()
    assert "6222020200112233" not in page.content()
    expect(page.get_by_label("工资")).to_have_count(0)
    box = page.locator("#attachment-file")
    box.set_input_files([{"name": "照片.png", "mimeType": "image/png", "buffer": PNG}])
    expect(page.locator("[data-count]")).to_have_text("3")
    box.set_input_files([{"name": "木马.png", "mimeType": "image/png", "buffer": b"MZ\x90\x00" + bytes(200)}])
    expect(page.locator("[data-problem] .alert")).to_contain_text("文件内容与扩展名不符")
    box.set_input_files([{"name": "脚本.exe", "mimeType": "application/x-msdownload", "buffer": b"MZ"}])
    expect(page.locator("[data-problem] .alert")).to_contain_text("不接受这种类型的文件")
    look(wang, "claim-task", complaints=1)
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="移除 照片.png").click()
    expect(page.locator("[data-count]")).to_have_text("2")
    box.set_input_files([{"name": "照片.png", "mimeType": "image/png", "buffer": PNG}])
    expect(page.locator("[data-count]")).to_have_text("3")
    page.get_by_role("button", name="同意").click()
    page.locator("[data-nothing-left]").wait_for()


def _prints(li: Person, case: str) -> None:
    page = li.page
    page.goto(f"{li.address}{case}/print")
    expect(page.locator("[data-print]")).to_be_visible()
    expect(page.locator(".acts tbody tr").first).to_contain_text("李明")
    assert page.locator("main").inner_text().count("6222020200112233") == 1
    values = page.locator(".pair dd").all_inner_texts()
    assert {"王芳", "吴迪、林雪", "发票.pdf", "31.23042, 121.47370 (±20 m)"} <= set(values)
    assert page.locator("img.signature").evaluate("(one) => one.decode().then(() => one.naturalWidth)") == 960
    if folder := os.environ.get("BPM_SHOTS"):
        page.pdf(path=str(Path(folder) / "claim-print.pdf"))
    look(li, "claim-print")
    reply = page.request.get(f"{li.address}{case}/print.pdf")
    assert reply.headers["content-type"] == "application/pdf"
    assert reply.body().startswith(b"%PDF-")
