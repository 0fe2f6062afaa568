"""The inbox: whose tasks, in which order, found how, and what happens to them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.reports import inbox as report
from bpm_server.reports import notifications
from bpm_server.services import process_instances, tasks
from bpm_server.store.carbon_copies import insert_copies
from bpm_server.store.tables.tasks import user_task
from tests.integration.web.pages.conftest import actor
from tests.support.statements import counted

if TYPE_CHECKING:
    from tests.support.product import Product


def references(page: Any) -> list[str]:
    found: list[str] = page.texts(".row-reference")
    return found


def keys(page: Any) -> list[str]:
    return [one.get("data-key") for one in page.tree.cssselect(".row-item[data-key]")]


def start_orders(company: Product, count: int, **values: Any) -> list[int]:
    starter = actor(company, "li.ming")
    return [
        process_instances.start_process(
            company.server,
            starter,
            process_id="order-approval",
            variables={"orderNumber": f"X-{n:03d}", "customer": "客户", "amount": 100 + n, "currency": "CNY", **values},
        ).key
        for n in range(count)
    ]


def test_everybody_sees_what_is_offered_to_them_and_what_they_have(browser: Any) -> None:
    technology = references(browser("wang.fang").get("/"))
    assert technology == ["SO-2026-0003", "SO-2026-0006", "SO-2026-0009", "SO-2026-0012"]
    assert references(browser("liu.yang").get("/")) == technology
    assert references(browser("li.ming").get("/")) == ["SO-2026-0005", "SO-2026-0011"]
    assert browser("a.designer", "password").get("/").one(".list-side .nothing h2") == "All done"


def test_a_row_says_what_who_how_much_and_since_when(browser: Any) -> None:
    row = browser("wang.fang").get("/").texts(".row-link")[0]
    for part in ("Technology review", "SO-2026-0003", "苏州远航电子科技有限公司", "CN¥298,000.00", "李明"):
        assert part in row
    assert "¥298,000.00" in browser("wang.fang", language="zh-CN").get("/").texts(".row-amount")[0]


def test_what_somebody_claims_disappears_for_the_others(browser: Any) -> None:
    wang, liu = browser("wang.fang"), browser("liu.yang")
    key = keys(wang.get("/"))[0]
    claimed = wang.post(f"/tasks/{key}/claim", target="detail")
    assert claimed.status == 200
    assert key in keys(wang.get("/"))
    assert key not in keys(liu.get("/"))
    late = liu.post(f"/tasks/{key}/claim", target="detail")
    assert late.status == 409
    assert late.one(".alert") == "王芳 has claimed this task."
    assert wang.post(f"/tasks/{key}/release", target="detail").status == 200
    assert key in keys(liu.get("/"))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0006", ["SO-2026-0006"]),
        ("so-2026-0009", ["SO-2026-0009"]),
        ("海洋装备", ["SO-2026-0012"]),
        ("李明", ["SO-2026-0003", "SO-2026-0006", "SO-2026-0009", "SO-2026-0012"]),
        ("技术部审核", ["SO-2026-0003", "SO-2026-0006", "SO-2026-0009", "SO-2026-0012"]),
        ("50%", []),
        ("_", []),
        ("'; DROP TABLE user_task; --", []),
    ],
)
def test_the_search_looks_into_summary_task_and_starter(browser: Any, text: str, found: list[str]) -> None:
    page = browser("wang.fang").client.get("/", query_string={"q": text}, headers={"Accept": "text/html"})
    assert [one in page.text for one in found] == [True] * len(found)
    assert page.text.count('class="row-item"') == len(found)


def test_an_empty_search_says_how_to_go_on(browser: Any) -> None:
    page = browser("wang.fang").get("/?q=nothing-like-this")
    assert page.one(".list-side .nothing h2") == "Nothing found"
    assert page.links(".list-side .nothing a") == ["/"]


def test_long_lists_come_in_pages_by_key(company: Product, browser: Any) -> None:
    start_orders(company, 60)
    wang = browser("wang.fang")
    first = wang.get("/")
    assert len(keys(first)) == 50
    more = first.tree.cssselect("#more button")[0].get("hx-get")
    rest = wang.get(more, target="more")
    assert len(keys(rest)) == 14
    assert not set(keys(first)) & set(keys(rest))
    assert wang.get("/?sort=newest").texts(".row-reference")[0] == "X-059"
    assert wang.get("/?after=made-up").status == 400


def test_the_tabs_count_and_lead_to_their_lists(browser: Any) -> None:
    page = browser("li.ming").get("/")
    assert page.texts(".list-tabs .count") == ["2", "0", "12", "0"]
    started = browser("li.ming").get("/?tab=started")
    assert len(keys(started)) == 12
    assert any("Technology review · 技术部" in text for text in started.texts(".row-place"))
    done = browser("wang.fang").get("/?tab=done")
    assert done.texts(".row-when .badge")[0] == "Approved"


def test_news_come_only_when_there_are_some(company: Product, browser: Any) -> None:
    wang = browser("wang.fang")
    page = wang.get("/")
    pulse = page.tree.cssselect("#pulse")[0].get("hx-get")
    assert wang.get(pulse, target="pulse").status == 204
    start_orders(company, 1)
    news = wang.get(pulse, target="pulse")
    assert news.status == 200
    assert "X-000" in news.text


def test_a_copy_is_news_too_and_so_is_having_read_it(company: Product, browser: Any) -> None:
    wang = browser("wang.fang")
    case = company.scalars(sa.select(user_task.c.instance_key).where(user_task.c.state == "CREATED"))[0]
    marks = []
    for act in (None, "send", "read"):
        if act == "send":
            with company.server.database.write() as connection:
                insert_copies(connection, company.server.new_key, case, ["wang.fang"], None, company.server.clock.now())
                connection.commit()
        elif act == "read":
            assert wang.post(f"/instances/{case}/read").status == 200
        marks.append(notifications.pulse(company.server, actor(company, "wang.fang")).mark)
    assert marks[0] == marks[2] != marks[1]


def test_news_say_when_the_opened_task_is_gone(company: Product, browser: Any) -> None:
    wang = browser("wang.fang")
    page = wang.get("/")
    key, pulse = keys(page)[0], page.tree.cssselect("#pulse")[0].get("hx-get")
    tasks.complete_task(company.server, actor(company, "liu.yang"), int(key), {}, outcome="approved")
    news = wang.get(f"{pulse}&open={key}", target="pulse")
    assert "Somebody was faster." in news.text
    assert "刘洋" in news.text


def test_the_inbox_is_found_by_index(company: Product) -> None:
    """No statement of the inbox reads whole tables, on a database that has many tasks of others."""
    statements: list[str] = []
    engine = company.server.database.engine

    @sa.event.listens_for(engine, "before_cursor_execute")
    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        statements.append((statement, parameters))  # type: ignore[arg-type]

    who = actor(company, "wang.fang")
    statements.clear()
    report.todo(company.server, who, report.Wanted())
    report.done(company.server, who, report.Wanted())
    report.counts(company.server, who)
    sa.event.remove(engine, "before_cursor_execute", note)
    with company.server.database.read() as connection:
        for statement, parameters in list(statements):
            if not statement.startswith("SELECT") or "user_task" not in statement:
                continue
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            scans = [row[3] for row in plan if row[3].startswith("SCAN user_task")]
            assert not scans, (statement, scans)


def test_the_number_of_statements_does_not_grow_with_what_there_is(company: Product, browser: Any) -> None:
    """Ten tasks or five hundred, some history or much: each page asks as often."""
    wang, chen = browser("wang.fang"), browser("chen.jing")
    task, done = keys(wang.get("/"))[0], keys(wang.get("/?tab=done"))[0]
    start_orders(company, 6)
    pages = (
        "/", "/?q=SO", "/?tab=done", "/?tab=started", "/instances", "/start", f"/tasks/{task}", f"/tasks/{done}",
        *(f"/tasks/{task}/{pane}" for pane in ("why", "timeline", "diagram")), "/inbox/news?seen=x",
    )  # fmt: skip

    def counts() -> dict[tuple[str, str], int]:
        found = {}
        for name, somebody in (("wang.fang", wang), ("chen.jing", chen)):
            for path in pages:
                somebody.get(path)  # definitions and permissions are remembered from here on
                with counted(company.server.database) as statements:
                    assert somebody.get(path).status == 200
                found[name, path] = len(statements)
        return found

    assert wang.get("/").one("#count-todo") == "10"
    few = counts()
    started = start_orders(company, 490)
    for instance in started[:60]:
        key = company.task("review-technology", instance=instance).key
        tasks.complete_task(company.server, actor(company, "liu.yang"), key, {}, outcome="approved", comment="x")
        key = company.task("review-purchasing", instance=instance).key
        tasks.complete_task(company.server, actor(company, "zhao.qiang"), key, {}, outcome="returned", comment="x")
    start_orders(company, 60)
    assert wang.get("/").one("#count-todo") == "500"
    assert counts() == few
    assert max(few.values()) <= 35, few
    assert few["wang.fang", "/"] <= 14, few  # two of them ask whether somebody acts for others, one what is unread


# --- approving many -------------------------------------------------------------------------------------


def finance_keys(company: Product) -> list[str]:
    query = sa.select(user_task.c.key).where(user_task.c.element_id == "review-finance", user_task.c.state == "CREATED")
    return [str(key) for key in company.scalars(query.order_by(user_task.c.key))]


def test_many_reviews_are_approved_at_once(company: Product, browser: Any) -> None:
    chen = browser("chen.jing")
    found = finance_keys(company)
    assert len(found) == 2
    page = chen.post("/inbox/bulk", {"key": found}, target="detail")
    assert page.one(".bulk-result h2") == "2 tasks approved"
    assert finance_keys(company) == []


MEASURE_FORM = b"""{"type": "default", "id": "measure", "components": [
    {"type": "number", "key": "length", "label": "Length", "validate": {"required": true}}]}"""
MEASURE = b"""<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
    xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" id="d" targetNamespace="t"><bpmn:process id="measure"
    isExecutable="true"><bpmn:startEvent id="s"/><bpmn:userTask id="measure-it"><bpmn:extensionElements>
    <zeebe:userTask/>
    <zeebe:assignmentDefinition candidateUsers="wang.fang"/><zeebe:formDefinition formId="measure"/>
    <zeebe:properties>
    <zeebe:property name="outcomes" value="approved,rejected"/></zeebe:properties>
    </bpmn:extensionElements></bpmn:userTask>
    <bpmn:sequenceFlow id="f" sourceRef="s" targetRef="measure-it"/></bpmn:process></bpmn:definitions>"""


def test_rows_that_cannot_be_approved_say_why(company: Product, browser: Any) -> None:
    company.deploy(("measure.form", MEASURE_FORM), ("measure.bpmn", MEASURE))
    company.start("measure")
    wang, liu = browser("wang.fang"), browser("liu.yang")
    first, second, *_, third = keys(wang.get("/"))
    liu.post(f"/tasks/{first}/claim")
    tasks.complete_task(company.server, actor(company, "liu.yang"), int(second), {}, outcome="approved")
    page = wang.post("/inbox/bulk", {"key": [first, second, third, "1"]}, target="detail")
    said = " ".join(page.texts("li.bad"))
    assert "Somebody else has claimed it." in said
    assert "刘洋 decided at" in said
    assert "It needs to be filled in: Length." in said
    assert "It is not in your inbox any more." in said
    assert not page.texts("li.good")


def test_nothing_selected_is_no_request(browser: Any) -> None:
    assert browser("wang.fang").post("/inbox/bulk", {}).status == 400
    assert browser("wang.fang").post("/inbox/bulk", {"key": [str(n) for n in range(201)]}).status == 400


def test_an_outside_process_without_summary_or_names_is_shown_too(company: Product, browser: Any) -> None:

    company.deploy(
        b"""<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
        xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" id="d" targetNamespace="t"><bpmn:process id="plain"
        isExecutable="true"><bpmn:startEvent id="s"><bpmn:outgoing>f</bpmn:outgoing></bpmn:startEvent>
        <bpmn:userTask id="do-it"><bpmn:extensionElements><zeebe:userTask/><zeebe:assignmentDefinition
        candidateUsers="zhou.wei"/></bpmn:extensionElements><bpmn:incoming>f</bpmn:incoming></bpmn:userTask>
        <bpmn:sequenceFlow id="f" sourceRef="s" targetRef="do-it"/></bpmn:process></bpmn:definitions>"""
    )
    company.start("plain", secret={"a": [1, 2]})
    zhou = browser("zhou.wei")
    page = zhou.get("/")
    assert page.texts(".row-name")[-1] == "do-it"
    opened = zhou.get(page.links(".row-link")[-1])
    assert opened.texts(".acts-buttons button") == ["Submit", "Transfer"]
    assert "a: 1, 2" in opened.one(".facts td")
    key = page.links(".row-link")[-1].rsplit("/", 1)[1]
    done = zhou.post(f"/tasks/{key}/complete", {"values": "{}"}, target="detail")
    assert json.loads(done.headers["HX-Trigger"])["task-done"]["key"] == key
