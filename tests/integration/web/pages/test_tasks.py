"""A task in front of its person: form, reasons, course, and what happens on the buttons."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.kernel.errors import InvalidInput
from bpm_server.services import jobs, process_instances, submissions, tasks
from bpm_server.store.tables.instances import variable
from bpm_server.store.tables.jobs import job
from bpm_server.store.tables.tasks import task_comment, user_task
from bpm_server.web import parking
from tests.conformance.camunda8.scenario import listeners
from tests.integration.web.pages.conftest import actor
from tests.support.bpmn_builder import Process
from tests.support.product import ADMIN

if TYPE_CHECKING:
    from flask import Flask

    from tests.support.product import Product

VALUES = json.dumps({"technicalNote": "可行"})


def task_of(company: Product, order: str, element: str) -> int:
    query = (
        sa.select(user_task.c.key)
        .join(variable, variable.c.scope_key == user_task.c.instance_key)
        .where(variable.c.name == "orderNumber", variable.c.value == json.dumps(order))
        .where(user_task.c.element_id == element)
        .order_by(user_task.c.key.desc())
    )
    found: int = company.scalars(query)[0]
    return found


def state_of(company: Product, key: int) -> str:
    found: str = company.scalars(sa.select(user_task.c.state).where(user_task.c.key == key))[0]
    return found


def embedded(page: Any, selector: str = "[data-island=form] script") -> Any:
    return json.loads(page.tree.cssselect(selector)[0].text)


def test_a_task_has_its_form_with_the_data_of_the_case(company: Product, browser: Any) -> None:
    page = browser("wang.fang").get(f"/tasks/{task_of(company, 'SO-2026-0003', 'review-technology')}")
    found = embedded(page)
    assert found["schema"]["id"] == "order-review-technology"
    assert found["data"]["orderNumber"] == "SO-2026-0003"
    assert "approvalLevel" not in found["data"], "only what the form mentions leaves the server"
    assert page.one(".task-head h2") == "Technology review SO-2026-0003"


def heard_task(company: Product) -> int:
    """A task offered to Wang Fang whose listeners are called like their moments."""
    p = Process("listened")
    extra = '<zeebe:assignmentDefinition candidateUsers="wang.fang"/>'
    extra += listeners(("assigning", "assigning"), ("completing", "completing"), kind="task")
    p.path(p.start(), p.user("heard", extra=extra), p.end())
    company.deploy(p.xml())
    company.start("listened")
    return company.task("heard").key


def fill_places(app: Flask, company: Product) -> None:
    """Nobody may wait any more: what takes time is answered at once."""
    places = app.extensions[parking.EXTENSION]
    assert all(places._places.acquire(blocking=False) for _ in range(company.server.settings.threads // 2))


def answer_listener(company: Product, **result: Any) -> None:
    """The listener answers as soon as it is asked."""
    asked: list[int] = []
    while not asked:
        asked = company.scalars(sa.select(job.c.key).where(job.c.element_id == "heard", job.c.state == "CREATED"))
    jobs.complete_job(company.server, ADMIN, asked[0], **result)


@pytest.mark.parametrize("act", ["claim", "complete"])
def test_a_listener_that_denies_says_why(company: Product, browser: Any, act: str) -> None:
    key = heard_task(company)
    wang = browser("wang.fang")
    listener = threading.Thread(target=answer_listener, args=(company,), kwargs={"denied": True, "reason": "not today"})
    listener.start()
    page = wang.post(f"/tasks/{key}/{act}", {"values": "{}"}, target="detail")
    listener.join()
    assert "A check of the process has refused this. not today" in " ".join(page.texts(".alert"))
    assert state_of(company, key) == "CREATED"


def test_a_claim_counts_when_its_listener_is_done(company: Product, app: Flask, browser: Any) -> None:
    key = heard_task(company)
    fill_places(app, company)
    wang = browser("wang.fang")
    page = wang.post(f"/tasks/{key}/claim", target="detail")
    assert "still at work on this task" in page.one(".alert")
    assert page.texts("button[title='Keep it for yourself']") == []
    assert "still at work" in wang.post(f"/tasks/{key}/complete", {"values": "{}"}, target="detail").one(".alert")
    answer_listener(company)
    page = wang.get(f"/tasks/{key}", target="detail")
    assert (page.texts(".alert"), state_of(company, key)) == ([], "CREATED")
    assert company.scalars(sa.select(user_task.c.assignee).where(user_task.c.key == key)) == ["wang.fang"]
    wang.post(f"/tasks/{key}/complete", {"values": "{}"}, target="detail")
    assert state_of(company, key) == "COMPLETING"
    answer_listener(company)
    (row,) = company.rows(sa.select(user_task.c.state, user_task.c.ended_by).where(user_task.c.key == key))
    assert tuple(row) == ("COMPLETED", "wang.fang")


def test_approving_opens_the_next_task_with_a_word_about_the_last(company: Product, browser: Any) -> None:
    wang = browser("wang.fang")
    first, second = (task_of(company, f"SO-2026-{number}", "review-technology") for number in ("0003", "0006"))
    page = wang.post(f"/tasks/{first}/complete", {"outcome": "approved", "values": VALUES}, target="detail")
    assert page.tree.cssselect("article")[0].get("data-task") == str(second)
    assert page.headers["HX-Push-Url"] == f"/tasks/{second}"
    assert "SO-2026-0003" in json.loads(page.headers["HX-Trigger"])["task-done"]["text"]
    assert state_of(company, first) == "COMPLETED"


def test_the_last_task_leads_to_an_empty_list(company: Product, browser: Any) -> None:
    zhou = browser("zhou.wei")
    keys = [int(path.rsplit("/", 1)[1]) for path in zhou.get("/").links(".row-link")]
    assert len(keys) == 1
    page = zhou.post(f"/tasks/{keys[0]}/complete", {"outcome": "approved", "values": "{}"}, target="detail")
    assert page.one("h2") == "All done"
    assert page.headers["HX-Push-Url"] == "/"


def test_the_next_task_follows_the_filter(company: Product, browser: Any) -> None:
    wang = browser("wang.fang")
    first, other = (task_of(company, f"SO-2026-{number}", "review-technology") for number in ("0009", "0012"))
    values = {"outcome": "approved", "values": VALUES, "q": "SO-2026-00", "sort": "newest"}
    page = wang.post(f"/tasks/{other}/complete", values, target="detail")
    assert page.headers["HX-Push-Url"] == f"/tasks/{first}?q=SO-2026-00&sort=newest"


def test_without_scripts_the_browser_is_sent_on(company: Product, browser: Any) -> None:
    wang = browser("wang.fang")
    first, second = (task_of(company, f"SO-2026-{number}", "review-technology") for number in ("0003", "0006"))
    page = wang.post(f"/tasks/{first}/complete", {"outcome": "approved", "values": VALUES})
    assert (page.status, page.headers["Location"]) == (303, f"/tasks/{second}")


@pytest.mark.parametrize("outcome", ["rejected", "returned"])
def test_saying_no_needs_a_reason(company: Product, browser: Any, outcome: str) -> None:
    key = task_of(company, "SO-2026-0003", "review-technology")
    wang = browser("wang.fang")
    page = wang.post(f"/tasks/{key}/complete", {"outcome": outcome, "values": "{}", "comment": "  "}, target="detail")
    assert page.status == 422
    assert page.one(".alert") == "A comment is needed."
    assert state_of(company, key) == "CREATED"
    wang.post(f"/tasks/{key}/complete", {"outcome": outcome, "values": "{}", "comment": "缺参数"}, target="detail")
    assert state_of(company, key) == "COMPLETED"
    assert "缺参数" in company.scalars(sa.select(task_comment.c.text))


def test_what_the_server_finds_wrong_is_said_at_the_fields(
    company: Product, browser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = [{"path": ["technicalNote"], "kind": "required", "key": "technicalNote", "fieldId": "F", "param": None}]

    def refuse(*_: Any, **__: Any) -> None:
        raise InvalidInput("Expected ...", errors=errors)

    monkeypatch.setattr(tasks, "check_submission", refuse)
    key = task_of(company, "SO-2026-0003", "review-technology")
    page = browser("wang.fang").post(f"/tasks/{key}/complete", {"outcome": "approved", "values": "{}"}, target="detail")
    assert page.status == 422
    assert embedded(page, "[data-field-errors]") == {"errors": errors, "field": None}


@pytest.mark.parametrize("values", ["[1]", "{", "null", "[" * 200])
def test_a_broken_submission_is_refused(company: Product, browser: Any, values: str) -> None:
    key = task_of(company, "SO-2026-0003", "review-technology")
    page = browser("wang.fang").post(f"/tasks/{key}/complete", {"outcome": "approved", "values": values})
    assert page.status in (400, 422)
    assert state_of(company, key) == "CREATED"


def test_somebody_who_comes_late_learns_who_was_faster_and_when(company: Product, browser: Any) -> None:
    key = task_of(company, "SO-2026-0003", "review-technology")
    tasks.complete_task(company.server, actor(company, "liu.yang"), key, {}, outcome="approved", comment="已核对")
    page = browser("wang.fang").post(f"/tasks/{key}/complete", {"outcome": "rejected", "comment": "x"}, target="detail")
    assert page.status == 409
    said = page.one(".alert")
    for part in ("Somebody was faster.", "刘洋", "Approved", "已核对", "Nothing of yours was saved."):
        assert part in said


def test_a_task_that_the_process_took_back_says_so(company: Product, browser: Any) -> None:
    purchasing = task_of(company, "SO-2026-0006", "review-purchasing")
    technology = task_of(company, "SO-2026-0006", "review-technology")
    tasks.complete_task(
        company.server, actor(company, "wang.fang"), technology, {}, outcome="rejected", comment="做不了"
    )
    page = browser("zhao.qiang").get(f"/tasks/{purchasing}")
    assert "The process took this task back" in page.one(".alert")
    assert not page.tree.cssselect("#acts")


def test_why_says_the_group_the_rule_and_the_values(company: Product, browser: Any) -> None:
    key = task_of(company, "SO-2026-0010", "review-general-manager")
    page = browser("zhou.wei").get(f"/tasks/{key}/why", target="pane-why")
    text = page.tree.text_content()
    assert "It is offered to the group 总经理, and you belong to it." in text
    assert "订单金额 = 904,800" in " ".join(text.split())
    assert "Rule 2: 超过 50 万：加总经理审批" in " ".join(text.split())
    assert page.one("tr.matched th").startswith("2")


def test_why_says_that_a_correction_goes_to_whoever_started(company: Product, browser: Any) -> None:
    key = task_of(company, "SO-2026-0005", "correct-order")
    page = browser("li.ming").get(f"/tasks/{key}/why", target="pane-why")
    assert "It goes to whoever started the case: you." in page.text


def test_the_timeline_tells_who_did_what_with_which_words(company: Product, browser: Any) -> None:
    key = task_of(company, "SO-2026-0005", "correct-order")
    told = browser("li.ming").get(f"/tasks/{key}/timeline", target="pane-timeline").texts(".timeline-what")
    text = " | ".join(told)
    for part in (
        "李明 started the case",
        "审批级别: 不超过 50 万：部门和财务审批即可",
        "Technology review is offered to 技术部",
        "刘洋 Returned Technology review",
        "请补充现场电源和气源参数",
        "Purchasing review is not needed any more",
        "Correct order goes to 李明",
    ):
        assert part in text
    assert "Correct order" in told[0], "newest first"


def test_a_comment_beside_a_task_is_told_once(company: Product, browser: Any) -> None:
    key = task_of(company, "SO-2026-0003", "review-technology")
    tasks.comment_task(company.server, actor(company, "wang.fang"), key, "等供应商回复")
    page = browser("wang.fang").get(f"/tasks/{key}/timeline", target="pane-timeline")
    assert page.text.count("等供应商回复") == 1
    assert page.text.count("关键件有库存，交期可保证") == 1


def test_the_diagram_marks_where_the_case_is_and_how_it_came(company: Product, browser: Any) -> None:
    key = task_of(company, "SO-2026-0003", "review-technology")
    page = browser("wang.fang").get(f"/tasks/{key}/diagram", target="pane-diagram")
    found = embedded(page, "[data-island=diagram] script")
    assert found["elements"]["review-technology"]["active"] == 1
    assert found["elements"]["review-purchasing"]["done"] == 1
    assert "flow-order-entered-to-decide-approval-level" in found["flows"]
    assert "Technology review" in page.one(".fact")


def test_every_pane_is_also_a_page(company: Product, browser: Any) -> None:
    key = task_of(company, "SO-2026-0003", "review-technology")
    wang = browser("wang.fang")
    for pane in ("why", "timeline", "diagram"):
        page = wang.get(f"/tasks/{key}/{pane}")
        assert page.tree.cssselect(f"#tab-{pane}")[0].get("aria-selected") == "true"
        assert page.tree.cssselect(f"#pane-{pane}.active")
        assert len(page.tree.cssselect("#rows li")) == 4


def test_only_those_with_a_part_in_it_see_a_task(company: Product, browser: Any) -> None:
    key = task_of(company, "SO-2026-0003", "review-technology")
    for somebody, status in (("wang.fang", 200), ("liu.yang", 200), ("chen.jing", 200), ("zhao.qiang", 403)):
        for path in (f"/tasks/{key}", f"/tasks/{key}/timeline", f"/tasks/{key}/why", f"/tasks/{key}/diagram.bpmn"):
            assert browser(somebody).get(path).status == status, (somebody, path)
    assert browser("zhao.qiang").post(f"/tasks/{key}/complete", {"outcome": "approved"}).status == 403
    assert state_of(company, key) == "CREATED"


def test_the_hidden_start_check_of_the_form_is_asked(company: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the form's own rules become, both ways in go through ``services.submissions``."""
    asked: list[str] = []
    monkeypatch.setattr(tasks, "check_submission", lambda _tx, _task, values, **_: asked.append("task") or values)
    monkeypatch.setattr(
        process_instances, "check_start_submission", lambda _tx, _process, values, **_: asked.append("start") or values
    )
    assert callable(submissions.check_submission)
    who = actor(company, "li.ming")
    process_instances.start_process(
        company.server, who, process_id="order-approval", variables={"amount": 1}, from_form=True
    )
    key = company.task("review-technology").key
    tasks.complete_task(company.server, actor(company, "wang.fang"), key, {}, from_form=True, outcome="approved")
    assert asked == ["start", "task"]


def test_the_server_checks_the_form_and_says_which_field_is_wrong(company: Product, browser: Any) -> None:
    # given
    key = task_of(company, "SO-2026-0003", "review-technology")
    wang = browser("wang.fang")
    before = company.rows(sa.select(variable))

    # when too much, and when another kind of value, is sent
    path = f"/tasks/{key}/complete"
    long = wang.post(
        path, {"outcome": "approved", "values": json.dumps({"technicalNote": "x" * 2001})}, target="detail"
    )
    odd = wang.post(path, {"outcome": "approved", "values": '{"technicalNote": {"a": 1}}'}, target="detail")

    # then the reply names the field for people and for the form, and nothing has changed
    assert (long.status, odd.status) == (422, 422)
    assert long.texts(".wrong-fields li") == ["Technical note: Enter at most 2000 characters."]
    assert odd.texts(".wrong-fields li") == ["Technical note: This field needs a text."]
    (error,) = embedded(odd, "[data-field-errors]")["errors"]
    assert (error["path"], error["kind"], error["fieldId"]) == (["technicalNote"], "type", "Field_030")
    assert company.rows(sa.select(variable)) == before
    assert state_of(company, key) == "CREATED"


def test_what_the_form_only_shows_cannot_be_changed_through_it(company: Product, browser: Any) -> None:
    key = task_of(company, "SO-2026-0003", "review-technology")
    query = sa.select(variable.c.value).join(user_task, user_task.c.instance_key == variable.c.scope_key)
    query = query.where(user_task.c.key == key, variable.c.name == "amount")
    amount = company.scalars(query)
    forged = json.dumps({"technicalNote": "可行", "amount": 1, "initiator": "wang.fang", "approvalLevel": "none"})
    page = browser("wang.fang").post(f"/tasks/{key}/complete", {"outcome": "approved", "values": forged})
    assert page.status == 303
    assert company.scalars(query) == amount
    rows = company.scalars(sa.select(variable.c.value).where(variable.c.value == '"none"'))
    assert rows == []


def test_saying_no_needs_no_filled_form(company: Product, browser: Any) -> None:
    key = task_of(company, "SO-2026-0003", "review-technology")
    values = {"outcome": "rejected", "comment": "做不了", "values": '{"technicalNote": ""}'}
    browser("wang.fang").post(f"/tasks/{key}/complete", values, target="detail")
    assert state_of(company, key) == "COMPLETED"
