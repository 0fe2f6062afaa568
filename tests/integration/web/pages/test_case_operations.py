"""What operators do with cases: suspend, move tokens, migrate, delete; and who may not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.services import process_instances, suspension
from bpm_server.store.tables.instances import process_instance
from tests.integration.web.pages.test_cases import case_of
from tests.integration.web.pages.test_tasks import task_of
from tests.support.bpmn_builder import Process, Scope, extensions
from tests.support.product import ADMIN

if TYPE_CHECKING:
    from tests.support.product import Product

ORDER = "SO-2026-0006"
ACTS = ("Suspend", "Move tokens…", "Migrate to another version…")


def menu(page: Any) -> list[str]:
    return [text for text in page.texts(".case-head .dropdown-item") if text]


def add_user(process: Process, key: str, name: str) -> None:
    process.add("userTask", key, extensions("<zeebe:userTask/>"), name=name)


def parallel() -> bytes:
    """Pack and bill at the same time, then send; a step ``before`` and a sub-process ``after``."""
    process, inner = Process("ship", "Shipping"), Scope()
    process.start("s")
    for key, name in (("before", "Prepare"), ("pack", "Pack"), ("bill", "Bill"), ("send", "Send")):
        add_user(process, key, name)
    process.add("parallelGateway", "fork")
    process.add("parallelGateway", "join")
    inner.start("is")
    inner.path("is", inner.user("check"), inner.end("ie"))
    process.sub("after", inner)
    process.path("s", "before", "fork", "pack", "join", "send", "after", process.end("e"))
    process.path("fork", "bill", "join")
    return process.xml()


def line(*elements: str) -> bytes:
    """A row of user tasks whose names are their ids in capitals."""
    process = Process("line", "Line")
    process.start("s")
    for key in elements:
        add_user(process, key, key.upper())
    process.path("s", *elements, process.end("e"))
    return process.xml()


def chosen(page: Any) -> dict[str, str]:
    """What the form of a page would send."""
    (form,) = page.tree.cssselect("form.plan")
    return {name: value for name, value in form.form_values() if name != "csrf_token"}


def leaf(company: Product, key: int, element_id: str) -> str:
    return f"leaf-{company.task(element_id, instance=key).key}"


# --- rights ---------------------------------------------------------------------------------------------


def test_staff_see_none_of_it_and_cannot_do_it(company: Product, browser: Any) -> None:
    key, li = case_of(company, ORDER), browser("li.ming")
    page = li.get(f"/instances/{key}")
    assert menu(page) == []
    assert not page.tree.cssselect("a[href^='/processes/']")
    for path in ("modify", "migrate", "suspend", "resume", "delete"):
        assert li.post(f"/instances/{key}/{path}").status == 403, path
    others = ("/processes/order-approval", "/processes/order-approval/versions/1/migrate",
              "/processes/order-approval/versions/1/diagram.bpmn")  # fmt: skip
    for address in (f"/instances/{key}/modify", f"/instances/{key}/migrate", *others):
        assert li.get(address).status == 403, address
    assert company.state(key) == "ACTIVE"


@pytest.mark.parametrize(
    ("username", "offered"),
    [("admin", ACTS), ("a.operator", ACTS), ("a.worker", ACTS[2:]), ("a.designer", ())],
)
def test_everybody_is_offered_what_they_may_do(
    company: Product, browser: Any, username: str, offered: tuple[str, ...]
) -> None:
    key = case_of(company, ORDER)
    somebody = browser(username, "administrator" if username == "admin" else "password")
    assert tuple(menu(somebody.get(f"/instances/{key}"))) == offered
    modify, migrate = (somebody.get(f"/instances/{key}/{act}").status for act in ("modify", "migrate"))
    assert (modify, migrate) == (200 if ACTS[1] in offered else 403, 200 if offered else 403)


# --- suspending -----------------------------------------------------------------------------------------


def test_a_suspended_case_says_so_everywhere_and_goes_on_when_it_is_resumed(company: Product, browser: Any) -> None:
    key, task = case_of(company, ORDER), task_of(company, ORDER, "review-technology")
    chen, wang = browser("chen.jing"), browser("wang.fang")
    assert chen.post(f"/instances/{key}/suspend").headers["Location"] == f"/instances/{key}"
    assert company.state(key) == "SUSPENDED"
    page = chen.get(f"/instances/{key}")
    assert page.one(".case-head .badge").startswith("Suspended since ")
    assert "until it is resumed" in page.one(".alert-warning")
    assert menu(page) == ["Resume", "Migrate to another version…"]
    assert [text.split(" since ")[0] for text in chen.get("/instances?state=suspended").texts("tbody .badge")] == [
        "Suspended"
    ]
    assert "陈静 suspended the case" in " ".join(page.texts(".timeline-what"))
    assert "Suspended" in wang.get(f"/?q={ORDER}").texts(".rows .badge")
    assert not wang.get(f"/?q={ORDER}").tree.cssselect(".rows input[type=checkbox]")
    opened = wang.get(f"/tasks/{task}")
    assert "nothing can be done" in opened.one(".task-ended")
    assert opened.tree.cssselect("article[data-readonly]")
    assert all(button.get("disabled") is not None for button in opened.tree.cssselect("#acts button"))
    refused = wang.post(f"/tasks/{task}/complete", {"outcome": "approved", "values": "{}"}, target="detail")
    assert (refused.status, "nothing can be done" in refused.text) == (409, True)
    assert "Its case is suspended." in wang.post("/inbox/bulk", {"key": str(task)}).one(".bulk-result li")
    assert "already" in chen.post(f"/instances/{key}/suspend").headers["Set-Cookie"]
    assert chen.get(f"/instances/{key}/modify").texts("form.plan") == []
    chen.post(f"/instances/{key}/resume")
    assert chen.get(f"/instances/{key}").one(".case-head .badge") == "In progress"
    assert wang.get(f"/tasks/{task}").tree.cssselect("#acts button:not([disabled])")


# --- moving tokens --------------------------------------------------------------------------------------


def test_a_move_is_tried_with_its_concern_mended_and_done(company: Product, browser: Any) -> None:
    company.deploy(parallel())
    key = company.start("ship")
    chen = browser("chen.jing")
    page = chen.get(f"/instances/{key}/modify")
    assert page.texts(".leaves tbody b") == ["Prepare"]
    groups = [one.get("label") for one in page.tree.cssselect(".leaves optgroup")]
    assert groups == ["Shipping", "after"]
    offered = page.texts(".leaves option")
    assert "moves to: the gateway before ‘Pack’" in offered
    assert "moves to: s" not in offered, "start events cannot be entered"
    plan = {**chosen(page), leaf(company, key, "before"): "to:pack"}
    tried = chen.post(f"/instances/{key}/modify", plan, target="plan")
    assert tried.status == 200
    assert [text.split()[0] for text in tried.texts(".outcome dt")] == ["Ends", "Begins", "Then"]
    assert tried.texts(".outcome dd") == ["Prepare", "Pack", "Pack"]
    concern = tried.one(".concern")
    assert "“the gateway before ‘Send’” waits for one token from each of its branches." in concern
    assert "From the branch “Bill” none can come any more" in concern
    assert company.open_tasks().count("pack") == 0
    old = tried.tree.cssselect("button[name=tried]")[0].get("value")
    mended = {**plan, "begin": "bill"}
    again = chen.post(f"/instances/{key}/modify", {**mended, "tried": old}, target="plan")
    assert "has changed since it was tried" in again.one(".trial .alert")
    assert not again.tree.cssselect(".concern")
    assert company.open_tasks().count("bill") == 0, "what was not tried is not done"
    seal = again.tree.cssselect("button[name=tried]")[0].get("value")
    done = chen.post(f"/instances/{key}/modify", {**mended, "tried": seal})
    assert done.headers["Location"] == f"/instances/{key}"
    assert {"pack", "bill"} <= set(company.open_tasks())
    assert "陈静 moved tokens by hand" in " ".join(chen.get(f"/instances/{key}").texts(".timeline-what"))


def test_data_is_set_with_a_move_and_checked_at_its_field(company: Product, browser: Any) -> None:
    company.deploy(line("a", "b"))
    key = company.start("line")
    chen = browser("chen.jing")
    move = {leaf(company, key, "a"): "to:b"}
    for text, said in (("{", "Expected JSON"), ("[1]", "as an object"), ('{"": 1}', "variable names")):
        page = chen.post(f"/instances/{key}/modify", {**move, "variables": text})
        assert page.status == 422
        assert said in page.one("#variables-problem")
        assert page.one("#variables") == text.strip(), "nothing that was typed is lost"
        assert chosen(page)[leaf(company, key, "a")] == "to:b"
    only_ends = chen.post(f"/instances/{key}/modify", {leaf(company, key, "a"): "end", "variables": '{"x": 1}'})
    assert "when something begins" in only_ends.one("#variables-problem")
    tried = chen.post(f"/instances/{key}/modify", {**move, "variables": '{"x": 1.50}'})
    seal = tried.tree.cssselect("button[name=tried]")[0].get("value")
    chen.post(f"/instances/{key}/modify", {**move, "variables": '{"x": 1.50}', "tried": seal})
    assert json.dumps(company.variables(key), default=str) == '{"x": "1.50"}'
    assert company.open_tasks().count("b") == 1


def test_a_plan_that_cannot_be_done_says_why_and_one_that_ends_the_case_warns(company: Product, browser: Any) -> None:
    company.deploy(line("a", "b"))
    key = company.start("line")
    chen = browser("chen.jing")
    nothing = chen.post(f"/instances/{key}/modify", {})
    assert (nothing.status, nothing.one(".trial .alert")) == (422, "Choose what ends, moves or begins.")
    wrong = chen.post(f"/instances/{key}/modify", {"begin": "s"})
    assert "is a start event" in wrong.one(".trial .alert")
    gone = chen.post(f"/instances/{key}/modify", {"leaf-5": "end"})
    assert gone.status == 422
    last = chen.post(f"/instances/{key}/modify", {leaf(company, key, "a"): "end"})
    assert "the case would end" in last.one(".outcome .text-red")
    seal = last.tree.cssselect("button[name=tried]")[0].get("value")
    chen.post(f"/instances/{key}/modify", {leaf(company, key, "a"): "end", "tried": seal})
    assert company.state(key) == "TERMINATED"
    assert chen.get(f"/instances/{key}/modify").status == 404


# --- migrating ------------------------------------------------------------------------------------------


def test_an_obstacle_is_shown_and_mapped_by_hand(company: Product, browser: Any) -> None:
    company.deploy(line("a", "b"))
    key = company.start("line")
    chen = browser("chen.jing")
    assert "no other version" in chen.get(f"/instances/{key}/migrate").one(".alert-info")
    company.deploy(line("a2", "b", "c"))
    page = chen.get(f"/instances/{key}/migrate")
    assert page.texts(".versions .badge") == ["chosen", "goes on by this one now"]
    assert page.texts(".drawings .changes span") == ["A removed", "A2 added", "C added"]
    marks = [json.loads(one.text)["elements"] for one in page.tree.cssselect(".drawings script")]
    assert marks == [{"a": {"change": "removed"}}, {"a2": {"change": "added"}, "c": {"change": "added"}}]
    assert "“A” is active, and nothing is chosen" in page.one("tr.stopped .obstacle")
    refused = chen.post(f"/instances/{key}/migrate?to=2", {**chosen(page), "act": "do"}, target="mapping")
    assert (refused.status, refused.texts("tr.stopped b")) == (409, ["A"])
    by_hand = {**chosen(page), "map:a": "a2"}
    tried = chen.post(f"/instances/{key}/migrate?to=2", {**by_hand, "act": "try"}, target="mapping")
    assert tried.one(".matched-rule") == "The case can go on by version 2."
    done = chen.post(f"/instances/{key}/migrate?to=2", {**by_hand, "act": "do"})
    assert done.headers["Location"] == f"/instances/{key}"
    assert company.task("a2", instance=key)
    page = chen.get(f"/instances/{key}")
    assert "陈静 moved the case to version 2" in " ".join(page.texts(".timeline-what"))
    assert page.one(".case-head a[href='/processes/line']") == "version 2"
    diagram = chen.get("/processes/line/versions/1/diagram.bpmn?lang=en")
    assert (diagram.status, 'id="a"' in diagram.text) == (200, True)


def test_all_running_cases_are_tried_and_grouped_by_what_stops_them(company: Product, browser: Any) -> None:
    company.deploy(line("a", "b"))
    keys = [company.start("line") for _ in range(4)]
    company.task("a", instance=keys[0]).complete()
    company.deploy(line("a2", "b"))
    chen = browser("chen.jing")
    page = chen.get("/processes/line/versions/1/migrate")
    assert "4 running cases were looked at." in page.text
    assert page.one(".matched-rule") == "1 case can go on by version 2."
    assert page.one("#mapping > div .obstacle, #mapping > [aria-live] .obstacle") == "3 cases cannot:"
    assert page.one(".groups b").startswith("“A” is active")
    assert page.links(".groups a") == [f"/instances/{key}/migrate?to=2" for key in keys[1:]]
    mapped = chen.post("/processes/line/versions/1/migrate?to=2", {"map:a": "a2"}, target="mapping")
    assert mapped.one(".matched-rule") == "4 cases can go on by version 2."
    assert not mapped.tree.cssselect(".groups")
    assert company.scalars(sa.select(process_instance.c.version).where(process_instance.c.key == keys[0])) == [1]
    asked = chen.post("/processes/line/versions/1/migrate?to=2", {"act": "all"})
    assert asked.headers["Location"].startswith("/admin/batch-operations/"), asked.text
    company.deliver()
    versions = sa.select(process_instance.c.version).where(process_instance.c.key.in_(keys))
    assert company.scalars(versions.order_by(process_instance.c.key)) == [2, 1, 1, 1]
    batch = chen.follow(asked)
    assert "is not mapped" in batch.text


def test_versions_stand_side_by_side_with_their_cases(company: Product, browser: Any) -> None:
    company.deploy(line("a", "b"))
    first, second = company.start("line"), company.start("line")
    suspension.suspend_instance(company.server, ADMIN, second)
    company.deploy(line("b", "c"))
    ended = company.start("line")
    for element_id in ("b", "c"):
        company.task(element_id, instance=ended).complete()
    chen = browser("chen.jing")
    page = chen.get("/processes/line")
    numbers = [
        [cell.text_content().strip() for cell in row.cssselect(".num")] for row in page.tree.cssselect("tbody tr")
    ]
    assert numbers == [["0", "0", "0", "1"], ["2", "0", "1", "0"]]
    assert page.links("tbody td:first-child a") == [f"/instances?process=line&version={n}" for n in (2, 1)]
    assert page.texts(".drawings .changes span") == ["A removed", "C added"]
    turned = chen.get("/processes/line?from=2&to=1")
    assert turned.texts(".drawings .changes span") == ["C removed", "A added"]
    assert chen.get("/processes/line?from=7&to=1").status == 200
    assert chen.get("/processes/nothing").status == 404
    assert len(chen.get("/instances?process=line&version=1&state=suspended").texts("tbody tr")) == 1
    assert first


# --- deleting -------------------------------------------------------------------------------------------


def test_an_ended_case_is_deleted_after_a_question(company: Product, browser: Any) -> None:
    key, chen = case_of(company, "SO-2026-0004"), browser("chen.jing")
    process_instances.cancel_instance(company.server, ADMIN, key)
    page = chen.get(f"/instances/{key}")
    assert menu(page) == ["Delete…"]
    assert page.one("dialog#delete h2") == "Delete the case?"
    assert chen.post(f"/instances/{key}/delete").headers["Location"] == "/instances"
    assert chen.get(f"/instances/{key}").status == 404
    running = case_of(company, ORDER)
    assert chen.post(f"/instances/{running}/delete").status == 409
    assert company.state(running) == "ACTIVE"
