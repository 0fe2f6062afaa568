"""What people and designers write is text on every page, whatever it holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

from bpm_server.domain.identity import SYSTEM
from bpm_server.services import process_instances, tasks, users
from tests.integration.web.pages.conftest import actor

if TYPE_CHECKING:
    from tests.support.product import Product

SCRIPT = "<script>alert(1)</script>"
TAG = """"'><img src=x onerror=alert(2)>"""
RTL = "\u202e\u2066مرحبا"
CLOSING = "</script></textarea></title><!--]]>{{ 7 * 7 }}${7*7}%(who)s"
HOSTILE = f"{SCRIPT}{TAG}{RTL}{CLOSING}"
LONG = HOSTILE + "长" * (10_000 - len(HOSTILE))


def process() -> bytes:
    """A process whose names, category and description are hostile."""
    text = quoteattr(HOSTILE)
    properties = "".join(
        f"<zeebe:property name={quoteattr(name)} value={text}/>"
        for name in ("catalogue.category", "description", "catalogue.icon")
    )
    return f"""<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
      xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" id="d" targetNamespace="t">
      <bpmn:process id="hostile" name={text} isExecutable="true"><bpmn:extensionElements><zeebe:properties>{properties}
      <zeebe:property name="summary" value="orderNumber,customer,amount"/></zeebe:properties></bpmn:extensionElements>
      <bpmn:startEvent id="s" name={text}><bpmn:outgoing>f</bpmn:outgoing></bpmn:startEvent>
      <bpmn:userTask id="look" name={text}><bpmn:extensionElements><zeebe:userTask/>
      <zeebe:assignmentDefinition candidateUsers="zhou.wei"/><zeebe:properties>
      <zeebe:property name="outcomes" value="approved,rejected"/><zeebe:property name="outcome.approved" value={text}/>
      </zeebe:properties></bpmn:extensionElements><bpmn:incoming>f</bpmn:incoming><bpmn:outgoing>g</bpmn:outgoing>
      </bpmn:userTask><bpmn:endEvent id="e" name={text}><bpmn:incoming>g</bpmn:incoming></bpmn:endEvent>
      <bpmn:sequenceFlow id="f" name={text} sourceRef="s" targetRef="look"/>
      <bpmn:sequenceFlow id="g" sourceRef="look" targetRef="e"/></bpmn:process></bpmn:definitions>""".encode()


def check(page: Any, path: str, *, shows: bool = True) -> None:
    """Nothing of it has become an element or an attribute, and it is there as text."""
    assert page.status < 500, path
    assert "<script>alert" not in page.text, path
    assert "<img src=x" not in page.text, path
    if page.tree is None:
        return
    assert not page.tree.xpath("//@onerror | //img[@src='x'] | //script[contains(., 'alert(1)')][not(@type)]"), path
    for script in page.tree.cssselect("script[type='application/json']"):
        json.loads(script.text)
    if shows:
        said = page.tree.text_content() + "".join(page.tree.xpath("//@value | //@aria-label | //@title"))
        assert "alert(1)" in said, path


def test_hostile_text_is_text_on_every_page(company: Product, browser: Any) -> None:
    users.save_user(company.server, SYSTEM, "zhou.wei", name=HOSTILE)
    company.deploy(process())
    zhou, li = actor(company, "zhou.wei"), actor(company, "li.ming")
    values = {"orderNumber": HOSTILE, "customer": LONG, "amount": 1, "currency": HOSTILE, "remark": LONG, HOSTILE: LONG}
    keys = [
        process_instances.start_process(company.server, zhou, process_id="hostile", variables=values).key
        for _ in range(3)
    ]
    order = process_instances.start_process(
        company.server, li, process_id="order-approval", variables={**values, "currency": "CNY", "lines": []}
    ).key
    first, second, third = (company.task("look", instance=key).key for key in keys)
    technology = company.task("review-technology", instance=order).key
    tasks.comment_task(company.server, zhou, second, LONG)
    tasks.complete_task(company.server, zhou, first, {}, outcome="approved", comment=LONG)
    tasks.complete_task(company.server, actor(company, "wang.fang"), technology, {}, outcome="returned", comment=LONG)
    correct = company.task("correct-order", instance=order).key
    panes = ("why", "timeline", "diagram")
    pages = {
        "zhou.wei": [
            "/", "/?tab=done", "/?tab=started", f"/?q={HOSTILE[:20]}", "/start", "/start/hostile",
            f"/inbox/filters?q={HOSTILE}&process={HOSTILE}",
            "/start/hostile/share", "/instances",
            *[f"/tasks/{key}{rest}" for key in (first, second) for rest in ("", *(f"/{pane}" for pane in panes))],
            *[f"/instances/{keys[0]}{rest}" for rest in ("", "?tab=started", "/timeline", "/diagram", "/data")],
        ],
        "li.ming": [f"/tasks/{correct}", f"/tasks/{correct}/timeline", "/?tab=started", f"/instances/{order}"],
        "chen.jing": [
            "/instances", f"/instances/{keys[0]}", f"/instances/{order}", f"/instances?q={HOSTILE[:20]}",
            *[f"/instances/{keys[1]}/{act}" for act in ("modify", "migrate")],
            "/processes/hostile", "/processes/hostile/versions/1/migrate",
        ],
    }  # fmt: skip
    for username, paths in pages.items():
        somebody = browser(username)
        for path in paths:
            check(somebody.get(path), path)
            check(somebody.get(path, target="detail"), path, shows=False)
    somebody = browser("zhou.wei")
    check(somebody.get(f"/no-such/{HOSTILE}"), "not found", shows=False)
    check(somebody.post("/inbox/bulk/check", {"key": [second]}, target="detail"), "bulk check")
    check(somebody.post("/inbox/bulk", {"key": [second], "comment": LONG}, target="detail"), "bulk")
    done = somebody.post(f"/tasks/{third}/complete", {"outcome": "approved", "comment": HOSTILE}, target="detail")
    assert done.headers["HX-Trigger"].isascii(), "headers hold nothing but ASCII"
    asked = f"/instances/batch/cancel?q={HOSTILE}&process={HOSTILE}"
    check(browser("chen.jing").get(asked), "asking for a batch", shows=False)
    bad = browser("chen.jing").post("/admin/webhooks", {"name": HOSTILE, "url": HOSTILE})
    check(bad, "endpoint")
    token = browser().get("/sign-in").tree.cssselect("input[name=token]")[0].get("value")
    check(browser().post("/sign-in", {"username": HOSTILE, "password": "x", "token": token}), "sign-in", shows=False)
